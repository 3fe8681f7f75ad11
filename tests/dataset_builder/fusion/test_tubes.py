from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.fusion.tubes import GAP_RULES, tubes_of
from dataset_builder.geometry import Box

LEFT, RIGHT = Box(0, 0, 0.2, 0.2), Box(0.6, 0.6, 1, 1)
frames = st.dictionaries(
    st.tuples(st.sampled_from("ab"), st.integers(0, 12)), st.sampled_from([LEFT, RIGHT])
)


def test_a_gap_ends_the_tube_where_the_rule_says_so():
    boxes = {("a", 5): LEFT, ("a", 2): LEFT, ("a", 3): RIGHT, ("b", 3): LEFT}
    tubes = tubes_of(boxes, "ends_the_tube")
    assert [(t.tube_id, t.clip_id, list(t.boxes)) for t in tubes] == [
        ("a/2", "a", [2, 3]),
        ("a/5", "a", [5]),
        ("b/3", "b", [3]),
    ]


def test_a_gap_is_filled_by_moving_each_corner_evenly():
    tube = tubes_of({("a", 2): LEFT, ("a", 6): RIGHT}, "filled_linearly")[0]
    assert list(tube.boxes) == [2, 3, 4, 5, 6]
    assert tube.boxes[3] == Box(0.15, 0.15, 0.4, 0.4)
    assert tube.boxes[4] == Box(0.3, 0.3, 0.6, 0.6)
    assert tube.filled_seconds == (3, 4, 5)


@given(frames, st.sampled_from(GAP_RULES))
def test_every_box_lies_in_one_tube_of_its_clip_whatever_the_rule(boxes, gap):
    tubes = tubes_of(boxes, gap)
    found = {
        (tube.clip_id, second): box
        for tube in tubes
        for second, box in tube.boxes.items()
        if second not in tube.filled_seconds
    }
    assert found == boxes
    assert len({tube.tube_id for tube in tubes}) == len(tubes)
    assert all(list(tube.boxes) == sorted(tube.boxes) for tube in tubes)


@given(frames)
def test_tubes_have_no_gap_where_gaps_end_them_or_are_filled(boxes):
    for gap in ("ends_the_tube", "filled_linearly"):
        for tube in tubes_of(boxes, gap):
            seconds = list(tube.boxes)
            assert seconds == list(range(seconds[0], seconds[-1] + 1))


@pytest.mark.parametrize("gap", GAP_RULES)
def test_no_boxes_make_no_tubes(gap):
    assert tubes_of({}, gap) == ()
