from __future__ import annotations

from dataclasses import replace

import pytest

from dataset_builder.errors import InputError
from dataset_builder.geometry import Box, Point
from dataset_builder.predictions import System
from stg_model.evaluation import EvaluationSettings, IntervalSettings, evaluate
from stg_model.evaluation.comparison import compare, tabulate

BOX = Box(0.2, 0.2, 0.4, 0.4)
INTERVALS = IntervalSettings(200)


@pytest.fixture(scope="module")
def release(make_release):
    clips = [(f"v{n}", 0, 3, f"action-{n % 2}", {s: BOX for s in range(3)}) for n in range(8)]
    made = make_release(*clips, durations={f"v{n}": 4.0 for n in range(8)})
    return replace(made, digest="d" * 64)


@pytest.fixture(scope="module")
def right(release, make_perfect):
    return replace(make_perfect(release), tubes=())


@pytest.fixture(scope="module")
def some(right):
    """Return a function: the perfect system with its points moved off the box in some videos."""

    def make(name, n_wrong):
        points = {
            key: replace(p, point=Point(0.9, 0.9)) if int(key[0][1]) < n_wrong else p
            for key, p in right.points.items()
        }
        return replace(right, system=System(name), points=points)

    return make


def by_metric(comparison):
    return {(d.metric, d.second): d for d in comparison.differences}


def test_a_difference_is_that_of_the_values_with_an_interval_of_its_own(release, some):
    """Both miss the same two videos, so that little of each interval is in the difference."""
    found = compare(release, [some("first", 2), some("second", 3)], None, INTERVALS)
    first, second = found.report.systems
    difference = by_metric(found)["pointing", "second"]
    assert (difference.first, difference.n_videos) == ("first", 8)
    assert difference.value == pytest.approx(1 / 8)
    assert difference.value == first.metrics["pointing"] - second.metrics["pointing"]
    assert difference.interval.low == pytest.approx(0, abs=0.02)
    assert difference.interval.high == pytest.approx(3 / 8, abs=0.02)
    values = first.replicates["pointing"] - second.replicates["pointing"]
    is_as_far = abs(values - values.mean()) >= 1 / 8
    assert difference.p_value == pytest.approx((is_as_far.sum() + 1) / 201)


def test_a_system_does_not_differ_from_its_twin(release, some):
    found = compare(release, [some("first", 3), some("twin", 3)], None, INTERVALS)
    for difference in found.differences:
        assert (difference.value, difference.p_value) == (0, 1)
        assert (difference.interval.low, difference.interval.high) == (0, 0)


def test_the_other_way_round_is_the_other_sign(release, some):
    systems = [some("first", 2), some("second", 4)]
    forth = compare(release, systems, None, INTERVALS)
    back = compare(release, systems[::-1], None, INTERVALS)
    for there, here in zip(forth.differences, back.differences, strict=True):
        assert there.value == pytest.approx(-here.value)
        assert there.p_value == here.p_value
        assert there.interval.low == pytest.approx(-here.interval.high)


def test_the_first_system_is_set_against_every_other_row_where_both_are_defined(
    release, right, some
):
    middle = replace(some("middle", 8), seconds={})
    found = compare(release, [right, some("other", 1)], None, INTERVALS, [middle])
    assert {d.second for d in found.differences} == {"other", "middle"}
    pairs = by_metric(found)
    assert ("mof", "other") in pairs
    assert ("mof", "middle") not in pairs
    assert pairs["pointing", "middle"].value == 1


def test_without_intervals_there_are_the_values_alone(release, right, some):
    found = compare(release, [right, some("other", 4)])
    difference = by_metric(found)["pointing", "other"]
    assert (difference.value, difference.interval, difference.p_value) == (0.5, None, None)
    assert found.notes == ()


def test_two_rows_of_one_name_are_refused(release, right, some):
    with pytest.raises(InputError, match="2 systems are named 'perfect'"):
        compare(release, [right, right])
    with pytest.raises(InputError, match="2 systems are named 'random'"):
        compare(release, [some("random", 1)], baselines=[some("random", 2)])
    with pytest.raises(InputError, match="2 systems are named 'people'"):
        compare(release, [some("people", 1)])


def test_notes_name_the_number_of_p_values_and_different_pools(release, right, some):
    other = replace(some("other", 1), system=System("other", pool="all"))
    found = compare(release, [right, other], None, INTERVALS)
    n_tests = len(found.differences)
    assert found.notes[0].startswith(f"The {n_tests} p values are not adjusted")
    assert "pool: all, not stated" in found.notes[1]
    strict = EvaluationSettings(pool="all")
    assert not any("pool:" in note for note in compare(release, [right, other], strict).notes)


