"""The report of changes that lies in a release which names its parent.

    reports/diff-from-1.0.0.json   rows that came, went and changed by table, the version step

It counts; `dataset-builder diff` names every row. It is a function of the two folders alone, so
`verify --parent` makes it anew.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from dataset_builder.changes import BY_COUNT, Changes, Content, TableChanges, box_ious
from dataset_builder.errors import InputError
from dataset_builder.geometry import COORDINATE_DECIMALS
from dataset_builder.version_steps import STEPS, stated_step, step_text, version_step


def report_path(folder: Path, parent_version: str) -> Path:
    """Return where a release has the report of what changed since its parent."""
    return folder / f"reports/diff-from-{parent_version}.json"


def check_later(parent: Content, version: str) -> None:
    """Refuse a version that does not come after the parent's.

    Raises:
        InputError: it is the same, an earlier one, or the parent's is not `major.minor.patch`.
    """
    if stated_step(parent.version, version) not in STEPS[1:]:
        raise InputError(
            f"version {version} does not come after {parent.version}, that of the parent "
            f"{parent.title}; choose a later one"
        )


def check_step(changes: Changes) -> None:
    """Refuse a version that makes a smaller step than the changes ask for.

    Raises:
        InputError: it does; the largest reason is named.
    """
    step = version_step(changes)
    if not step.is_enough:
        raise InputError(f"{step_text(changes, step)} ({step.reasons[0][1]}); choose a later one")


def report_of(changes: Changes) -> dict[str, Any]:
    """Return the report's content."""
    step, ious = version_step(changes), box_ious(changes)
    return {
        "parent": parent_link(changes.before),
        "name": changes.after.manifest.get("name"),
        "version": changes.after.version,
        "same": changes.is_same,
        "step": {
            "needed": step.needed,
            "stated": step.stated,
            "reasons": [{"step": size, "text": text} for size, text in step.reasons],
        },
        "settings": {name: list(pair) for name, pair in changes.settings.items()},
        "manifest": {name: list(pair) for name, pair in changes.manifest.items()},
        "main_boxes_moved": {
            "count": len(ious),
            "iou_mean": round(statistics.fmean(ious), COORDINATE_DECIMALS) if ious else None,
            "iou_least": round(min(ious), COORDINATE_DECIMALS) if ious else None,
        },
        "tables": {name: _table(table) for name, table in changes.tables.items()},
    }


def parent_link(parent: Content) -> dict[str, str]:
    """Return how a manifest names its parent."""
    name = str(parent.manifest.get("name", "?"))
    return {"name": name, "version": parent.version, "digest": parent.digest}


def _table(table: TableChanges) -> dict[str, Any]:
    counts = {
        "added": len(table.added),
        "removed": len(table.removed),
        "changed": len(table.changed),
    }
    return {
        "rows": [table.n_before, table.n_after],
        "content_sha256": list(table.contents),
        "rows_known_by": table.compared_by,
        **(dict.fromkeys(counts) if table.compared_by == BY_COUNT else counts),
        "changed_columns": table.changed_columns,
        "new_columns": list(table.new_columns),
        "lost_columns": list(table.lost_columns),
    }
