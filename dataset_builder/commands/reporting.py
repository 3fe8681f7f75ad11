"""What differs between two releases, and a page to look at one."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import click

from dataset_builder.changes import (
    BY_COUNT,
    Changes,
    Content,
    TableChanges,
    box_ious,
    compare_releases,
)
from dataset_builder.commands.options import FOLDER, NEW, refuse_input
from dataset_builder.errors import OutputError
from dataset_builder.official.imported import refuse_imported
from dataset_builder.report.figures import figures
from dataset_builder.report.page import write_page
from dataset_builder.report.pictures import Pictures, StoredPictures, VideoPictures
from dataset_builder.verify import verify_release
from dataset_builder.version_steps import VersionStep, step_text, version_step


@click.command()
@click.argument("before", type=FOLDER)
@click.argument("after", type=FOLDER)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with every row.")
def diff(*, before: Path, after: Path, as_json: bool) -> None:
    """Tell what differs between the releases BEFORE and AFTER, and the version step it asks for.

    The exit code is 0 whatever differs.
    """
    changes = compare_releases(before, after)
    step = version_step(changes)
    if as_json:
        click.echo(json.dumps(_changes_json(changes, step)))
    else:
        _echo_changes(changes, step)


@click.command()
@click.argument("release", type=FOLDER)
@click.argument("out", type=NEW)
@click.option("--frames", type=FOLDER, help="Frame store that cut-frames wrote, for pictures.")
@click.option("--videos", type=FOLDER, help="Videos, to read the pictures from instead.")
@click.option("--parent", type=FOLDER, help="The release before, to tell what has changed since.")
@click.option("--force", is_flag=True, help="Replace OUT where it exists.")
@click.option("--json", "as_json", is_flag=True, help="Print the page's figures as JSON.")
def report(
    *,
    release: Path,
    out: Path,
    frames: Path | None,
    videos: Path | None,
    parent: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write a page about a RELEASE as one HTML file OUT that opens without network.

    It also shows what `verify` finds; the exit code does not depend on it.
    """
    if frames and videos:
        raise click.UsageError("pictures come from --frames or from --videos, not from both")
    refuse_input(out, release, frames, videos, parent)
    if out.exists() and not force:
        raise OutputError(f"{out}: exists already; choose another place or pass --force")
    refuse_imported(release)
    outcome = verify_release(release)
    pictures: Pictures | None = None
    if outcome.release and frames:
        pictures = StoredPictures(frames, outcome.release)
    elif outcome.release and videos:
        pictures = VideoPictures(videos, outcome.release)
    changes = compare_releases(parent, release) if parent else None
    write_page(out, outcome, pictures=pictures, changes=changes)
    if as_json:
        click.echo(json.dumps(figures(outcome, changes)))
        return
    found = f", {len(outcome.findings):,} findings" if outcome.findings else ""
    click.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB{found}")


def _echo_changes(changes: Changes, step: VersionStep) -> None:
    click.echo(f"{changes.before.title} -> {changes.after.title}")
    titles = ("before", "after", "added", "removed", "changed")
    click.echo(f"  {'':<10}" + "".join(f"{title:>10}" for title in titles) + "  rows known by")
    for name, table in changes.tables.items():
        cells = [f"{table.n_before:,}", f"{table.n_after:,}"]
        found = (table.added, table.removed, table.changed)
        cells += ["-" if table.compared_by == BY_COUNT else f"{len(rows):,}" for rows in found]
        line = f"  {name:<10}" + "".join(f"{cell:>10}" for cell in cells)
        click.echo(f"{line}  {table.compared_by}")
        if table.changed:
            counts = ", ".join(f"{column} {n:,}" for column, n in table.changed_columns.items())
            click.echo(f"    changed columns: {counts}")
    ious = box_ious(changes)
    if ious:
        mean, least = statistics.fmean(ious), min(ious)
        click.echo(
            f"{len(ious):,} main boxes moved: IoU of old and new {mean:.3f}, least {least:.3f}"
        )
    for reason_step, text in step.reasons:
        click.echo(text if reason_step == "none" else f"{reason_step}: {text}")
    click.echo(step_text(changes, step))


def _changes_json(changes: Changes, step: VersionStep) -> dict[str, Any]:
    return {
        "before": _content_json(changes.before),
        "after": _content_json(changes.after),
        "same": changes.is_same,
        "step": {
            "needed": step.needed,
            "stated": step.stated,
            "enough": step.is_enough,
            "reasons": [{"step": size, "text": text} for size, text in step.reasons],
        },
        "settings": _pairs(changes.settings),
        "manifest": _pairs(changes.manifest),
        "box_ious": box_ious(changes),
        "tables": {name: _table_json(table) for name, table in changes.tables.items()},
    }


def _content_json(content: Content) -> dict[str, Any]:
    name = content.manifest.get("name")
    return {"name": name, "version": content.version, "release_sha256": content.digest}


def _table_json(table: TableChanges) -> dict[str, Any]:
    return {
        "rows": [table.n_before, table.n_after],
        "content_sha256": list(table.contents),
        "compared_by": table.compared_by,
        "new_columns": list(table.new_columns),
        "lost_columns": list(table.lost_columns),
        "added": [list(key) for key in table.added],
        "removed": [list(key) for key in table.removed],
        "changed_columns": table.changed_columns,
        "changed": [{"key": list(row.key), "columns": _pairs(row.values)} for row in table.changed],
    }


def _pairs(values: Any) -> dict[str, list[Any]]:
    return {name: list(pair) for name, pair in values.items()}


COMMANDS = (diff, report)
