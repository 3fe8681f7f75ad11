from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.geometry import Box, box_iou
from stg_model.evaluation.settings import CHOICES
from stg_model.evaluation.tube_overlap import flatten, tube_ious

BOX, HALF, ELSEWHERE = Box(0, 0, 0.5, 0.5), Box(0, 0, 0.25, 0.5), Box(0.5, 0.5, 1, 1)
CELLS = 12


def ious(predicted, true, unlabelled="ignored"):
    """Return both forms of IoU of two tubes of one group."""
    found = tube_ious(flatten([0], [predicted]), flatten([0], [true]), unlabelled)
    return found.volume_P.item(), found.act_P.item()


def test_equal_tubes_overlap_wholly_and_disjoint_ones_not_at_all():
    tube = {2: BOX, 3: HALF, 5: BOX}
    assert ious(tube, tube) == (1, 1)
    assert ious(tube, {8: BOX}) == (0, 0)
    assert ious(tube, dict.fromkeys(tube, ELSEWHERE)) == (0, 0)


def test_the_forms_differ():
    # A large box that is right, beside a small one that is not: a volume weighs areas.
    true = {0: BOX, 1: Box(0, 0, 0.1, 0.1)}
    volume, act = ious({0: BOX, 1: Box(0.1, 0, 0.2, 0.1)}, true)
    assert volume == pytest.approx(0.25 / 0.27)
    assert act == 0.5


def test_seconds_of_one_side_only_count_against_it():
    assert ious({0: BOX, 1: BOX}, {1: BOX, 2: BOX}) == pytest.approx((1 / 3, 1 / 3))


def test_unlabelled_seconds_are_ignored_or_background():
    true = {0: BOX, 1: None, 2: BOX}
    predicted = {0: BOX, 1: BOX, 2: BOX}
    assert ious(predicted, true, "ignored") == pytest.approx((1, 1))
    assert ious(predicted, true, "background") == pytest.approx((2 / 3, 2 / 3))
    # A second at which the true tube is not, unlike one at which nobody said where, always counts.
    assert ious(predicted, {0: BOX, 2: BOX}, "ignored") == pytest.approx((2 / 3, 2 / 3))


def test_a_tube_that_lies_in_unlabelled_seconds_alone_overlaps_nothing():
    assert ious({1: BOX}, {0: BOX, 1: None}) == (0, 0)


def test_only_tubes_of_one_group_are_paired_and_every_pair_is_there():
    predicted = flatten([7, 2, 7], [{0: BOX}, {0: BOX}, {4: BOX}])
    true = flatten([2, 7, 3, 7], [{1: BOX}, {0: HALF}, {0: BOX}, {4: BOX}])
    found = tube_ious(predicted, true, "ignored")
    pairs = list(zip(found.predicted_P.tolist(), found.true_P.tolist(), strict=True))
    assert pairs == [(0, 1), (0, 3), (1, 0), (2, 1), (2, 3)]
    assert found.volume_P.tolist() == [0.5, 0, 0, 0, 1]


@pytest.mark.parametrize("sides", [([], [{0: BOX}]), ([{0: BOX}], []), ([], [])])
def test_no_tubes_make_no_pairs(sides):
    predicted, true = (flatten([0] * len(tubes), tubes) for tubes in sides)
    found = tube_ious(predicted, true, "ignored")
    assert len(found.predicted_P) == len(found.volume_P) == len(found.act_P) == 0


@st.composite
def boxes(draw):
    """Draw a box on the lines of a grid, so that its mask is exact."""
    x1, y1 = draw(st.integers(0, CELLS - 1)), draw(st.integers(0, CELLS - 1))
    x2, y2 = draw(st.integers(x1 + 1, CELLS)), draw(st.integers(y1 + 1, CELLS))
    return Box(x1 / CELLS, y1 / CELLS, x2 / CELLS, y2 / CELLS)


TENTHS = (0.1, 0.2, 0.3, 0.4, 0.5)


@st.composite
def pairs_in_tenths(draw):
    """Draw two tubes of four seconds in whole tenths of the frame, x1 y1 x2 y2 by second."""
    sides = (
        st.tuples(st.integers(0, 9), st.integers(0, 9)).map(sorted).map(lambda s: (s[0], s[1] + 1))
    )
    box = st.tuples(sides, sides)
    tube = st.dictionaries(st.integers(0, 3), box, min_size=1)
    return draw(tube), draw(tube)


def in_tenths(tube):
    return {s: Box(x[0] / 10, y[0] / 10, x[1] / 10, y[1] / 10) for s, (x, y) in tube.items()}


