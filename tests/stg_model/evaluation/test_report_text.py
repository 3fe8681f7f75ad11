from __future__ import annotations

from dataclasses import replace

import pytest

from dataset_builder.predictions import System
from stg_model.evaluation import EvaluationSettings, IntervalSettings, Report, evaluate
from stg_model.evaluation.comparison import Comparison, Difference, compare
from stg_model.evaluation.intervals import Interval
from stg_model.evaluation.report_text import WIDTH, to_text
from stg_model.evaluation.results import GROUPS, SystemReport, grouped

SETTINGS = EvaluationSettings()
HEADINGS = {"pointing": "pointing", "video_map_act@0.5": "video mAP@0.5 (act)", "mof": "MoF"}


def row_of(name, kind="submitted", **fields):
    values = {"pointing": 0.7548, "video_map_act@0.5": 0.25, "mof": 1.0}
    made = SystemReport(System(name), kind, values, {}, {"records": 12345, "records_of_others": 0})
    return replace(made, **fields)


def report_of(*rows, intervals=None, settings=SETTINGS):
    counts = {"videos": 2, "actions": 1, "frames_without_box": 0}
    return Report("small", "1.0.0", "d" * 64, settings, HEADINGS, counts, rows, intervals)


def test_a_report_reads_as_one_table_with_groups_intervals_counts_rules_and_reasons():
    intervals = {"pointing": Interval(0.7, 0.8), "video_map_act@0.5": None, "mof": Interval(1, 1)}
    ours = row_of("ours", intervals=intervals, n_actions={"video_map_act@0.5": 255})
    why = "the predictions hold no second records"
    middle = row_of(
        "centre point",
        "baseline",
        metrics={"pointing": 0.5, "video_map_act@0.5": None, "mof": None},
        missing={"video_map_act@0.5": "no boxes", "mof": why},
    )
    settings = EvaluationSettings(decoder="released")
    lines = to_text(report_of(ours, middle, intervals=IntervalSettings(), settings=settings))
    head, _, rest = lines.partition("rules, sha256 ")
    assert head.splitlines() == [
        f"release small 1.0.0, sha256 {'d' * 64}",
        "scored: videos 2, actions 1",
        "All metrics lie in 0..1; more is better.",
        "In brackets: 95% intervals over 1,000 resamplings of the videos, seed 0.",
        "Only 2 videos: intervals of so few are too narrow.",
        "",
        "                                                     centre point",
        "                       actions  ours                 (baseline)",
        "where, given the action and the second",
        "  pointing             -        0.7548 [.700, .800]  0.5000",
        "when, given the order of the actions",
        "  MoF                  -        1.0000 [1.00, 1.00]  -",
        "what, where and when",
        "  video mAP@0.5 (act)  255      0.2500     [-]       -",
        "",
        "[-]: too few videos define the metric for an interval",
        "",
    ]
    assert rest.startswith(f"{settings.digest} (* not the default):\n  clips = benchmark  ")
    assert "* decoder = released" in rest
    assert "* clips" not in rest
    assert rest.splitlines()[-4:] == [
        "ours: records 12,345",
        "centre point: records 12,345",
        "  no 'what, where and when': no boxes",
        f"  no 'when, given the order of the actions': {why}",
    ]


def test_six_systems_with_intervals_and_long_names_keep_within_the_width():
    intervals = dict.fromkeys(HEADINGS, Interval(0.123, 0.456))
    names = ["CLIP", "S3D trained on a part of HowTo100M", "c", "d", "e" * 30, "f (other)"]
    report = report_of(
        *(row_of(n, intervals=intervals) for n in names), intervals=IntervalSettings()
    )
    found = [
        Difference(metric, "CLIP", name, -0.2, Interval(-0.31, 0.05), 0.0049, 2)
        for name in names[1:]
        for metric in HEADINGS
    ]
    lines = to_text(Comparison(report, tuple(found), ("a note " * 30,))).splitlines()
    assert max(map(len, lines)) <= WIDTH
    blocks = [n for n, line in enumerate(lines) if line.startswith("  pointing")]
    cells = [cell for n in blocks[:2] for cell in lines[n].split("0.7548")[1:]]
    assert [cell.strip() for cell in cells] == ["[.123, .456]"] * 6
    cells = [cell for n in blocks[2:] for cell in lines[n].split("-0.2000")[1:]]
    assert [cell.strip() for cell in cells] == ["[-.310, +.050] p .005"] * 5


