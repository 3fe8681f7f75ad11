from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.build import build_release
from dataset_builder.domain import frame_seconds
from dataset_builder.errors import InputError
from dataset_builder.exporters.grounding_youtube import write_grounding_youtube
from dataset_builder.geometry import Box
from dataset_builder.importers.grounding_youtube import (
    AS_PUBLISHED,
    IN_NO_CLIP,
    NO_AREA,
    TWICE,
    ZERO_LENGTH,
    as_published,
    read_official,
)
from dataset_builder.importers.grounding_youtube_files import RawBox

SHARED_DATA = Path(os.environ.get("SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
OFFICIAL = SHARED_DATA / "groundingyoutube"
official = pytest.mark.skipif(
    not OFFICIAL.exists(), reason="needs the official files (SHARED_DATA)"
)

PLAIN = [64, 48, 320, 240]
PLAIN_BOX = Box(0.1, 0.1, 0.5, 0.5)
INSIDE_OUT = [500, 48, 480, 240]


@pytest.fixture
def write(tmp_path):
    def write_json(name: str, value: object) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(value), encoding="utf-8")
        return path

    return write_json


def segments_of(*found: tuple[int, int, str]) -> dict[str, list[dict[str, object]]]:
    return {
        "v": [
            {"segment": [first, last], "id": n, "sentence": sentence}
            for n, (first, last, sentence) in enumerate(found)
        ]
    }


def boxes_of(release):
    """Return the boxes by (action, first second of the clip, second)."""
    clips = {clip.clip_id: clip for clip in release.clips}
    return {
        (clips[clip_id].action_id, clips[clip_id].segment.start_s, second): box
        for (clip_id, second), box in release.boxes.items()
    }


def times_of(release):
    return [(c.action_id, c.segment.start_s, c.segment.end_s) for c in release.clips]


def test_the_three_forms_of_a_box_file_say_the_same(write):
    plain = {"v": {"7": PLAIN, "8": PLAIN}}
    named = {"v": {s: {"box": box, "step": "crack egg"} for s, box in plain["v"].items()}}
    listed = {
        "v": [{"second": int(s), "box": b, "step_name": "crack egg"} for s, b in plain["v"].items()]
    }
    segments = write("seg.json", segments_of((7, 8, "crack_egg")))
    paths = [write(f"{n}.json", value) for n, value in enumerate((plain, named, listed))]
    found = [read_official(path, segments) for path in paths]
    for release in found:
        assert boxes_of(release) == {("crack-egg", 7, s): PLAIN_BOX for s in (7, 8)}
        assert [a.description for a in release.actions] == ["crack egg"]
        assert set(release.rules.values()) == {AS_PUBLISHED}
    for path in paths[1:]:
        assert boxes_of(read_official(path)) == boxes_of(found[0])


def test_a_segment_holds_its_last_second_and_one_of_a_single_second_is_left_out(write):
    boxes = write("boxes.json", {"v": {"2": PLAIN, "5": PLAIN, "6": PLAIN, "9": PLAIN}})
    segments = write("seg.json", segments_of((2, 5, "cut"), (9, 9, "stir")))
    release = read_official(boxes, segments)
    assert times_of(release) == [("cut", 2, 6)]
    assert sorted(boxes_of(release)) == [("cut", 2, 2), ("cut", 2, 5)]
    assert release.left_out == {ZERO_LENGTH: 1, IN_NO_CLIP: 2}
    assert [(v.video_id, v.duration_s) for v in release.videos] == [("v", 6)]
    assert [(f.second, f.kept) for f in release.frames] == [
        (2, True), (3, False), (4, False), (5, True),
    ]  # fmt: skip


def test_a_second_of_two_segments_gives_its_box_to_both(write):
    named = {"v": {"4": {"box": PLAIN, "step": "cut"}}}
    segments = write("seg.json", segments_of((2, 4, "cut"), (4, 6, "stir")))
    release = read_official(write("boxes.json", named), segments)
    assert boxes_of(release) == {("cut", 2, 4): PLAIN_BOX, ("stir", 4, 4): PLAIN_BOX}
    assert release.settings["boxes_of_several_clips"] == 1
    assert release.settings["boxes_naming_another_step"] == 1


def test_a_segment_that_stands_twice_is_one_clip(write):
    segments = write("seg.json", segments_of((2, 4, "cut_it"), (2, 4, "cut it")))
    release = read_official(write("boxes.json", {"v": {"3": PLAIN}}), segments)
    assert len(release.clips) == 1
    assert release.left_out == {TWICE: 1}


def test_boxes_are_cut_at_the_frame_and_left_out_where_nothing_remains(write):
    found = {"1": INSIDE_OUT, "2": [64, 400, 320, 629], "3": [64, 480, 320, 629], "4": [5, 5, 5, 9]}
    boxes = write("boxes.json", {"v": found})
    release = read_official(boxes, write("seg.json", segments_of((1, 4, "cut"))))
    assert boxes_of(release) == {("cut", 1, 2): Box(0.1, 400 / 480, 0.5, 1)}
    assert release.left_out == {NO_AREA: 3}


def test_without_segments_a_clip_is_a_run_of_one_step(write):
    steps = {4: "cut", 5: "cut", 8: "cut", 12: "cut", 13: "stir", 14: "cut", 2: "stir"}
    named = {"v": {str(s): {"box": PLAIN, "step": step} for s, step in steps.items()}}
    release = read_official(write("boxes.json", named))
    assert times_of(release) == [
        ("stir", 2, 3), ("cut", 4, 9), ("cut", 12, 13), ("stir", 13, 14), ("cut", 14, 15),
    ]  # fmt: skip
    assert len(release.boxes) == len(steps)
    assert release.left_out == {}


def test_a_run_ends_with_its_video(write):
    named = {v: {"1": {"box": PLAIN, "step": "cut"}} for v in ("v", "w")}
    release = read_official(write("boxes.json", named))
    assert [clip.video_id for clip in release.clips] == ["v", "w"]


def test_portrait_videos_are_measured_in_a_portrait_frame(write):
    box = [48, 64, 240, 320]
    boxes = write("boxes.json", {v: {"1": {"box": box, "step": "cut"}} for v in ("p", "w")})
    native = {"p": [1080, 1920], "w": [1280, 720]}
    stretched = {"p": [480, 640], "w": [640, 480]}
    for name, sizes, is_native in (("id2wh", native, True), ("id2wh_new", stretched, False)):
        release = read_official(boxes, sizes=write(f"{name}.json", sizes))
        found = {clip_id[0]: box for (clip_id, _), box in release.boxes.items()}
        assert found["p"] == Box(0.1, 0.1, 0.5, 0.5)
        assert found["w"] == Box(48 / 640, 64 / 480, 240 / 640, 320 / 480)
        assert {v.video_id: [v.width, v.height] for v in release.videos} == sizes
        assert {f.clip_id[0]: [f.width, f.height] for f in release.frames} == stretched
        assert release.settings["native_sizes"] is is_native
    plain = read_official(boxes)
    assert [(v.width, v.height) for v in plain.videos] == [(640, 480)] * 2
    assert plain.settings["native_sizes"] is False


def test_equal_files_have_one_digest_and_others_another(write, tmp_path):
    boxes, more = {"v": {"3": PLAIN}}, {"v": {"3": PLAIN, "4": PLAIN}}
    segments = write("seg.json", segments_of((2, 4, "cut")))
    digests = {
        read_official(write(name, value), segments).digest
        for name, value in (("a.json", boxes), ("b.json", boxes), ("c.json", more))
    }
    assert len(digests) == 2
    assert all(len(digest) == 64 for digest in digests)


def test_what_our_own_releases_export_is_read_back(make_snapshot, tmp_path):
    snapshot = make_snapshot(assisted=0.1, not_visible=0.1)
    release = build_release(snapshot, name="golden", version="1.0.0")
    write_grounding_youtube(release, tmp_path)
    names = ("id2xy_box", "seg", "id2wh", "id2wh_new")
    boxes, segments, sizes, stretched = (tmp_path / f"{name}.json" for name in names)
    read = read_official(boxes, segments, sizes)
    seconds_of = {clip.clip_id: frame_seconds(clip.segment)[0] for clip in release.clips}
    assert {(c.video_id, c.action_id, c.segment.start_s, c.segment.end_s) for c in read.clips} == {
        (c.video_id, c.action_id, seconds[0], seconds[-1] + 1)
        for c in release.clips
        if len(seconds := seconds_of[c.clip_id]) > 1
    }
    pixels, frames_px = json.loads(boxes.read_text()), json.loads(stretched.read_text())
    video_of = {clip.clip_id: clip.video_id for clip in read.clips}
    assert len(read.boxes) > 10
    for (clip_id, second), box in read.boxes.items():
        width, height = frames_px[video_of[clip_id]]
        found = [box.x1 * width, box.y1 * height, box.x2 * width, box.y2 * height]
        assert pixels[video_of[clip_id]][str(second)] == pytest.approx(found)


@given(st.tuples(*[st.integers(-50, 700)] * 4), st.sampled_from([(640, 480), (480, 640)]))
def test_a_published_box_covers_the_pixels_that_lie_in_it_and_in_the_frame(corners, size):
    x1, y1, x2, y2 = corners
    n_columns = sum(x1 <= column < x2 for column in range(size[0]))
    n_rows = sum(y1 <= row < y2 for row in range(size[1]))
    box = as_published(RawBox("v", 0, corners, size))
    area = 0.0 if box is None else box.area * size[0] * size[1]
    assert area == pytest.approx(n_columns * n_rows)


@pytest.mark.parametrize(
    ("boxes", "segments", "message"),
    [
        ([], None, r"boxes\.json: must be an object of videos by id"),
        ({"v": 3}, None, r"boxes\.json: video 'v': must be a list or an object of seconds"),
        ({"v": {"7": 3}}, None, r"video 'v', second 7: must be an object, got 3"),
        ({"v": {"x": PLAIN}}, None, r"video 'v', second x: .*'second' must be int, got 'x'"),
        ({"v": {"7": [1, 2, 3]}}, None, r"second 7: a box must be four whole pixels"),
        ({"v": {"7": [1.5, 2, 3, 4]}}, None, r"second 7: a box must be four whole pixels"),
        ({"v": [{"second": -1, "box": PLAIN}]}, None, "entry 0: second must be 0 or more"),
        ({"v": {"7": {"box": PLAIN, "step": "!"}}}, None, "second 7: an action must be text"),
        ({"v": [{"second": 1, "box": PLAIN}] * 2}, None, "entry 1: a second box for the same"),
        ({"v": {"7": PLAIN}}, None, r"boxes\.json: its boxes name no steps; give the file of seg"),
        ({"v": {}}, None, r"boxes\.json: holds no clip"),
        ({}, {"v": [{"segment": [5, 2], "sentence": "cut"}]}, "entry 0: segment must be whole"),
        ({}, {"v": [{"segment": [1], "sentence": "cut"}]}, "entry 0: field 'segment' must be a"),
        ({}, {"v": [{"segment": [1, 2]}]}, "entry 0: field 'sentence' must be str, got None"),
        ({}, {"v": [{"segment": [2, 2], "sentence": "cut"}]}, r"seg\.json: holds no clip"),
    ],
)
def test_a_file_of_another_form_is_refused_with_the_place(write, boxes, segments, message):
    path = write("boxes.json", boxes)
    with pytest.raises(InputError, match=message):
        read_official(path, None if segments is None else write("seg.json", segments))


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"w": [640, 480]}, r"id2wh\.json: has no size for video 'v'"),
        ({"v": [1.78, 1.33]}, r"size of video 'v' must be \[width, height\] in whole pixels"),
        ({"v": [640]}, r"size of video 'v' must be \[width, height\] in whole pixels"),
        ({"v": [0, 480]}, r"size of video 'v' must be \[width, height\] in whole pixels"),
    ],
)
def test_sizes_of_another_form_are_refused_with_the_video(write, sizes, message):
    boxes = write("boxes.json", {"v": {"7": {"box": PLAIN, "step": "cut"}}})
    with pytest.raises(InputError, match=message):
        read_official(boxes, sizes=write("id2wh.json", sizes))


