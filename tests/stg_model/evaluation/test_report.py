from __future__ import annotations

import math
from dataclasses import replace

import pytest

from dataset_builder import tables
from dataset_builder.build import build_release
from dataset_builder.errors import InputError
from dataset_builder.geometry import Box
from dataset_builder.predictions import (
    Predictions,
    System,
    TubePrediction,
    read_predictions,
    write_predictions,
)
from stg_model.evaluation import EvaluationSettings, IntervalSettings, evaluate
from stg_model.evaluation import report as report_module
from stg_model.evaluation.intervals import Interval
from stg_model.evaluation.report import metrics_of

METRICS = metrics_of(EvaluationSettings())
BOX = Box(0.2, 0.2, 0.4, 0.4)


@pytest.fixture(scope="module")
def right(two_videos, make_perfect):
    return make_perfect(two_videos)


def test_perfect_predictions_score_one_in_every_metric(two_videos, right):
    (row,) = evaluate(two_videos, right).systems
    assert row.metrics == dict.fromkeys(METRICS, 1.0)
    assert (row.kind, row.missing) == ("submitted", {})


def test_perfect_predictions_score_one_after_a_round_through_their_file(
    two_videos, right, tmp_path
):
    path = tmp_path / "predictions.jsonl"
    write_predictions(
        path, right.system, right.seconds.values(), right.points.values(), right.tubes
    )
    report = evaluate(two_videos, read_predictions(path))
    assert report.to_json() == evaluate(two_videos, right).to_json()


def test_perfect_predictions_score_one_on_a_crowds_release(make_snapshot, make_perfect):
    """With clips that share seconds, one without a whole second and one outside the benchmark."""
    release = build_release(make_snapshot(n_clips=12), name="crowd", version="1.0.0")
    report = evaluate(release, make_perfect(release))
    assert report.systems[0].metrics == dict.fromkeys(METRICS, 1.0)
    assert report.counts["clips"] == 11


def test_people_stand_in_the_last_row_of_a_crowds_release_with_intervals(
    make_snapshot, make_perfect
):
    release = build_release(make_snapshot(n_clips=12), name="crowd", version="1.0.0")
    middle = replace(make_perfect(release), system=System("middle"), tubes=())
    report = evaluate(release, make_perfect(release), None, [middle], IntervalSettings(100))
    assert [row.kind for row in report.systems] == ["submitted", "baseline", "people"]
    people = report.systems[-1]
    low, high = people.intervals["pointing"].low, people.intervals["pointing"].high
    assert low <= people.metrics["pointing"] <= high


def test_intervals_hold_the_value_and_leave_it_as_it_was(make_release, make_perfect):
    """Eight videos, of which the system hits every second one."""
    clips = [(f"v{n}", 0, 3, "cut", {s: BOX for s in range(3)}) for n in range(8)]
    release = make_release(*clips, durations={f"v{n}": 4.0 for n in range(8)})
    right = make_perfect(release)
    points = {key: p for key, p in right.points.items() if int(key[0][1]) % 2}
    half = replace(right, points=points, tubes=())
    (plain,) = evaluate(release, half).systems
    report = evaluate(release, half, intervals=IntervalSettings(400))
    (row,) = report.systems
    assert row.metrics == plain.metrics
    assert row.metrics["pointing"] == 0.5
    assert row.intervals.keys() == {name for name, v in row.metrics.items() if v is not None}
    assert row.intervals["pointing"].low == pytest.approx(0.125, abs=0.05)
    assert row.intervals["pointing"].high == pytest.approx(0.875, abs=0.05)
    assert (row.intervals["mof"].low, row.intervals["mof"].high) == (1, 1)
    found = report.to_json()
    assert found["intervals"] == {
        "replicates": 400,
        "level": 0.95,
        "seed": 0,
        "method": "percentile, shifted to the score",
    }
    assert found["systems"][0]["intervals"]["mof"] == [1.0, 1.0]


