"""What a study found, as Markdown to read and as JSON to compute with. It asserts nothing (R34)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stg_model.study.conduct import Results
from stg_model.study.differences import Difference, Mean, difference, mean_of
from stg_model.study.runs import Finished, Source
from stg_model.study.settings import Study
from stg_model.study.variants import REFERENCE, TABLES, Variant


@dataclass(frozen=True, slots=True)
class Column:
    """A metric of the points and boxes read from one source; of the selection where that is ""."""

    source: str
    metric: str
    heading: str

    def of(self, found: Finished) -> float | None:
        """Return the metric of a run."""
        row = found.figures[self.source] if self.source else found.coverage
        return row.get(self.metric)


COMPARED = (
    Column("rollout", "video_map_volume@mean", "video mAP"),
    Column("rollout", "iou_pointing", "IoU+Pointing"),
    Column("rollout", "pointing", "pointing"),
    Column("global_shares", "pointing", "pointing by shares"),
    Column("rollout", "temporal_iou", "temporal IoU"),
)
"""Of these the difference to the reference is shown: what, where and when; where; when."""

COLUMNS = (
    *COMPARED,
    Column("rollout", "temporal_iod", "temporal IoD"),
    Column("rollout", "auc", "AUC"),
    Column("", "selected", "selected seconds described"),
)

BASELINE_METRICS = {
    "video_map_volume@mean": "video mAP",
    "iou_pointing": "IoU+Pointing",
    "pointing": "pointing",
    "frame_iou_share@0.3": "frame IoU > .3",
    "gt_viou": "mean box IoU",
    "temporal_iou": "temporal IoU",
    "auc": "AUC",
}

SOURCE_NAMES: Mapping[Source, str] = {
    "rollout": "attention roll-out",
    "global_patches": "global score of patches",
    "global_shares": "shares in the global score",
}

NOTES = """\
Means and standard deviations over runs. A difference is that of two runs of one world and one seed;
its interval (95 %, percentile bootstrap) resamples these pairs. `3/3` says that the mean difference
has the same sign in 3 of 3 worlds. No interval is adjusted for there being many. Points and boxes
are read from the attention roll-out where no other source is named. All is scored on exact truth.
"""


def study_json(study: Study, results: Results) -> dict[str, Any]:
    """Return everything that was found, as plain JSON values."""
    return {
        "format": "grounding-study",
        "study": study.to_json(),
        "tables": {
            name: [_row_json(results, variant) for variant in TABLES[name].variants]
            for name in study.plan.tables
        },
        "reference": _row_json(results, REFERENCE),
        "baselines": [asdict(found) for found in results.baselines.values()],
        "n_runs": len(_distinct(results)),
        "processor_hours": round(_hours(results), 3),
    }


def study_markdown(study: Study, results: Results) -> str:
    """Return the tables as Markdown."""
    plan, world = study.plan, study.world
    seeds = ", ".join(str(one.seed) for one in study.worlds)
    lines = [
        "# What comes out when one thing is changed",
        "",
        f"Worlds {seeds} of {world.train} training, {world.validation} validation and "
        f"{world.held_out} held-out videos; model seeds below {plan.model_seeds}; "
        f"{study.model.training.steps} steps. {len(_distinct(results))} runs, "
        f"{_hours(results):.1f} processor hours.",
        "",
        NOTES,
    ]
    for name in plan.tables:
        lines += ["", f"## {TABLES[name].title}", ""]
        if name == "baselines":
            lines += _against_baselines(results)
        else:
            lines += _ablation(results, TABLES[name].variants)
    return "\n".join(lines) + "\n"


def difference_of(results: Results, variant: Variant, column: Column) -> Difference | None:
    """Return how far a variant lies above the reference."""
    row, reference = (
        {cell: column.of(found) for cell, found in results.runs[v].items()}
        for v in (variant, REFERENCE)
    )
    return difference(row, reference)


def is_reference(results: Results, variant: Variant) -> bool:
    """Whether a variant is what the study's model does anyway."""
    mine, theirs = results.runs[variant], results.runs[REFERENCE]
    return bool(mine) and all(mine[cell] is theirs.get(cell) for cell in mine)


