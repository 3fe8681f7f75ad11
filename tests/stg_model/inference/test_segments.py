from __future__ import annotations

import csv
import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.domain import Action
from dataset_builder.geometry import Box, Point
from dataset_builder.predictions import PointPrediction, SecondPrediction
from stg_model.inference.segments import segments_of, tubes_of, write_segments

NAMES = st.lists(st.sampled_from([None, "a", "b"]), max_size=30)


def records(names, score=0.5):
    return [SecondPrediction("v", s, a, {a: score} if a else {}) for s, a in enumerate(names)]


@given(NAMES, st.integers(0, 3), st.randoms())
def test_every_named_second_stands_in_one_segment_whatever_the_order(names, gap, random):
    found = segments_of(records(names), gap)
    held = [(second, one.action_id) for one in found for second in one.seconds]
    assert sorted(held) == [(s, a) for s, a in enumerate(names) if a]
    shuffled = records(names)
    random.shuffle(shuffled)
    assert segments_of(shuffled, gap) == found


@given(NAMES, st.integers(0, 3))
def test_segments_of_one_action_lie_further_apart_than_the_gap(names, gap):
    for name in "ab":
        mine = [one for one in segments_of(records(names), gap) if one.action_id == name]
        for before, after in itertools.pairwise(mine):
            assert after.start_s - before.end_s > gap
        for one in mine:
            steps = [b - a for a, b in itertools.pairwise(one.seconds)]
            assert max(steps, default=1) <= gap + 1


def test_the_score_is_the_mean_over_the_seconds_that_name_the_action():
    seconds = [SecondPrediction("v", s, "a", {"a": score}) for s, score in ((0, 0.2), (1, 0.6))]
    (found,) = segments_of(seconds)
    assert found.score == 0.4


def test_a_tube_has_the_boxes_of_its_segments_own_seconds():
    boxes = {s: Box(0.1 * s, 0, 0.5, 0.5) for s in range(3)}
    points = [PointPrediction("v", s, "a", Point(0.5, 0.5), box) for s, box in boxes.items()]
    points.append(PointPrediction("v", 1, "b", Point(0.5, 0.5), Box(0.9, 0.9, 1, 1)))
    segments = segments_of(records(["a", None, "a", "b"]), gap_s=1)
    (tube,) = tubes_of(segments, points)  # "b" has no box at second 3
    assert tube.boxes == {0: boxes[0], 2: boxes[2]}
    assert (tube.action_id, tube.score) == ("a", 0.5)


def test_the_two_files_say_the_same(tmp_path):
    segments = segments_of(records(["ü", "ü", None, "b"]))
    write_segments(tmp_path / "new", segments, [Action("ü", "Öl, rühren")], {"gap_s": 0})
    whole = json.loads((tmp_path / "new/segments.json").read_text(encoding="utf-8"))
    assert whole["settings"] == {"gap_s": 0}
    with (tmp_path / "new/segments.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [(r["description"], r["start_s"], r["end_s"]) for r in rows] == [
        ("Öl, rühren", "0", "2"), ("b", "3", "4"),
    ]  # fmt: skip
    assert [{k: str(v) for k, v in row.items()} for row in whole["segments"]] == rows