def test_every_line_of_a_real_comparison_keeps_within_the_width(two_videos, make_perfect):
    right = make_perfect(two_videos)
    systems = [replace(right, system=System(f"system {n}")) for n in range(6)]
    systems[3] = replace(systems[3], seconds={}, tubes=())
    found = compare(two_videos, systems, SETTINGS, IntervalSettings(100))
    text = to_text(found)
    assert max(map(len, text.splitlines()[1:])) <= WIDTH
    assert "  MoF" in text
    assert "hold no second records" in " ".join(text.split())


def test_what_the_release_left_out_is_printed():
    report = replace(report_of(row_of("a")), left_out={"boxes without area": 52, "nothing": 0})
    assert to_text(report).splitlines()[2] == "left out of the release: boxes without area 52"
    assert "left out" not in to_text(report_of(row_of("a")))


def test_a_heading_wider_than_the_page_is_printed_all_the_same():
    report = replace(report_of(row_of("a")), headings={"mof": "x" * 120})
    assert f"  {'x' * 120}" in to_text(report)


def test_a_difference_without_an_interval_stands_by_its_value():
    report = report_of(row_of("a"), row_of("b"))
    found = Comparison(report, (Difference("mof", "a", "b", 0.25, None, None, 2),))
    lines = to_text(found).splitlines()
    assert "a: by how much it scores above each other row, on the same videos" in lines
    assert "  MoF                  +0.2500" in lines
    assert "  pointing             -" in lines


def test_ten_videos_are_not_warned_of():
    report = report_of(row_of("a"), intervals=IntervalSettings())
    assert "Only 2 videos" in to_text(report)
    assert "Only" not in to_text(replace(report, counts=report.counts | {"videos": 10}))


def test_missing_metrics_are_summed_up_by_group_and_by_threshold():
    headings = {
        "mof": "MoF",
        "iou_pointing": "IoU+P",
        "video_map_act@0.1": "video mAP@0.1",
        "video_map_act@0.5": "video mAP@0.5",
        "viou@0.3": "vIoU@0.3",
        "gt_viou": "gt_vIoU",
    }
    why = dict.fromkeys(["mof", "video_map_act@0.1", "video_map_act@0.5", "viou@0.3"], "no seconds")
    row = row_of("a", metrics={"iou_pointing": 1.0}, missing=why | {"gt_viou": "no boxes"})
    lines = to_text(replace(report_of(row), headings=headings)).splitlines()
    assert lines[-2:] == [
        "  no 'when, given the order of the actions'; video mAP; vIoU@0.3: no seconds",
        "  no gt_vIoU: no boxes",
    ]


def test_metrics_are_grouped_by_what_they_ask():
    names = ["mof", "viou@0.3", "unheard", "pointing", "video_map_act@0.5", "video_map_act@0.1"]
    assert grouped(dict.fromkeys(names, "")) == [
        ("where, given the action and the second", ["pointing"]),
        ("when, given the order of the actions", ["mof"]),
        ("what, where and when", ["video_map_act@0.5", "video_map_act@0.1"]),
        ("where in the video, given the action", ["viou@0.3"]),
        ("other", ["unheard"]),
    ]


def test_every_metric_of_the_scorers_has_a_group(two_videos, make_perfect):
    headings = evaluate(two_videos, make_perfect(two_videos)).headings
    titles = [title for title, _ in grouped(headings)]
    assert set(titles) <= {title for title, _ in GROUPS}
    assert sum(len(names) for _, names in grouped(headings)) == len(headings)


@pytest.mark.parametrize("settings", [EvaluationSettings(), EvaluationSettings(clips="all")])
def test_every_rule_is_printed_once(settings):
    text = to_text(report_of(row_of("a"), settings=settings))
    for name in EvaluationSettings.__dataclass_fields__:
        assert text.count(f" {name} = ") == 1


def test_characters_that_a_terminal_obeys_are_shown_as_codes():
    """A name could clear the screen, turn what follows round, or write over another row."""
    name = "a\x1b[2J\u202eé"
    row = row_of(name, counts={"records\x1b": 1}, missing={"mof": "why\x00"}, metrics={"mof": None})
    report = replace(report_of(row), release_name="\r\x9bx", left_out={"\x07": 2})
    difference = Difference("mof", "b\x1b", name, 0.25, None, None, 2)
    text = to_text(Comparison(report, (difference,), ("note \x1b",)))
    assert all(line.isprintable() for line in text.split("\n"))
    assert text.count(r"a\x1b[2J\u202eé") == 3
    assert text.startswith(r"release \r\x9bx 1.0.0, sha256")
