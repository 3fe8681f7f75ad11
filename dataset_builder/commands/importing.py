"""Other projects' files to clips."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from dataset_builder.commands.options import FILE, NEW
from dataset_builder.console import echo
from dataset_builder.importers.activitynet import read_activitynet
from dataset_builder.importers.clip_csv import write_clip_csv
from dataset_builder.importers.found_clips import FoundClips
from dataset_builder.importers.mining_youtube import read_classes, read_mining_youtube

FORCE = click.option("--force", is_flag=True, help="Replace OUT where it exists.")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def _writes_clips(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the argument OUT and what all of these commands take."""
    return click.argument("out", type=NEW)(FORCE(AS_JSON(command)))


@click.group("import-clips")
def import_clips() -> None:
    """Read other projects' files into a CSV file of clips, OUT.

    `annot-server import-clips OUT` takes it from there. What is refused is named by file and place;
    the rest goes in, and the exit code is 1.
    """


@import_clips.command("mining-youtube")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@_writes_clips
@click.option("--classes", type=FILE, help="The classes to map labels to, one a line.")
@click.option("--overrides", type=FILE, help="CSV file label,class for labels of no class.")
def mining_youtube(
    *,
    source: Path,
    out: Path,
    classes: Path | None,
    overrides: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Read an .srt file, or all in a folder: SOURCE/VIDEO_ID.srt."""
    if overrides and not classes:
        raise click.UsageError("--overrides needs --classes")
    mapping = read_classes(classes, overrides) if classes else None
    _write(read_mining_youtube(source, mapping), out, force=force, as_json=as_json)


@import_clips.command("activitynet")
@click.argument("source", type=FILE)
@_writes_clips
@click.option("--subset", help="Only its videos, such as validation.")
def activitynet(*, source: Path, out: Path, subset: str | None, force: bool, as_json: bool) -> None:
    """Read ActivityNet's JSON."""
    _write(read_activitynet(source, subset), out, force=force, as_json=as_json)


def _write(found: FoundClips, out: Path, *, force: bool, as_json: bool) -> None:
    write_clip_csv(out, found.clips, force=force)
    _report(
        found.problems,
        found.notes,
        {
            "clips": len(found.clips),
            "videos": len({clip.video_id for clip in found.clips}),
            "actions": len({clip.description for clip in found.clips}),
            "problems": len(found.problems),
        },
        as_json=as_json,
    )


def _report(
    problems: tuple[str, ...], notes: tuple[str, ...], counts: dict[str, int], *, as_json: bool
) -> None:
    for line in (*problems, *notes):
        echo(line, err=True)
    if as_json:
        click.echo(json.dumps(counts))
    else:
        click.echo(", ".join(f"{count} {name}" for name, count in counts.items()))
    if problems:
        raise click.exceptions.Exit(1)


COMMANDS = (import_clips,)