def test_intervals_stay_within_the_range_of_scores(make_release, make_perfect):
    """One hit in the shortest of three videos: the replicates lie above their value on average."""
    boxes = {f"v{n}": {s: BOX for s in range(3 if n else 1)} for n in range(3)}
    clips = [(video_id, 0, len(found), "cut", found) for video_id, found in boxes.items()]
    release = make_release(*clips, durations=dict.fromkeys(boxes, 4.0))
    right = make_perfect(release)
    points = {key: p for key, p in right.points.items() if key[0] == "v0"}
    report = evaluate(release, replace(right, points=points), intervals=IntervalSettings(200))
    (row,) = report.systems
    assert row.replicates["pointing"].mean() > row.metrics["pointing"]
    assert row.intervals["pointing"].low == 0


@pytest.mark.parametrize(
    ("ends", "shown"),
    [
        ((-0.2, -0.1), (0, 0)),
        ((-0.1, 0.4), (0, 0.4)),
        ((0.9, 1.1), (0.9, 1)),
        ((1.01, 1.1), (1, 1)),
    ],
)
def test_both_ends_of_an_interval_lie_where_scores_do(two_videos, right, monkeypatch, ends, shown):
    """The shift can move a whole interval beyond 0..1, where stored reports are refused."""
    monkeypatch.setattr(report_module, "percentile_interval", lambda *_: Interval(*ends))
    (row,) = evaluate(two_videos, right, intervals=IntervalSettings(100)).systems
    assert row.intervals["mof"] == Interval(*shown)


def test_the_report_counts_what_was_scored_and_what_was_not(two_videos, right):
    report = evaluate(two_videos, right)
    assert report.counts == {
        "videos": 2,
        "actions": 3,
        "clips": 3,
        "seconds": 15,
        "frames_with_box": 6,
        "frames_without_box": 2,
    }
    expected = {
        "records": 27,
        "records_of_other_videos": 0,
        "records_past_the_end": 0,
        "records_of_unknown_actions": 0,
        "frames_hit": 6,
        "frames_without_point": 0,
        "seconds_scored": 13,
        "seconds_ignored": 2,
        "seconds_without_record": 0,
        "clips_aligned": 3,
        "seconds_aligned": 15,
        "seconds_aligned_without_record": 0,
        "videos_too_short_to_align": 0,
    }
    assert report.systems[0].counts.items() >= expected.items()


def test_seconds_without_a_record_are_counted_for_the_alignment_too(two_videos, right):
    fewer = {key: record for key, record in right.seconds.items() if key != ("a", 3)}
    (row,) = evaluate(two_videos, replace(right, seconds=fewer)).systems
    assert row.counts["seconds_aligned_without_record"] == 1


def test_a_system_that_only_points_has_no_temporal_numbers_but_the_reason(two_videos, right):
    (row,) = evaluate(two_videos, replace(right, seconds={}, tubes=())).systems
    assert row.metrics["pointing"] == 1
    for name in ("iou_pointing", "iou_pointing_micro", "temporal_iou", "temporal_iod", "mof"):
        assert row.metrics[name] is None
        assert row.missing[name] == "the predictions hold no second records"
    assert row.missing.keys() == {name for name in METRICS if row.metrics[name] is None}


def test_a_system_that_only_names_actions_has_no_places_but_the_reason(two_videos, right):
    (row,) = evaluate(two_videos, replace(right, points={}, tubes=())).systems
    assert (row.metrics["temporal_iou"], row.metrics["pointing"]) == (1, None)
    for name in ("pointing", "iou_pointing", "iou_pointing_micro"):
        assert row.missing[name] == "the predictions hold no point records"


def test_an_empty_file_has_no_number_at_all(two_videos):
    (row,) = evaluate(two_videos, Predictions(System("silent"))).systems
    assert set(row.metrics.values()) == {None}
    assert row.missing.keys() == METRICS.keys()


