"""Write an evaluation as one self-contained HTML file (`dataset_builder.report.html`).

Everything comes from the report and the predictions behind it; equal input gives equal bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dataset_builder import tables
from dataset_builder.predictions import Predictions
from dataset_builder.release import Release
from dataset_builder.report.html import fill
from dataset_builder.report.pictures import Pictures
from stg_model.evaluation.comparison import Comparison
from stg_model.evaluation.html import rules
from stg_model.evaluation.html.actions import action_tables, phrases
from stg_model.evaluation.html.cases import case_sets
from stg_model.evaluation.html.curves import curve_sets
from stg_model.evaluation.html.differences import difference_tables
from stg_model.evaluation.html.drawing import draw_sets
from stg_model.evaluation.html.headline import lacks_intervals, metric_groups
from stg_model.evaluation.html.systems import page_systems
from stg_model.evaluation.html.timelines import timelines
from stg_model.evaluation.report_text import interval_notes, short_share
from stg_model.evaluation.results import Report
from stg_model.evaluation.truth import read_truth, true_boxes

TEMPLATES = Path(__file__).parent / "templates"


def write_page(
    path: Path,
    report: Report,
    release: Release,
    predictions: Sequence[Predictions],
    *,
    pictures: Pictures | None = None,
    comparison: Comparison | None = None,
) -> None:
    """Write the page of an evaluation.

    Args:
        path: of the HTML file; an existing one is replaced.
        report: the scores of all systems.
        release: what was scored on.
        predictions: of the report's submitted systems, in the order of its rows.
        pictures: of the frames; plain frames are drawn where it is None.
        comparison: of the report's systems, where they were compared.

    Raises:
        InputError: a picture or heatmap cannot be read.
        OutputError: jinja2 is not installed.
        ValueError: the predictions are not those of the report's submitted systems.
    """
    text = render(report, release, predictions, pictures=pictures, comparison=comparison)
    with tables.replaced_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def render(
    report: Report,
    release: Release,
    predictions: Sequence[Predictions],
    *,
    pictures: Pictures | None = None,
    comparison: Comparison | None = None,
) -> str:
    """Return the page as text; see `write_page`."""
    truths = read_truth(release, report.settings.clips)
    systems = page_systems(report, predictions, truths, release.actions)
    submitted = [system for system in systems if system.case is not None]
    names = phrases(release.actions)
    cases = case_sets(true_boxes(truths), submitted, release.videos)
    frame_sets, gallery = draw_sets(cases, submitted, release.videos, names, pictures)
    groups = metric_groups(report, systems)
    by_action, without_room = action_tables(report, systems, truths, release.actions)
    return fill(
        TEMPLATES,
        "page.html",
        filters={"short_share": short_share},
        report=report,
        systems=systems,
        submitted=submitted,
        groups=groups,
        interval_notes=interval_notes(report),
        few_videos=lacks_intervals(report, groups),
        notes=comparison.notes if comparison else (),
        differences=difference_tables(comparison) if comparison else [],
        action_tables=by_action,
        without_room=without_room,
        curve_sets=curve_sets(report, systems, release.actions),
        timelines=timelines(report, systems, truths, names),
        frame_sets=frame_sets,
        gallery=gallery,
        rules=rules.rules(report.settings),
        truth_counts=rules.counts(report.counts),
        left_out=rules.counts(report.left_out),
        described=rules.described(submitted),
        accounts=[
            (s, rules.counts(s.row.counts), rules.reasons(s, report.headings)) for s in systems
        ],
    )
