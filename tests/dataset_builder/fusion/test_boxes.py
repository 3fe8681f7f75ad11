from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.errors import GeometryError
from dataset_builder.fusion.boxes import main_rule, robust_box, union_box
from dataset_builder.geometry import Box, Point, distance

MARGIN_X, MARGIN_Y = 100 / 640, 100 / 480
coordinates = st.floats(0, 1, allow_nan=False).map(lambda value: round(value, 6))
clicks = st.lists(st.builds(Point, coordinates, coordinates), min_size=1, max_size=7)


@given(clicks)
def test_the_box_holds_every_click_and_stays_in_the_frame(mine):
    box = union_box(mine, MARGIN_X, MARGIN_Y)
    assert all(box.contains(click) for click in mine)
    assert 0 <= box.x1 < box.x2 <= 1
    assert 0 <= box.y1 < box.y2 <= 1


@given(clicks, st.randoms())
def test_the_order_of_clicks_changes_nothing(mine, random):
    shuffled = random.sample(mine, len(mine))
    assert union_box(mine, MARGIN_X, MARGIN_Y) == union_box(shuffled, MARGIN_X, MARGIN_Y)


@pytest.mark.parametrize(
    ("corner", "expected"),
    [
        (Point(0, 0), Box(0, 0, 0.15625, 0.208333)),
        (Point(1, 0), Box(0.84375, 0, 1, 0.208333)),
        (Point(0, 1), Box(0, 0.791667, 0.15625, 1)),
        (Point(1, 1), Box(0.84375, 0.791667, 1, 1)),
    ],
)
def test_a_click_in_a_corner_is_cut_at_the_frame(corner, expected):
    assert union_box([corner], MARGIN_X, MARGIN_Y) == expected


def test_a_click_right_of_480_pixels_keeps_its_whole_width():
    # The public files cut x at 480 of 640, so that this box would end left of the click.
    box = union_box([Point(500 / 640, 0.5)], MARGIN_X, MARGIN_Y)
    assert (box.x1 * 640, box.x2 * 640) == pytest.approx((400, 600), abs=1e-3)


def test_a_box_never_reaches_below_the_frame():
    # The public files cut y at 640 of 480, so that this box would end at 570.
    assert union_box([Point(0.5, 470 / 480)], MARGIN_X, MARGIN_Y).y2 == 1


def test_a_box_without_clicks_is_refused():
    with pytest.raises(GeometryError, match="at least one click"):
        union_box([], MARGIN_X, MARGIN_Y)


def test_the_rule_gives_the_public_boxes_wherever_those_are_not_cut(shared_data):
    """Rows with `mean_dist` 0 have one click, so click and public box are both known."""
    folder = shared_data / "groundingyoutube"
    rows = json.loads((folder / "pumpkin_youtube_FPS_21k_annotation_full_agg_p.json").read_text())
    public = json.loads((folder / "id2xy_box.json").read_text())
    compared, equal = 0, 0
    for row in rows:
        if row["mean_dist"] != 0:
            continue
        name = row["image_url"].rpartition("/")[2]
        video_id, second = name[:11], name[12:].partition("_")[0]
        box = public.get(video_id, {}).get(second)
        if box is None:
            continue
        mine = union_box([Point(row["x"] / 640, row["y"] / 480)], MARGIN_X, MARGIN_Y)
        sides = (mine.x1 * 640, mine.y1 * 480, mine.x2 * 640, mine.y2 * 480)
        is_cut = (box[0] <= 0, box[1] <= 0, box[2] >= 480, box[3] >= 480)
        for side, theirs, cut in zip(sides, box, is_cut, strict=True):
            if not cut:
                compared += 1
                equal += abs(side - theirs) < 1.01
    assert compared > 5000
    assert equal / compared > 0.99


SIZE = (640, 480)
points = st.builds(Point, coordinates, coordinates)
scales = st.floats(1e-6, 0.3)


@given(clicks, points, scales)
def test_the_robust_box_stays_in_the_frame_and_holds_the_click_nearest_to_the_point(
    mine, point, scale
):
    box = robust_box(mine, point, scale, SIZE, 0.125)
    nearest = min(mine, key=lambda click: distance(click, point, *SIZE))
    near = [c for c in mine if distance(c, point, *SIZE) <= distance(nearest, point, *SIZE) + 1e-9]
    assert any(box.contains(click) for click in near)
    assert 0 <= box.x1 < box.x2 <= 1
    assert 0 <= box.y1 < box.y2 <= 1


@given(clicks, points, scales)
def test_the_robust_box_is_a_union_box_of_some_of_the_clicks(mine, point, scale):
    margins = (0.125 * 800 / 640, 0.125 * 800 / 480)
    whole = union_box(mine, *margins)
    box = robust_box(mine, point, scale, SIZE, 0.125)
    assert whole.x1 <= box.x1 < box.x2 <= whole.x2
    assert whole.y1 <= box.y1 < box.y2 <= whole.y2
    assert robust_box(mine, point, 10.0, SIZE, 0.125) == whole


def test_clicks_from_a_t_weight_of_three_tenths_on_are_in_the_robust_box():
    # 5 / (3 + d^2) = 0.3 for d = sqrt(41 / 3) = 3.697 scales of 8 px of an 800 px diagonal.
    limit = 8 * (41 / 3) ** 0.5 / 640
    for far, is_in in ((0.999 * limit, True), (1.001 * limit, False)):
        stray = Point(0.5 + far, 0.5)
        box = robust_box([Point(0.5, 0.5), stray], Point(0.5, 0.5), 0.01, SIZE, 0.01)
        assert box.contains(stray) == is_in


def test_the_robust_margin_is_as_long_in_both_directions():
    box = robust_box([Point(0.5, 0.5)], Point(0.5, 0.5), 0.01, SIZE, 0.125)
    assert ((box.x2 - box.x1) * 640, (box.y2 - box.y1) * 480) == pytest.approx((200, 200), abs=1e-3)


def test_a_robust_box_needs_a_click():
    with pytest.raises(GeometryError, match="at least one click"):
        robust_box([], Point(0.5, 0.5), 0.01, SIZE, 0.125)


def test_the_main_rule_is_the_mode_s():
    assert [main_rule(mode) for mode in ("paper", "robust")] == ["union_margin", "robust_union"]
