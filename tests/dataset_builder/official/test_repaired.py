from __future__ import annotations

import json

import pytest

from dataset_builder.domain import frame_seconds
from dataset_builder.errors import InputError
from dataset_builder.importers.grounding_youtube import IN_NO_CLIP, NOT_PUBLISHED
from dataset_builder.official.comparison import compare, pixel_iou
from dataset_builder.official.comparison_text import text_of
from dataset_builder.official.files import read_folder
from dataset_builder.official.releases import box_file, faithful_release, segment_file
from dataset_builder.official.repaired import (
    NOBODY_CLICKED,
    NOT_ANNOTATED,
    TAKEN,
    TOO_FEW,
    repaired_release,
)
from dataset_builder.official.repairs import NO_MEAN
from tests.dataset_builder.official.conftest import (
    BATCH_A,
    BATCH_B,
    SOURCE,
    TALL,
    WIDE,
    Source,
    Task,
    around,
    stretched,
)

RELEASED = "GoundingYouTubeBox"


@pytest.fixture
def repaired(publish):
    return repaired_release(read_folder(publish()), RELEASED)


def by_step(release, values):
    """Return values by (video, step, second), with spaces in the step."""
    names = {action.action_id: action.description for action in release.actions}
    clips = {c.clip_id: (c.video_id, names[c.action_id]) for c in release.clips}
    return {(*clips[clip_id], second): value for (clip_id, second), value in values.items()}


def test_each_box_is_flagged_with_its_rules(repaired):
    rules = by_step(repaired.release, repaired.release.rules)
    assert {key[1:]: rule for key, rule in rules.items() if rule != "as_published"} == {
        ("crack egg", 3): "side_cut",
        ("beat egg", 5): "clipped",
        ("beat egg", 6): "side_cut+inverted",
        ("beat egg", 7): "side_cut",
        ("add salt", 9): "zero_length",
        ("purée it", 12): "unicode",
    }
    assert len(rules) == 16


def test_repaired_boxes_are_those_that_the_clicks_give(repaired):
    """The generator knows the clicks; they are symmetric, so that estimates are exact."""
    tasks = {
        (t.video_id, t.step.replace("puru00e9e", "purée").replace("_", " "), t.second): t
        for t in SOURCE.tasks
        if t.clicks
    }
    boxes = by_step(repaired.release, repaired.release.boxes)
    for key, box in boxes.items():
        width, height = stretched(SOURCE.sizes[key[0]])
        xs, ys = zip(*tasks[key].clicks, strict=True)
        assert (box.x1 * width, box.x2 * width) == pytest.approx(
            (max(min(xs) - 100, 0), min(max(xs) + 100, width))
        )
        assert (box.y1 * height, box.y2 * height) == pytest.approx(
            (max(min(ys) - 100, 0), min(max(ys) + 100, height))
        )


def test_a_box_belongs_to_the_step_whose_clicks_made_it(publish):
    files = read_folder(publish())
    faithful = faithful_release(publish(name="again"), files, RELEASED)
    shared = by_step(faithful, faithful.boxes)
    assert shared[WIDE, "crack egg", 5] == shared[WIDE, "beat egg", 5]
    repaired = repaired_release(files, RELEASED).release
    boxes = by_step(repaired, repaired.boxes)
    assert (WIDE, "beat egg", 5) in boxes
    assert (WIDE, "crack egg", 5) not in boxes


@pytest.mark.parametrize("boxes", ["id2xy_box_agree", "id2xy_box_new_s"])
def test_where_the_file_names_no_steps_the_means_tell_whose_a_box_is(publish, boxes):
    release = repaired_release(read_folder(publish()), boxes).release
    found = by_step(release, release.boxes)
    assert (WIDE, "beat egg", 5) in found
    assert (WIDE, "crack egg", 5) not in found


@pytest.mark.parametrize("is_first", [True, False])
def test_of_several_steps_that_fit_a_box_the_nearest_to_its_middle_has_it(publish, is_first):
    tall = Task(WIDE, 4, "cut", [(300, 150), (300, 330), (300, 240)])
    other = Task(WIDE, 4, "stir", around(300, 200, n=1))
    tasks = [tall, other] if is_first else [other, tall]
    source = Source({WIDE: (640, 480)}, {WIDE: [(3, 4, "cut"), (4, 5, "stir")]}, tasks)
    release = repaired_release(read_folder(publish(source)), "id2xy_box_agree").release
    assert set(by_step(release, release.boxes)) == {(WIDE, "cut", 4)}


def test_a_box_of_a_step_that_no_clip_has_stays_with_every_clip_of_its_second(publish):
    folder = publish()
    path = folder / f"{RELEASED}.json"
    text = path.read_text()
    path.write_text(text.replace('[0, 310, 210, 530], "step": "beat egg"',
                                 '[0, 310, 210, 530], "step": "dance"'))  # fmt: skip
    assert path.read_text() != text
    release = repaired_release(read_folder(folder), RELEASED).release
    found = by_step(release, release.boxes)
    assert found[WIDE, "beat egg", 5] == found[WIDE, "crack egg", 5]