def hits_of(release, x=0.5, y=0.5):
    return sum(b.x1 <= x <= b.x2 and b.y1 <= y <= b.y2 for b in release.boxes.values())


@official
@pytest.mark.parametrize(
    ("name", "n_visits", "n_hits"),
    [
        ("id2xy_box", 17_812, 10_981),  # 61.65 %
        ("id2xy_box_agree", 17_531, 11_766),  # 67.12 %
        ("id2xy_box_new_s", 22_020, 13_766),  # 62.52 %
    ],
)
def test_the_official_loop_visits_as_many_boxes_and_the_centre_hits_as_many(name, n_visits, n_hits):
    """The loop also visits boxes without area, which hold no point; here they are left out."""
    boxes, segments = OFFICIAL / f"{name}.json", OFFICIAL / "seg.json"
    release = read_official(boxes, segments)
    rows, spans = json.loads(boxes.read_text()), json.loads(segments.read_text())
    visits = [
        rows[video_id][str(second)]
        for video_id, mine in spans.items()
        for span in mine
        if span["segment"][1] > span["segment"][0]
        for second in range(span["segment"][0], span["segment"][1] + 1)
        if str(second) in rows[video_id]
    ]
    n_without_area = sum(x1 >= min(x2, 640) or y1 >= min(y2, 480) for x1, y1, x2, y2 in visits)
    assert len(visits) == n_visits == len(release.boxes) + n_without_area
    assert hits_of(release) == n_hits
    assert len(release.clips) == 5_091
    assert release.left_out[ZERO_LENGTH] == 41


@official
def test_the_published_boxes_alone_hold_the_centre_11627_times_in_both_forms():
    found = [read_official(OFFICIAL / f"{n}.json") for n in ("GoundingYouTubeBox", "box_anno")]
    for release in found:
        assert len(release.boxes) + release.left_out[NO_AREA] == 17_316
        assert hits_of(release) == 11_627
        assert len(release.actions) == 660
    assert boxes_of(found[0]) == boxes_of(found[1])
    assert found[0].clips == found[1].clips
