"""What a system says is a set of records: their order in the file decides nothing, by any rule."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_builder.geometry import Box, Point
from dataset_builder.predictions import (
    PointPrediction,
    Predictions,
    SecondPrediction,
    System,
    TubePrediction,
)
from stg_model.evaluation import EvaluationSettings, evaluate
from stg_model.evaluation.settings import CHOICES

BOX, BELOW, BESIDE = Box(0.2, 0.2, 0.4, 0.4), Box(0.2, 0.3, 0.4, 0.5), Box(0.3, 0.2, 0.5, 0.4)
CLIPS = {("v", "cut"): "clip-0", ("v", "stir"): "clip-1", ("w", "cut"): "clip-2"}

videos, actions = st.sampled_from("vw"), st.sampled_from(("cut", "stir", "fry"))
whole_seconds, tenths = st.integers(0, 6), st.integers(0, 3).map(lambda n: n / 10)
boxes = st.sampled_from((BOX, BELOW, BESIDE))
rules = st.fixed_dictionaries({name: st.sampled_from(names) for name, names in CHOICES.items()})


@st.composite
def tubes(draw: st.DrawFn) -> TubePrediction:
    key = draw(videos), draw(actions)
    clip_id = draw(st.sampled_from((None, CLIPS.get(key))))
    found = draw(st.dictionaries(whole_seconds, boxes, min_size=1, max_size=4))
    return TubePrediction(*key, draw(st.sampled_from((0.1, 0.1, 0.2))), found, clip_id)


@st.composite
def systems(draw: st.DrawFn) -> tuple[Predictions, Predictions]:
    """Return one system twice, its records in two orders."""
    seconds = {}
    for key in draw(st.lists(st.tuples(videos, whole_seconds), min_size=1, unique=True)):
        scores = {action: draw(tenths) for action in ("cut", "stir", "fry")}
        said = draw(st.none() | actions)
        seconds[key] = SecondPrediction(*key, said, scores, draw(st.none() | tenths))
    points = {}
    for key in draw(st.lists(st.tuples(videos, whole_seconds, actions), unique=True)):
        box = draw(boxes)
        points[key] = PointPrediction(*key, box.centre, box, draw(st.none() | tenths))
    points["v", 0, "cut"] = PointPrediction("v", 0, "cut", Point(0.3, 0.3), BOX, 0.1)
    written = draw(st.lists(tubes(), max_size=6))
    system = System("s", pool=draw(st.sampled_from(("video", "all"))))
    orders = []
    for _ in range(2):
        shuffled = [
            draw(st.permutations(list(records)))
            for records in (seconds.items(), points.items(), written)
        ]
        orders.append(Predictions(system, dict(shuffled[0]), dict(shuffled[1]), tuple(shuffled[2])))
    return orders[0], orders[1]


@pytest.fixture(scope="module")
def release(make_release):
    return make_release(
        ("v", 0, 3, "cut", {0: BOX, 1: BELOW, 2: BOX}),
        ("v", 2, 5, "stir", {2: BOX, 4: BESIDE}),
        ("w", 1, 4, "cut", {1: BESIDE, 2: BOX, 3: BELOW}),
        durations={"v": 6.0, "w": 5.0},
    )


@settings(max_examples=100, deadline=None)
@given(both=systems(), chosen=rules)
def test_no_order_of_records_changes_any_metric_by_any_rules(release, both, chosen):
    rules = EvaluationSettings(**chosen, tube_gap_s=1)
    one, other = (evaluate(release, found, rules).systems[0] for found in both)
    assert one.metrics == other.metrics
    assert one.counts == other.counts


def test_tubes_of_one_score_and_span_that_differ_in_the_middle_count_in_one_order(release):
    """Of two equally sure tubes one is right at the second between their ends, and one is not."""
    right = TubePrediction("w", "cut", 0.1, {1: BESIDE, 2: BOX, 3: BELOW})
    wrong = TubePrediction("w", "cut", 0.1, {1: BESIDE, 2: Box(0.8, 0.8, 1, 1), 3: BELOW})
    for chosen in ({"score_ties": "by_key"}, {"detection_matching": "best_unused"}):
        rules = EvaluationSettings(**chosen, tube_iou_thresholds=(0.9,))
        found = [
            evaluate(release, Predictions(System("s"), tubes=order), rules).systems[0].metrics
            for order in ((right, wrong), (wrong, right))
        ]
        assert found[0] == found[1]
