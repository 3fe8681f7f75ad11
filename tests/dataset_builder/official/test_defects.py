from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.errors import InputError
from dataset_builder.official.defects import CODES, counts_of, find_defects, report_of, text_of
from dataset_builder.official.files import read_folder
from dataset_builder.official.name_checks import is_plural, near_pairs
from dataset_builder.official.records import fits, mean_clicks, mended
from dataset_builder.official.totals import totals_of
from tests.dataset_builder.official.conftest import BATCH_A, BATCH_B, TALL, WIDE, Source, Task

BOTH = f"{BATCH_A}.json and {BATCH_B}.json"
RELEASED, SEG, GROUND = "GoundingYouTubeBox.json", "seg.json", "ground_seg.json"
SHORT = "ground_seg_3to20.json"


def counts(folder):
    return counts_of(find_defects(read_folder(folder)))


def test_every_planted_defect_is_counted(publish):
    found = counts(publish())
    boxes = {code: by_file[RELEASED] for code, by_file in found.items() if RELEASED in by_file}
    assert boxes == {
        "inverted_box": 1,  # second 6
        "box_outside_frame": 1,  # second 5; the portrait video's frame is 640 px high
        "side_cut": 3,  # seconds 3, 6, 7; in the portrait video 480 is the frame's side
        "narrow_box": 2,  # seconds 3, 6
        "mean_b_outside_box": 1,  # second 6
        "mean_a_outside_box": 1,  # second 3
        "broken_unicode": 1,
    }
    others = {
        code: by_file
        for code, by_file in found.items()
        if code not in boxes or code == "broken_unicode"
    }
    assert others.pop("broken_unicode")[f"{BATCH_B}.json"] == 2
    assert others.pop("underscores") == {SEG: 7, f"{BATCH_A}.json": 2, f"{BATCH_B}.json": 6}
    assert others == {
        "nobody_clicked": {f"{BATCH_A}.json": 1, f"{BATCH_B}.json": 1},
        "in_both_batches": {BOTH: 1},
        "two_labels_in_second": {BOTH: 2},
        "lost_to_collision": {BOTH: 1},
        "shared_second": {SEG: 1, GROUND: 1},
        "zero_length": {SEG: 1, GROUND: 1},
        "ids_not_contiguous": {GROUND: 1},
        "label_overwritten": {GROUND: 1},
        "segment_without_box": {SEG: 1},
        "segment_with_one_box": {SEG: 1, GROUND: 1},
        "segment_not_covered": {SEG: 3, GROUND: 2, SHORT: 2},
        "gap_in_segment": {SEG: 2, GROUND: 2, SHORT: 2},
        "plural_names": {SEG: 1},
        "near_duplicate_names": {SEG: 2, GROUND: 1, SHORT: 1},
        "single_segment_action": {SEG: 6, GROUND: 5, SHORT: 3},
    }


def test_the_official_counts_are_those_of_the_defect_table(official_files):
    files = official_files
    found = counts_of(find_defects(files))
    newer = "id2xy_box_new_s.json"
    assert (found["inverted_box"][RELEASED], found["inverted_box"][newer]) == (18, 61)
    # Of 2,111 and 2,592 boxes with y2 > 480, 4 and 5 are in the frame of the portrait video.
    assert (found["box_outside_frame"][RELEASED], found["box_outside_frame"][newer]) == (2107, 2587)
    assert found["side_cut"][RELEASED] == 5_119  # 29.6 %
    assert found["narrow_box"][RELEASED] == 464
    assert found["mean_b_outside_box"][RELEASED] == 505  # of 13,566
    assert found["two_labels_in_second"] == {BOTH: 441}
    assert found["lost_to_collision"] == {BOTH: 134}
    assert found["box_files_differ"] == {
        "id2xy_box_agree.json and id2xy_box_new_s.json": 43,
        "id2xy_box_agree.json and id2xy_box.json": 50,
        "id2xy_box_new_s.json and id2xy_box.json": 21,
    }
    assert found["nobody_clicked"] == {f"{BATCH_A}.json": 884, f"{BATCH_B}.json": 4_250}
    assert found["in_both_batches"] == {BOTH: 884}
    # 57 sentences differ from seg.json; that of one is spelt in another way only.
    assert found["label_overwritten"] == {GROUND: 56}
    assert found["shared_second"] == {SEG: 452, GROUND: 332, SHORT: 57}
    assert found["zero_length"] == {SEG: 41, GROUND: 393}
    assert found["segment_without_box"] == {SEG: 570, GROUND: 456, SHORT: 115}
    assert found["segment_with_one_box"][GROUND] == 825
    # 5,018 - 456 - 2,077 = 2,485 are covered in every second.
    assert found["segment_not_covered"][GROUND] == 2_077
    assert found["gap_in_segment"][GROUND] == 625
    assert found["ids_not_contiguous"] == {GROUND: 69}
    spelt = {RELEASED: 3, "box_anno.json": 3, GROUND: 1, f"{BATCH_A}.json": 1, f"{BATCH_B}.json": 3}
    assert found["broken_unicode"] == spelt
    assert found["plural_names"][GROUND] == 66
    assert found["near_duplicate_names"][GROUND] == 94
    assert found["single_segment_action"][GROUND] == 317
    absent = {"unordered_segment", "overlapping_segments", "steps_differ", "sizes_differ"}
    assert set(CODES) - set(found) == absent
    means = mean_clicks(files)
    assert len(means) == 26_987
    assert len({mean.frame for mean in means if mean.was_clicked}) == 21_719