def test_the_json_holds_the_report_and_what_goes_beyond(release, right, some):
    found = compare(release, [right, some("other", 4)], None, INTERVALS)
    record = found.to_json()
    assert record.items() >= found.report.to_json().items()
    row = next(d for d in record["differences"] if d["metric"] == "pointing")
    assert (row["first"], row["second"], row["value"]) == ("perfect", "other", 0.5)
    assert row["interval"] == [
        by_metric(found)["pointing", "other"].interval.low,
        by_metric(found)["pointing", "other"].interval.high,
    ]
    assert record["notes"] == list(found.notes)


def test_reports_of_the_same_rules_and_truth_stand_in_one_table(release, right, some):
    middle = some("middle", 8)
    reports = [
        ("a.json", evaluate(release, right, baselines=[middle])),
        ("b.json", evaluate(release, some("other", 1), baselines=[middle])),
    ]
    found = tabulate(reports)
    names = [(row.system.name, row.kind) for row in found.report.systems]
    assert names == [("perfect", "submitted"), ("other", "submitted"), ("middle", "baseline")]
    assert found.notes == ()


def test_systems_of_one_name_get_their_files_name(release, right, some):
    reports = [(name, evaluate(release, some("mine", n))) for n, name in enumerate("ab")]
    names = [row.system.name for row in tabulate(reports).report.systems]
    assert names == ["mine (a)", "mine (b)"]


def test_intervals_that_were_made_otherwise_are_noted(release, right, some):
    reports = [
        ("a", evaluate(release, right)),
        ("b", evaluate(release, some("b", 1), intervals=INTERVALS)),
        ("c", evaluate(release, some("c", 1), intervals=IntervalSettings(300, seed=2))),
    ]
    found = tabulate(reports)
    assert found.report.intervals == INTERVALS
    assert found.notes == ("c: intervals over 300 resamplings, seed 2, at 95%",)


def test_baselines_of_one_name_that_differ_both_stay(release, right, some):
    reports = [
        ("a", evaluate(release, right, baselines=[some("random", 1)])),
        ("b", evaluate(release, some("other", 1), baselines=[some("random", 2)])),
    ]
    found = tabulate(reports)
    assert [row.system.name for row in found.report.systems][2:] == ["random", "random"]


def test_reports_of_other_rules_are_refused_with_the_rules_that_differ(release, right):
    other = EvaluationSettings(decoder="released", tube_iou_thresholds=(0.2, 0.5))
    reports = [("a", evaluate(release, right)), ("b", evaluate(release, right, other))]
    with pytest.raises(
        InputError,
        match=r"b does not stand in one table with a: "
        r"tube_iou_thresholds = 0.2,0.5 instead of 0.1,0.2,0.3,0.4,0.5; "
        r"decoder = released instead of exact \(--allow-different-rules",
    ):
        tabulate(reports)


@pytest.mark.parametrize("allow", [False, True])
def test_a_report_of_a_release_that_was_never_written_is_refused(release, right, allow):
    """Two of them share the empty digest, whatever each of them holds."""
    reports = [(n, evaluate(replace(release, digest=""), right)) for n in ("a", "b")]
    with pytest.raises(InputError, match="a: its release was never written and has no digest"):
        tabulate(reports, allow_different_rules=allow)


def test_reports_of_another_release_are_refused(release, right):
    anew = replace(release, version="2.0.0", digest="e" * 64)
    reports = [("a", evaluate(release, right)), ("b", evaluate(anew, right))]
    with pytest.raises(
        InputError, match=r"release small 2.0.0 \(sha256 e{12}\) instead of small 1.0.0"
    ):
        tabulate(reports)


def test_different_rules_are_allowed_with_a_mark_on_each_row(release, right, some):
    """Equal rules share a mark, baselines of other rules are not those of the first report."""
    middle = some("middle", 8)
    other = EvaluationSettings(iou_comparison=">=")
    third = EvaluationSettings(query_iou_thresholds=(0.7,))
    reports = [
        ("a", evaluate(release, right, baselines=[middle])),
        ("b", evaluate(release, some("b", 1), other, [middle])),
        ("c", evaluate(release, some("c", 1), third)),
        ("d", evaluate(release, some("d", 1), other, [middle])),
    ]
    found = tabulate(reports, allow_different_rules=True)
    names = [row.system.name for row in found.report.systems]
    assert names == ["perfect", "b [1]", "c [2]", "d [1]", "middle", "middle [1]"]
    assert found.notes == (
        "[1] iou_comparison = >= instead of >",
        "[2] query_iou_thresholds = 0.7 instead of 0.3,0.5",
    )
    assert "viou@0.7" in found.report.headings
    assert "viou@0.3" in found.report.headings
