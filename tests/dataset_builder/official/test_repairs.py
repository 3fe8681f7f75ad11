from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.geometry import Box
from dataset_builder.importers.grounding_youtube_files import LANDSCAPE, PORTRAIT, RawBox
from dataset_builder.official.repairs import NO_AREA, NO_MEAN, repair_box


def repaired(corners, mean_x=None, size=LANDSCAPE):
    return repair_box(RawBox("landscape_1", 7, corners, size), mean_x)


def pixels(box, size=LANDSCAPE):
    return tuple(
        side * axis for side, axis in zip((box.x1, box.y1, box.x2, box.y2), size * 2, strict=True)
    )


@pytest.mark.parametrize(
    ("corners", "mean_x", "expected", "rules"),
    [
        ((64, 48, 320, 240), 200, (64, 48, 320, 240), ()),
        ((300, 48, 480, 240), 410, (300, 48, 520, 240), ("side_cut",)),  # 2 * 410 - 300
        ((0, 48, 480, 240), 390, (0, 48, 640, 240), ("side_cut",)),  # 780, beyond the frame
        ((350, 48, 480, 240), 420, (350, 48, 520, 240), ("side_cut",)),  # 490, but 420 + 100
        ((290, 48, 480, 240), 375, (290, 48, 480, 240), ("side_cut",)),  # 475: 480 was there
        ((505, 48, 480, 240), 610, (505, 48, 640, 240), ("side_cut", "inverted")),
        ((300, 400, 480, 620), 410.5, (300, 400, 521, 480), ("side_cut", "clipped")),
        ((64, 400, 320, 629), 200, (64, 400, 320, 480), ("clipped",)),
        ((-5, -6, 700, 240), 200, (0, 0, 640, 240), ("clipped",)),
    ],
)
def test_each_rule_does_what_it_says(corners, mean_x, expected, rules):
    found = repaired(corners, mean_x)
    assert pixels(found.box) == pytest.approx(expected)
    assert found.rules == rules
    assert found.is_estimated is ("side_cut" in rules)


def test_in_a_portrait_frame_480_is_the_side_of_the_frame():
    found = repaired((300, 400, 480, 620), 410, PORTRAIT)
    assert pixels(found.box, PORTRAIT) == pytest.approx((300, 400, 480, 620))
    assert found.rules == ()


def test_what_cannot_be_repaired_is_left_out_with_the_reason():
    assert repaired((300, 48, 480, 240)).box is None
    assert repaired((300, 48, 480, 240)).reason == NO_MEAN
    assert repaired((300, 48, 200, 240), 250).reason == NO_AREA
    assert repaired((300, 481, 400, 600), 350).reason == NO_AREA
    assert repaired((300, 48, 400, 240)).box == Box(300 / 640, 0.1, 0.625, 0.5)


clicks = st.lists(st.tuples(st.integers(0, 639), st.integers(0, 479)), min_size=1, max_size=5)


@given(clicks)
def test_a_repaired_box_holds_its_mean_click_and_never_loses_what_was_published(points):
    xs, ys = zip(*points, strict=True)
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    corners = (
        max(min(xs) - 100, 0),
        max(min(ys) - 100, 0),
        min(max(xs) + 100, 480),
        min(max(ys) + 100, 640),
    )
    x1, y1, x2, y2 = pixels(repaired(corners, mean_x).box)
    assert x1 - 1e-9 <= mean_x <= x2 + 1e-9
    assert y1 - 1e-9 <= mean_y <= y2 + 1e-9
    assert (x1, y1, y2) == pytest.approx((corners[0], corners[1], min(corners[3], 480)))
    assert x2 >= min(corners[2], 480) - 1e-9