def test_records_that_no_metric_reads_are_counted(two_videos, right):
    second = right.seconds["a", 0]
    point = right.points["a", 1, "cut"]
    more = replace(
        right,
        seconds={
            **right.seconds,
            ("other", 0): replace(second, video_id="other"),
            ("a", 10): replace(second, second=10),
            ("b", 4): replace(right.seconds["b", 4], action_id="juggle"),
        },
        points={**right.points, ("a", 1, "juggle"): replace(point, action_id="juggle")},
        tubes=(
            *right.tubes,
            TubePrediction("other", "cut", 1.0, {0: BOX}),
            TubePrediction("b", "cut", 1.0, {3: BOX, 5: BOX}),
            TubePrediction("b", "juggle", 1.0, {3: BOX}),
        ),
    )
    row = evaluate(two_videos, more).systems[0]
    assert row.counts["records_of_other_videos"] == 2
    assert row.counts["records_past_the_end"] == 2
    assert row.counts["records_of_unknown_actions"] == 3
    assert row.metrics["iou_pointing"] == 1
    assert row.metrics["iou_pointing_micro"] == pytest.approx(6 / 7)


def test_predictions_for_another_release_are_refused(two_videos, right):
    others = {("x", s): replace(r, video_id="x") for (_, s), r in right.seconds.items()}
    with pytest.raises(InputError, match=r"'perfect': none of the 10 records .* first is 'x'"):
        evaluate(two_videos, replace(right, seconds=others, points={}, tubes=()))
    tubes = tuple(replace(tube, video_id="x") for tube in right.tubes)
    with pytest.raises(InputError, match=r"none of the 6 records .* first is 'x'"):
        evaluate(two_videos, replace(right, seconds={}, points={}, tubes=tubes))


def test_baselines_stand_beside_the_system_in_order(two_videos, right):
    middle = replace(right, system=System("middle"), seconds={})
    other = replace(middle, system=System("other"))
    report = evaluate(two_videos, right, baselines=[other, middle])
    assert [(row.system.name, row.kind) for row in report.systems] == [
        ("perfect", "submitted"),
        ("other", "baseline"),
        ("middle", "baseline"),
    ]


def test_a_system_does_not_bear_the_name_of_a_baseline_or_of_the_people(two_videos, right):
    with pytest.raises(InputError, match="2 systems are named 'perfect'; give each a name of its"):
        evaluate(two_videos, right, baselines=[right])
    with pytest.raises(InputError, match="2 systems are named 'people'"):
        evaluate(two_videos, replace(right, system=System("people")))


def test_the_json_holds_what_consumers_read(two_videos, right):
    release = replace(two_videos, digest="d" * 64)
    settings = EvaluationSettings(clips="all")
    found = evaluate(release, replace(right, seconds={}), settings).to_json()
    assert tables.compact_json(found)
    assert found["release"] == {"name": "small", "version": "1.0.0", "digest": "d" * 64}
    assert found["settings_digest"] == settings.digest
    assert found["settings"]["clips"] == "all"
    (row,) = found["systems"]
    assert (row["name"], row["kind"], row["n_frames"]) == ("perfect", "submitted", 6)
    assert row["pointing"] == 1
    assert row["temporal_iou"] is None
    assert row["missing"]["temporal_iou"] == "the predictions hold no second records"
    assert row["system"]["name"] == "perfect"
    assert (found["intervals"], row["intervals"]) == (None, {})


def test_the_order_of_the_release_and_of_the_records_does_not_matter(two_videos, right):
    backwards = replace(
        two_videos,
        videos=two_videos.videos[::-1],
        clips=two_videos.clips[::-1],
        frames=two_videos.frames[::-1],
        boxes=dict(reversed(two_videos.boxes.items())),
    )
    found = replace(
        right,
        seconds=dict(reversed(right.seconds.items())),
        points=dict(reversed(right.points.items())),
    )
    assert evaluate(backwards, found).to_json() == evaluate(two_videos, right).to_json()


def test_every_number_is_finite(two_videos, right):
    row = evaluate(two_videos, right).systems[0]
    assert all(value is not None and math.isfinite(value) for value in row.metrics.values())