def _ablation(results: Results, variants: Sequence[Variant]) -> list[str]:
    lines = _head(["", *(c.heading for c in COLUMNS), *(f"Δ {c.heading}" for c in COMPARED)])
    for variant in variants:
        name, cells = variant.name, [_shown(_mean(results, variant, c)) for c in COLUMNS]
        if is_reference(results, variant):
            name = f"**{name}**"
            cells += ["reference" for _ in COMPARED]
        else:
            cells += [_told(difference_of(results, variant, c)) for c in COMPARED]
        lines.append(_line([name, *cells]))
    chance = _mean(results, REFERENCE, Column("", "chance", ""))
    lines += ["", f"Of all seconds of the windows {_shown(chance)} are described."]
    return lines


def _against_baselines(results: Results) -> list[str]:
    lines = _head(["", *BASELINE_METRICS.values()])
    for variant in (REFERENCE, *TABLES["baselines"].variants):
        for source, title in SOURCE_NAMES.items() if results.runs[variant] else ():
            columns = [Column(source, metric, "") for metric in BASELINE_METRICS]
            cells = [_shown(_mean(results, variant, column)) for column in columns]
            lines.append(_line([f"{variant.name}: {title}", *cells]))
    worlds = list(results.baselines.values())
    for system in worlds[0].figures if worlds else ():
        means = [mean_of([w.figures[system].get(m) for w in worlds]) for m in BASELINE_METRICS]
        lines.append(_line([system, *map(_shown, means)]))
    lines += ["", "Pointing above that of the strongest motion in the same world:", ""]
    for source, title in SOURCE_NAMES.items():
        lines.append(f"- {title}: {_told(_above_motion(results, source))}")
    return lines


def _above_motion(results: Results, source: Source) -> Difference | None:
    runs = results.runs[REFERENCE]
    motion = {
        cell: results.baselines[cell[0]].figures["strongest motion"]["pointing"]
        for cell in runs
        if cell[0] in results.baselines
    }
    return difference({cell: runs[cell].figures[source]["pointing"] for cell in runs}, motion)


def _mean(results: Results, variant: Variant, column: Column) -> Mean | None:
    return mean_of([column.of(found) for found in results.runs[variant].values()])


def _distinct(results: Results) -> list[Finished]:
    """Return all runs, those shared by several variants only once."""
    by_digest = {f.digest: f for runs in results.runs.values() for f in runs.values()}
    return list(by_digest.values())


def _hours(results: Results) -> float:
    return sum(run.training_s + run.other_s for run in _distinct(results)) / 3600


def _row_json(results: Results, variant: Variant) -> dict[str, Any]:
    columns = {f"{c.source} {c.metric}".strip(): c for c in COLUMNS}
    means = {name: _mean(results, variant, column) for name, column in columns.items()}
    differences = {n: difference_of(results, variant, column) for n, column in columns.items()}
    return {
        "name": variant.name,
        "changes": list(variant.changes),
        "narration": variant.narration,
        "is_reference": is_reference(results, variant),
        "means": {name: found and asdict(found) for name, found in means.items()},
        "differences": {name: found and asdict(found) for name, found in differences.items()},
        "runs": [asdict(found) for _, found in sorted(results.runs[variant].items())],
    }


def _shown(mean: Mean | None) -> str:
    if mean is None:
        return "-"
    return f"{mean.mean:.3f}" if mean.sd is None else f"{mean.mean:.3f} ± {mean.sd:.3f}"


def _told(found: Difference | None) -> str:
    if found is None:
        return "-"
    if found.low is None or found.high is None:
        return f"{found.mean:+.3f}"
    ends = f"[{found.low:+.3f}, {found.high:+.3f}]"
    return f"{found.mean:+.3f} {ends} {found.n_agree}/{found.n_worlds}"


def _head(names: Sequence[str]) -> list[str]:
    return [_line(names), "|" + "---|" * len(names)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