def test_every_count_is_a_part_of_something_that_can_have_the_defect(publish):
    files = read_folder(publish())
    rows = {(d["code"], d["file"]): d for d in report_of(files, find_defects(files))["defects"]}
    names = {"plural_names", "near_duplicate_names", "broken_unicode", "underscores"}
    for (code, _), row in rows.items():
        assert (row["of"] is None) == (code in names)
        if row["of"] is not None:
            assert 0 < row["count"] <= row["of"]
            assert row["share"] == row["count"] / row["of"]
    assert rows["side_cut", RELEASED]["of"] == len(files["GoundingYouTubeBox"].rows)
    # Of the released boxes that of second 3, of the portrait's 1 and of 13 have a row in A alone...
    assert rows["mean_a_outside_box", RELEASED]["of"] == 2  # ...but 13 has one in B as well.
    assert rows["lost_to_collision", BOTH]["of"] == sum(m.was_clicked for m in mean_clicks(files))


def test_the_official_totals_are_those_of_the_defect_table(official_files):
    wanted = [
        ("mean_b_outside_box", RELEASED),
        ("mean_a_outside_box", RELEASED),
        ("two_labels_in_second", BOTH),
        ("lost_to_collision", BOTH),
        ("single_segment_action", GROUND),
    ]
    found = totals_of(official_files, wanted)
    assert [found[key][0] for key in wanted] == [13_566, 3_536, 25_661, 21_853, 680]


def test_defects_that_the_public_files_do_not_have_are_found_too(tmp_path):
    (tmp_path / "seg.json").write_text(
        '{"v": [{"segment": [9, 5], "id": 0, "sentence": "cut"}, '
        '{"segment": [1, 4], "id": 1, "sentence": "stir"}]}'
    )
    (tmp_path / "vid2step.json").write_text('{"v": ["cut"]}')
    (tmp_path / "ground_seg_3to20.json").write_text('{"v": []}')
    for name, size in (("id2wh", "[1280, 720]"), ("id2wh_new", "[640, 480]")):
        (tmp_path / f"{name}.json").write_text(f'{{"v": {size}}}')
    (tmp_path / "id2wh_reso.json").write_text('{"v": [0.5, 0.5]}')
    (tmp_path / "box_anno.json").write_text('{"v": []}')
    (tmp_path / "id2xy_box_agree.json").write_text('{"v": {"7": [1, 2, 200, 300]}}')
    found = counts(tmp_path)
    assert found["unordered_segment"] == {SEG: 1}
    assert found["overlapping_segments"] == {SEG: 1}
    assert found["steps_differ"] == {"vid2step.json": 1}
    assert found["sizes_differ"] == {"id2wh_reso.json": 1}
    assert found["box_files_differ"] == {"box_anno.json and id2xy_box_agree.json": 1}