def exact(one, other):
    """Return both forms as fractions, of boxes in whole numbers."""

    def area(x, y):
        return max(0, x[1] - x[0]) * max(0, y[1] - y[0])

    shared = {
        s: area(
            *((max(a[0], b[0]), min(a[1], b[1])) for a, b in zip(one[s], other[s], strict=True))
        )
        for s in one.keys() & other.keys()
    }
    areas = sum(area(*box) for tube in (one, other) for box in tube.values())
    spatial = sum(Fraction(shared[s], area(*one[s]) + area(*other[s]) - shared[s]) for s in shared)
    volume = Fraction(sum(shared.values()), areas - sum(shared.values()))
    return volume, spatial / len(one.keys() | other.keys())


@given(pairs_in_tenths())
def test_an_iou_of_exactly_a_threshold_is_neither_above_nor_below_it(pair):
    found = ious(*(in_tenths(tube) for tube in pair))
    for iou, fraction in zip(found, exact(*pair), strict=True):
        for n, threshold in enumerate(TENTHS, start=1):
            assert (iou > threshold) == (fraction > Fraction(n, 10))
            assert (iou >= threshold) == (fraction >= Fraction(n, 10))


@pytest.mark.parametrize("n", range(1, 6))
@pytest.mark.parametrize("left", range(1, 10))
def test_ious_of_one_to_five_tenths_in_boxes_of_a_tenth(n, left):
    # A box of one tenth of the width at all ten seconds, said at n of them.
    true = dict.fromkeys(range(10), Box(left / 10, 0.1, (left + 1) / 10, 0.8))
    said = {second: true[second] for second in range(n)}
    assert ious(said, true) == (n / 10, n / 10)


tubes = st.dictionaries(st.integers(0, 5), boxes(), min_size=1)
rules = st.sampled_from(CHOICES["unlabelled_tube_seconds"])


@st.composite
def partly_labelled(draw):
    tube = draw(tubes)
    unlabelled = draw(st.sets(st.integers(0, 5))) - tube.keys()
    return {**tube, **dict.fromkeys(unlabelled)}


def encoded(box):
    """Return the box's mask as the run lengths of pycocotools."""
    from pycocotools import mask

    cells = np.zeros((CELLS, CELLS), np.uint8, order="F")
    if box:
        x1, y1, x2, y2 = (round(v * CELLS) for v in (box.x1, box.y1, box.x2, box.y2))
        cells[y1:y2, x1:x2] = 1
    return mask.encode(cells)


@given(predicted=tubes, true=partly_labelled(), rule=rules)
def test_volumes_are_those_of_masks(predicted, true, rule):
    from pycocotools import mask

    shared = either = 0
    for second in range(6):
        if rule == "ignored" and second in true and true[second] is None:
            continue
        frame = [encoded(tube.get(second)) for tube in (predicted, true)]
        shared += mask.area(mask.merge(frame, intersect=True))
        either += mask.area(mask.merge(frame))
    assert ious(predicted, true, rule)[0] == pytest.approx(shared / either)


@given(predicted=tubes, true=partly_labelled(), rule=rules)
def test_act_is_the_mean_overlap_in_space_times_the_overlap_in_time(predicted, true, rule):
    labelled = {s: box for s, box in true.items() if box}
    seen = {s: b for s, b in predicted.items() if rule == "background" or true.get(s, BOX)}
    both = seen.keys() & labelled.keys()
    expected = 0.0
    if both:
        in_space = np.mean([box_iou(seen[s], labelled[s]) for s in both])
        expected = in_space * len(both) / len(seen.keys() | labelled.keys())
    assert ious(predicted, true, rule)[1] == pytest.approx(expected)


@given(one=tubes, other=tubes, rule=rules, data=st.data())
def test_neither_the_sides_nor_the_order_of_the_boxes_matter(one, other, rule, data):
    shuffled = dict(data.draw(st.permutations(list(one.items()))))
    assert ious(shuffled, other, rule) == ious(one, other, rule)
    assert ious(other, one, rule) == pytest.approx(ious(one, other, rule))


@given(data=st.data(), rule=rules)
def test_many_tubes_at_once_are_what_each_pair_is_alone(data, rule):
    groups = st.lists(st.tuples(st.integers(0, 2), tubes), max_size=5)
    predicted, true = data.draw(groups), data.draw(groups)
    flat = (flatten([g for g, _ in side], [t for _, t in side]) for side in (predicted, true))
    found = tube_ious(*flat, rule)
    alone = {
        (d, t): ious(one, other, rule)
        for d, (group, one) in enumerate(predicted)
        for t, (true_group, other) in enumerate(true)
        if group == true_group
    }
    indices = zip(found.predicted_P.tolist(), found.true_P.tolist(), strict=True)
    both = zip(found.volume_P.tolist(), found.act_P.tolist(), strict=True)
    assert dict(zip(indices, both, strict=True)) == alone