def test_frames_without_a_box_say_why(repaired):
    frames = {(f.clip_id, f.second): f.reason for f in repaired.release.frames if not f.kept}
    found = by_step(repaired.release, frames)
    assert found == {
        (WIDE, "crack egg", 4): TOO_FEW,
        (WIDE, "crack egg", 5): TAKEN,
        **{(WIDE, "crack eggs", second): NOT_ANNOTATED for second in (20, 21, 22)},
        **{(WIDE, "flip pancake", second): NOT_ANNOTATED for second in (31, 32)},
        (WIDE, "flip pancakke", 44): NOT_ANNOTATED,
    }
    assert repaired.release.left_out == {}


def test_frames_where_nobody_clicked_say_so(publish):
    source = Source({WIDE: (640, 480)}, {WIDE: [(2, 3, "cut")]},
                    [Task(WIDE, 2, "cut", around(300, 240)), Task(WIDE, 3, "cut")])  # fmt: skip
    release = repaired_release(read_folder(publish(source)), RELEASED).release
    assert [frame.reason for frame in release.frames] == ["", NOBODY_CLICKED]


def test_frames_have_the_mean_click_of_their_own_step(repaired):
    means = by_step(
        repaired.release, {(f.clip_id, f.second): f.mean for f in repaired.release.frames}
    )
    assert (means[WIDE, "beat egg", 5].x, means[WIDE, "beat egg", 5].y) == (0.15625, 0.875)
    assert (means[WIDE, "crack egg", 5].x, means[WIDE, "crack egg", 5].y) == (0.3125, 0.833333)
    assert (means[TALL, "crack egg", 1].x, means[TALL, "crack egg", 1].y) == (0.5, 0.875)
    assert means[WIDE, "crack eggs", 20] is None


def test_without_batches_cut_boxes_are_left_out_and_the_others_stay(publish):
    files = read_folder(publish())
    for name in (BATCH_A, BATCH_B):
        del files[name]
    release = repaired_release(files, RELEASED).release
    assert release.left_out == {NO_MEAN: 3}
    assert len(release.boxes) == 13
    reasons = {frame.reason for frame in release.frames if not frame.kept}
    assert reasons == {NO_MEAN, NOT_PUBLISHED}


def test_of_two_rows_on_one_step_the_one_that_fits_the_box_is_its_mean(publish):
    tasks = [
        Task(WIDE, 2, "purée_it", around(500, 240), "A"),
        Task(WIDE, 2, "puru00e9e_it", around(200, 100, n=1)),
    ]
    source = Source({WIDE: (1280, 720)}, {WIDE: [(2, 2, "purée_it")]}, tasks)
    repair = repaired_release(read_folder(publish(source)), RELEASED).repairs[0]
    assert repair.mean_px == pytest.approx((500, 240))
    assert repair.rules == ("side_cut", "zero_length")


def test_either_file_of_sizes_tells_which_videos_are_portrait(publish):
    folder = publish()
    (folder / "id2wh.json").unlink()
    files = read_folder(folder)
    for release in (
        faithful_release(folder, files, RELEASED),
        repaired_release(files, RELEASED).release,
    ):
        assert release.settings["native_sizes"] is False
        assert {v.video_id: (v.width, v.height) for v in release.videos} == {
            WIDE: (640, 480),
            TALL: (480, 640),
        }
        boxes = by_step(release, release.boxes)
        assert boxes[TALL, "crack egg", 2].x2 == 1


def test_without_sizes_every_frame_is_landscape(publish):
    files = read_folder(publish())
    for name in ("id2wh", "id2wh_new"):
        del files[name]
    frames = repaired_release(files, RELEASED).release.frames
    assert {(frame.width, frame.height) for frame in frames} == {(640, 480)}


def test_a_box_outside_every_segment_is_counted(publish):
    source = Source({WIDE: (640, 480)}, {WIDE: [(2, 3, "cut")]},
                    [Task(WIDE, s, "cut", around(300, 240)) for s in (2, 3, 7)])  # fmt: skip
    release = repaired_release(read_folder(publish(source)), RELEASED).release
    assert release.left_out == {IN_NO_CLIP: 1}
    assert len(release.boxes) == 2


def test_one_second_segments_are_clips_of_the_repaired_release_only(publish, repaired):
    folder = publish(name="again")
    faithful = faithful_release(folder, read_folder(folder), RELEASED)
    short = {c.clip_id for c in repaired.release.clips if len(frame_seconds(c.segment)[0]) == 1}
    assert len(short) == 1
    assert {c.clip_id for c in repaired.release.clips} - {
        c.clip_id for c in faithful.clips
    } == short


