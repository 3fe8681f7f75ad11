from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.predictions import System
from stg_model.evaluation import EvaluationSettings, IntervalSettings, Report
from stg_model.evaluation.comparison import Comparison, Difference
from stg_model.evaluation.intervals import Interval
from stg_model.evaluation.latex import SPECIAL, escape, to_latex
from stg_model.evaluation.results import SystemReport

HEADINGS = {"pointing": "pointing", "frame_iou_share@0.3": "frame IoU>0.3 share", "mof": "MoF"}


def row_of(name, pointing, kind="submitted", interval=None):
    metrics = {"pointing": pointing, "frame_iou_share@0.3": 0.25, "mof": None}
    intervals = {"pointing": interval} if interval else {}
    return SystemReport(System(name), kind, metrics, {}, {}, intervals=intervals)


def report_of(*rows, name="a_b", intervals=None):
    counts = {"videos": 1250, "actions": 31}
    settings = EvaluationSettings()
    return Report(name, "1.0.0", "d" * 64, settings, HEADINGS, counts, rows, intervals)


def unescaped(text: str) -> str:
    for character, written in SPECIAL.items():
        if character != "\\":
            text = text.replace(written, character)
    return text.replace(SPECIAL["\\"], "\\")


def test_a_table_has_a_caption_columns_groups_values_and_rules():
    report = report_of(
        row_of("ours", 0.7548, interval=Interval(0.7, 0.8)),
        row_of("fixed box", 0.5, "baseline"),
        intervals=IntervalSettings(),
    )
    lines = to_latex(report).splitlines()
    assert lines[:16] == [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering\small",
        r"\caption{Results on a\_b 1.0.0: 1,250 videos, 31 actions.}",
        r"\begin{tabular}{@{}lcc@{}}",
        r"\toprule",
        r" & \shortstack{ours} & \shortstack{fixed box (baseline)} \\",
        r"\midrule",
        r"\multicolumn{3}{@{}l}{where, given the action and the second} \\",
        r"\quad pointing & \textbf{0.755} {\scriptsize [$.700$, $.800$]} & 0.500 \\",
        r"\quad frame IoU\textgreater{}0.3 share & 0.250 & 0.250 \\",
        r"\midrule",
        r"\multicolumn{3}{@{}l}{when, given the order of the actions} \\",
        r"\quad MoF & -- & -- \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]
    rest = "\n".join(lines[16:])
    assert r"In brackets: 95\% intervals over 1,000 resamplings of the videos, seed 0." in rest
    assert f"Rules (sha256 {report.settings.digest[:12]}): clips = benchmark; " in rest
    assert r"iou\_comparison = \textgreater{};" in rest


@pytest.mark.parametrize(
    ("first", "second", "kind", "is_bold"),
    [
        (Interval(0.6, 0.8), 0.59, "submitted", True),
        (Interval(0.6, 0.8), 0.6, "submitted", False),
        (Interval(0.6, 0.8), 0.65, "baseline", False),
        (Interval(0.6, 0.8), 0.95, "people", False),
        (None, 0.1, "submitted", False),
    ],
)
def test_the_best_value_is_bold_only_where_its_interval_excludes_the_next(
    first, second, kind, is_bold
):
    text = to_latex(report_of(row_of("a", 0.7, interval=first), row_of("b", second, kind)))
    assert (r"\textbf{0.700}" in text) == is_bold
    assert text.count(r"\textbf") == is_bold


def test_people_do_not_keep_the_best_system_from_being_bold():
    rows = [
        row_of("a", 0.7, interval=Interval(0.6, 0.8)),
        row_of("b", 0.5),
        row_of("people", 0.95, "people"),
    ]
    assert to_latex(report_of(*rows)).count(r"\textbf") == 1


def test_more_than_four_systems_go_on_in_a_second_tabular():
    text = to_latex(report_of(*(row_of(f"s{n}", 0.5) for n in range(6))))
    assert re.findall(r"\\begin{tabular}{(.*)}", text) == ["@{}lcccc@{}", "@{}lcc@{}"]
    assert text.count(r"\begin{table}") == 1
    shown = text.partition(r"\toprule")[2]
    assert re.findall(r"\\shortstack{(\w+)}", shown) == [f"s{n}" for n in range(6)]


def test_a_comparison_adds_a_table_of_differences_and_its_notes():
    report = report_of(row_of("a", 0.5), row_of("b", 0.4), intervals=IntervalSettings())
    found = Difference("pointing", "a", "b", 0.1, Interval(-0.05, 0.2), 0.25, 9)
    text = to_latex(Comparison(report, (found,), ("100% sure of a_b",)))
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 2
    assert r"\caption{a: by how much it scores above other systems on a\_b 1.0.0:" in text
    cell = r"$+0.100$ {\scriptsize [$-.050$, $+.200$]} {\scriptsize $p$ .250}"
    assert rf"\quad pointing & {cell} \\" in text
    assert text.endswith("100\\% sure of a\\_b\n")


def test_names_from_outside_are_escaped_everywhere():
    wild = r"a_b & 50% \input{x} $y$ #1 ~ ^ [2] * <i>"
    report = report_of(row_of(wild, 0.5), row_of("b", 0.4), name=wild)
    found = Comparison(report, (Difference("mof", wild, wild, 0.1, None, None, 2),), (wild,))
    text = to_latex(found)
    assert r"\input" not in text
    assert "<i>" not in text
    for line in text.splitlines()[1:]:
        assert not re.search(r"(?<!\\)[%#_]", line)


@given(st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" ")))
def test_escaped_text_reads_as_the_text_and_holds_no_command_of_its_own(text):
    found = escape(text)
    assert unescaped(found) == re.sub(" +", " ", text)
    for written in sorted(SPECIAL.values(), key=len, reverse=True):
        found = found.replace(written, "")
    assert not set(found) & set(SPECIAL)


def test_a_mark_at_the_head_of_a_line_is_no_option_of_the_line_before():
    report = report_of(row_of("x" * 20 + " [2] *", 0.5))
    assert r"\shortstack{xxxxxxxxxxxxxxxxxxxx\\{[}2{]} {*}}" in to_latex(report)