def test_files_without_a_defect_give_none_and_the_report_says_what_was_looked_for(publish):
    tasks = [Task(WIDE, s, "crack_egg", [(200, 200)] * 5) for s in (2, 3, 4)]
    tasks += [Task(TALL, s, "crack_egg", [(200, 200)] * 5) for s in (2, 3)]
    spans = {WIDE: [(2, 4, "crack egg")], TALL: [(2, 3, "crack egg")]}
    files = read_folder(publish(Source({WIDE: (640, 480), TALL: (480, 640)}, spans, tasks)))
    defects = [d for d in find_defects(files) if d.code != "underscores"]
    # The segment of two seconds is too short for ground_seg_3to20.
    assert [(d.code, d.file) for d in defects] == [("single_segment_action", SHORT)] * len(defects)
    assert report_of(files, [])["not_found"] == list(CODES)
    assert list(text_of([])) == [f"not found: {', '.join(CODES)}"]


def test_the_report_has_counts_with_examples(publish):
    files = read_folder(publish())
    defects = find_defects(files)
    report = report_of(files, defects, n_examples=1)
    found = list(dict.fromkeys(defect["code"] for defect in report["defects"]))
    assert found == [code for code in CODES if code in found]
    assert len(defects) == sum(defect["count"] for defect in report["defects"])
    cut = next(d for d in report["defects"] if (d["code"], d["file"]) == ("side_cut", RELEASED))
    assert cut["count"] == 3
    assert cut["examples"] == ["landscape_1, second 3: [450, 190, 480, 410]"]
    assert report["files"]["seg.json"]["rows"] == 8


def test_means_of_both_batches_are_in_pixels_of_the_stretched_frame(publish):
    means = {(m.frame, m.step): m for m in mean_clicks(read_folder(publish()))}
    assert means[(WIDE, 3), "crack egg"].point_px == pytest.approx((560, 300))
    assert means[(WIDE, 2), "crack egg"].point_px == pytest.approx((200, 200))
    assert means[(TALL, 1), "crack egg"].point_px == pytest.approx((240, 560))
    assert means[(WIDE, 12), "purée it"].label == "puru00e9e_it"


def test_without_sizes_batch_a_has_no_means(publish):
    files = read_folder(publish())
    del files["id2wh"]
    batch_a = [mean for mean in mean_clicks(files) if mean.batch == "A"]
    assert {mean.point_px for mean in batch_a} == {None}
    assert sum(mean.was_clicked for mean in batch_a) == 3


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (BATCH_B, "_2_crack_egg.jpg", "_two_crack_egg.jpg", "should be named <video_id>_<second>"),
        ("id2wh", "1280", "0", "size of video 'landscape_1' must be 1 pixel or more, got 0 x 720"),
        ("box_anno", '"second": 3', '"second": 2', "'landscape_1' has two boxes for second 2"),
    ],
)
def test_what_no_check_can_read_is_refused_with_the_place(publish, name, old, new, message):
    folder = publish()
    path = folder / f"{name}.json"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        counts(folder)


def test_a_plural_is_told_from_another_word():
    assert is_plural("pour egg white", "pour eggs whites")
    assert is_plural("add potato", "add potatoes")
    assert not is_plural("cut egg", "cut egg")
    assert not is_plural("cut egg", "cut")
    assert not is_plural("eat egg", "beat egg")


words = st.lists(st.sampled_from(["egg", "eggs", "cut", "pancake", "pancakke"]), max_size=3)


@given(st.sets(words.map(" ".join), max_size=6))
def test_pairs_of_names_do_not_depend_on_the_order_of_the_names(names):
    pairs = list(near_pairs(names))
    assert pairs == list(near_pairs(sorted(names, reverse=True)))
    assert len(set(pairs)) == len(pairs)
    assert all(a < b for a, b in pairs)


def test_letters_spelt_as_codes_and_in_two_parts_are_mended_and_nothing_else():
    assert mended("puru00e9e it") == mended("pure\u0301e it") == "pur\u00e9e it"
    assert mended("crack egg u00") == "crack egg u00"


def test_a_mean_fits_a_box_where_every_uncut_side_has_its_margin(publish):
    means = mean_clicks(read_folder(publish()))
    from dataset_builder.importers.grounding_youtube_files import RawBox

    mean = next(m for m in means if (m.frame, m.step) == ((WIDE, 2), "crack egg"))
    for corners, expected in (
        ((90, 90, 310, 310), True),
        ((0, 0, 480, 640), True),
        ((150, 90, 310, 310), False),
        ((90, 90, 250, 310), False),
        ((90, 150, 310, 310), False),
        ((90, 90, 310, 250), False),
    ):
        assert fits(RawBox(WIDE, 2, corners, (640, 480)), mean) is expected
    assert not fits(RawBox(WIDE, 4, (0, 0, 480, 640), (640, 480)), means[1])