def test_the_report_counts_what_each_rule_did(publish):
    folder = publish()
    files = read_folder(folder)
    repaired = repaired_release(files, RELEASED)
    report = compare(files, RELEASED, faithful_release(folder, files, RELEASED), repaired)
    rules = report["rules"]
    assert {name: (row["boxes"], row["left_out"]) for name, row in rules.items()} == {
        "clipped": (1, 0),
        "inverted": (1, 0),
        "other_step": (0, 1),
        "side_cut": (3, 0),
        "unicode": (1, 0),
        "zero_length": (1, 0),
    }
    # Seconds 3, 6 and 7: 30 of 190 px, none, 140 of 220 px are the same.
    assert rules["side_cut"]["mean_iou"] == pytest.approx((30 / 190 + 0 + 140 / 220) / 3)
    assert rules["clipped"]["mean_iou"] == pytest.approx(170 / 220)
    # The changed boxes: these four, and two of which only the clip or the name is another.
    assert (report["changed_boxes"]["boxes"], report["changed_boxes"]["left_out"]) == (6, 1)
    counts = report["changed_boxes"]["iou_histogram"]
    assert [(n, count) for n, count in enumerate(counts) if count] == [
        (0, 1), (3, 1), (12, 1), (15, 1), (19, 2),
    ]  # fmt: skip
    before, after = report["mean_click_in_box"].values()
    by_x = report["mean_click_in_box_by_x"]
    for name, share in (("hits_before", before), ("hits_after", after)):
        assert sum(row[name] for row in by_x) == share["hits"]
    assert sum(row["boxes"] for row in by_x) == before["of"]
    assert [row["from"] for row in by_x if row["boxes"] > row["hits_before"]] == [0.85, 0.9]
    assert (before["hits"], before["of"]) == (14, 16)
    assert (after["hits"], after["of"]) == (16, 16)
    assert report["estimate_on_uncut_boxes"]["boxes"] == 10
    assert report["estimate_on_uncut_boxes"]["median_px"] == pytest.approx(0)
    assert report["zero_length_clips"] == ["landscape_1_9000-10000_add-salt"]
    json.dumps(report, allow_nan=False)
    lines = list(text_of(report))
    assert any("mean click of its people" in line and "100.00%" in line for line in lines)


def test_a_release_without_boxes_has_a_report_without_shares(publish):
    source = Source({WIDE: (640, 480)}, {WIDE: [(2, 3, "cut")]}, [Task(WIDE, 2, "cut")])
    folder = publish(source)
    files = read_folder(folder)
    faithful = faithful_release(folder, files, RELEASED)
    report = compare(files, RELEASED, faithful, repaired_release(files, RELEASED))
    assert report["centre_point"]["faithful"] == {
        "hits": 0, "of": 0, "share": None, "interval": None,
    }  # fmt: skip
    assert any(line.startswith("centre point") and " -" in line for line in text_of(report))


def test_pixel_overlap_has_its_anchors():
    box = (10, 20, 110, 220)
    assert pixel_iou(box, box) == 1
    assert pixel_iou(box, (110, 20, 210, 220)) == 0
    assert pixel_iou(box, (60, 20, 160, 220)) == pytest.approx(1 / 3)


def test_files_are_chosen_by_name_or_refused(publish):
    files = read_folder(publish())
    assert box_file(files) == RELEASED
    assert box_file(files, "id2xy_box") == "id2xy_box"
    assert segment_file(files) == "seg"
    few = {"id2xy_box": files["id2xy_box"]}
    with pytest.raises(InputError, match="there is no box file 'box_anno', only id2xy_box"):
        box_file(few, "box_anno")
    with pytest.raises(InputError, match="a release needs a file of segments, one of seg"):
        segment_file(few)
    with pytest.raises(InputError, match="a release needs a box file, one of Gounding"):
        box_file({})


def test_the_official_repairs_are_those_that_the_documentation_states(
    official_folder, official_files
):
    files = official_files
    repaired = repaired_release(files, RELEASED)
    faithful = faithful_release(official_folder, files, RELEASED)
    report = compare(files, RELEASED, faithful, repaired)
    assert {name: (r["boxes"], r["left_out"]) for name, r in report["rules"].items()} == {
        "clipped": (2_108, 0),
        "inverted": (18, 0),
        "other_step": (0, 232),
        "side_cut": (5_121, 0),
        "unicode": (3, 0),
        "zero_length": (18, 0),
    }
    assert (len(faithful.clips), len(repaired.release.clips)) == (5_091, 5_132)
    assert (len(faithful.boxes), len(repaired.release.boxes)) == (17_511, 17_320)
    before, after = report["mean_click_in_box"].values()
    assert (before["of"], after["of"]) == (17_320, 17_320)
    assert after["hits"] == 17_320
    assert report["estimate_on_uncut_boxes"]["boxes"] == 11_803
