"""Other projects' files to clips, and to snapshots where they hold answers."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from dataset_builder.commands.options import AS_JSON, FILE, FOLDER, NEW
from dataset_builder.console import echo
from dataset_builder.importers.activitynet import read_activitynet
from dataset_builder.importers.clip_csv import write_clip_csv
from dataset_builder.importers.cvat import read_cvat_answers, read_cvat_clips
from dataset_builder.importers.found_answers import FoundAnswers, clips_of_csv, snapshot_parts
from dataset_builder.importers.found_clips import FoundClips
from dataset_builder.importers.grounding_youtube_clips import read_grounding_youtube_clips
from dataset_builder.importers.label_studio import (
    read_label_studio_answers,
    read_label_studio_clips,
)
from dataset_builder.importers.mining_youtube import read_classes, read_mining_youtube

EXISTS = click.Path(exists=True, path_type=Path)
FORCE = click.option("--force", is_flag=True, help="Replace OUT where it exists.")


def _rate(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Fraction | None:
    """Return frames a second from a number or a fraction such as 30000/1001."""
    if value is None:
        return None
    try:
        rate = Fraction(value)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate < 1:
        raise click.BadParameter(f"{value!r} is no frame rate, such as 25 or 30000/1001")
    return rate


def _fps(*, required: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--fps",
        required=required,
        metavar="NUMBER",
        callback=_rate,
        help="Frames a second of the videos, 1 or more; also as a fraction, such as 30000/1001.",
    )


FPS = _fps(required=True)


@dataclass(frozen=True, slots=True)
class _SnapshotOptions:
    """What every command that writes a snapshot takes."""

    out: Path
    store: Path
    clips: Path | None
    split: str
    benchmark: bool
    force: bool
    as_json: bool


def _writes_clips(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the argument OUT and what all of these commands take."""
    return click.argument("out", type=NEW)(FORCE(AS_JSON(command)))


def _writes_snapshot(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the argument OUT and the options of `_SnapshotOptions`."""
    names = _SnapshotOptions.__slots__

    @functools.wraps(command)
    def with_options(**given: Any) -> None:
        options = _SnapshotOptions(**{name: given.pop(name) for name in names})
        command(options=options, **given)

    for decorate in (
        AS_JSON,
        FORCE,
        click.option("--benchmark/--no-benchmark", default=True, show_default=True),
        click.option("--split", default="test", show_default=True, help="The clips' set."),
        click.option("--clips", type=FILE, help="CSV file of the clips, in place of SOURCE's own."),
        click.option("--frames", "store", type=FOLDER, required=True, help="The frame store."),
        click.argument("out", type=NEW),
    ):
        with_options = decorate(with_options)
    return with_options


@click.group("import-clips")
def import_clips() -> None:
    """Read other projects' files into a CSV file of clips, OUT.

    `annot-server import-clips OUT` takes it from there. What is refused is named by file and place;
    the rest goes in, and the exit code is 1.
    """


@import_clips.command("mining-youtube")
@click.argument("source", type=EXISTS)
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


@import_clips.command("grounding-youtube")
@click.argument("source", type=FILE)
@_writes_clips
def grounding_youtube(*, source: Path, out: Path, force: bool, as_json: bool) -> None:
    """Read one of GroundingYouTube's files of segments, such as seg.json."""
    _write(read_grounding_youtube_clips(source), out, force=force, as_json=as_json)


@import_clips.command("cvat")
@click.argument("source", type=EXISTS)
@_writes_clips
@FPS
def cvat_clips(*, source: Path, out: Path, fps: Fraction, force: bool, as_json: bool) -> None:
    """Read the tracks of an XML file, or of all in a folder ("CVAT for video 1.1")."""
    _write(read_cvat_clips(source, fps), out, force=force, as_json=as_json)


@import_clips.command("label-studio")
@click.argument("source", type=EXISTS)
@_writes_clips
@FPS
def label_studio_clips(
    *, source: Path, out: Path, fps: Fraction, force: bool, as_json: bool
) -> None:
    """Read the timeline labels of a JSON export, or of all in a folder."""
    _write(read_label_studio_clips(source, fps), out, force=force, as_json=as_json)


@click.group("import-answers")
def import_answers() -> None:
    """Read the answers in other projects' files into a snapshot folder, OUT.

    `build OUT` takes it from there. What is refused is named by file and place; the rest goes in,
    and the exit code is 1.
    """


@import_answers.command("cvat")
@click.argument("source", type=EXISTS)
@_writes_snapshot
@FPS
def cvat_answers(*, source: Path, fps: Fraction, options: _SnapshotOptions) -> None:
    """Read the points of an XML file, or of all in a folder ("CVAT for video 1.1")."""
    clips = clips_of_csv(options.clips) if options.clips else read_cvat_clips(source, fps)
    _write_snapshot(clips, read_cvat_answers(source, fps), options)


@import_answers.command("label-studio")
@click.argument("source", type=EXISTS)
@_writes_snapshot
@_fps(required=False)
def label_studio_answers(*, source: Path, fps: Fraction | None, options: _SnapshotOptions) -> None:
    """Read the key points of a JSON export, or of all in a folder.

    The clips are those of --clips, or else the timeline labels of SOURCE, which need --fps.
    """
    if options.clips:
        clips = clips_of_csv(options.clips)
    elif fps:
        clips = read_label_studio_clips(source, fps)
    else:
        raise click.UsageError("give --clips, or --fps for the timeline labels of SOURCE")
    _write_snapshot(clips, read_label_studio_answers(source), options)


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


def _write_snapshot(clips: FoundClips, answers: FoundAnswers, options: _SnapshotOptions) -> None:
    parts = snapshot_parts(
        clips.clips,
        answers.answers,
        options.store,
        split=options.split,
        is_benchmark=options.benchmark,
    )
    parts.write(options.out, force=options.force)
    # A bad place is found twice where it is read for clips and for answers.
    problems = tuple(dict.fromkeys((*clips.problems, *answers.problems, *parts.problems)))
    counts = {
        "clips": len(parts.clips),
        "frames": len(parts.frames),
        "answers": len(parts.answers),
        "annotators": len({answer.annotator_id for answer in parts.answers.values()}),
        "problems": len(problems),
    }
    _report(problems, answers.notes, counts, as_json=options.as_json)


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


COMMANDS = (import_clips, import_answers)
