"""Releases in other projects' formats, and as pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click

from dataset_builder import tables
from dataset_builder.commands.options import AS_JSON, FOLDER, NEW, refuse_input
from dataset_builder.contact_sheet import DEFAULT_MAX_FRAMES, write_contact_sheet
from dataset_builder.exporters.activitynet import write_activitynet
from dataset_builder.exporters.ava import write_ava
from dataset_builder.exporters.coco import write_coco
from dataset_builder.exporters.cvat import write_cvat
from dataset_builder.exporters.grounding_youtube import write_grounding_youtube
from dataset_builder.exporters.hub import write_hub
from dataset_builder.exporters.label_studio import write_label_studio
from dataset_builder.exporters.webdataset import write_webdataset
from dataset_builder.official.imported import export_official, is_imported, refuse_imported
from dataset_builder.release import OPTIONAL, Release, read_release

EXPORTS: Mapping[str, Callable[[Release, Path], None]] = {
    "activitynet": write_activitynet,
    "ava": write_ava,
    "coco": write_coco,
    "cvat": write_cvat,
    "grounding-youtube": write_grounding_youtube,
    "huggingface": write_hub,
    "label-studio": write_label_studio,
}
PICTURE_EXPORTS: Mapping[str, Callable[[Release, Path, Path], None]] = {
    "coco": write_coco,
    "label-studio": write_label_studio,
    "webdataset": write_webdataset,
}
"""Formats that hold pictures when they are given a frame store."""
MOST_NAMES = 8
"""More files than these are counted, not named."""


@click.command()
@click.argument("release", type=FOLDER)
@click.argument("out", type=NEW)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(sorted({*EXPORTS, *PICTURE_EXPORTS})),
    required=True,
)
@click.option("--frames", "store", type=FOLDER, help="Frame store, to put the pictures beside.")
@click.option("--force", is_flag=True, help="Replace OUT where it exists.")
@AS_JSON
def export(
    *,
    release: Path,
    out: Path,
    format_name: str,
    store: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write a RELEASE in another project's format into the folder OUT (docs/formats.md).

    What import-official wrote is written as the published files again, byte for byte.
    """
    refuse_input(out, release, store)
    if store is None and format_name not in EXPORTS:
        raise click.UsageError(f"{format_name} is made of pictures; pass --frames STORE")
    if store is not None and format_name not in PICTURE_EXPORTS:
        raise click.UsageError(f"{format_name} holds no pictures; leave --frames out")
    if is_imported(release) and format_name == "grounding-youtube":
        export_official(release, out, force=force)
        _echo_files(out, as_json=as_json)
        return
    refuse_imported(release)
    content = read_release(release)
    with tables.fresh_folder(out, force=force, optional=OPTIONAL) as folder:
        if format_name == "huggingface":
            write_hub(content, folder, release)
        elif store is None:
            EXPORTS[format_name](content, folder)
        else:
            PICTURE_EXPORTS[format_name](content, folder, store)
    _echo_files(out, as_json=as_json)


@click.command("contact-sheet")
@click.argument("release", type=FOLDER)
@click.argument("out", type=NEW)
@click.option("--frames", "store", type=FOLDER, required=True, help="The frame store.")
@click.option("--clip", "clip_ids", multiple=True, metavar="CLIP_ID", help="Only this; repeatable.")
@click.option(
    "--max-frames",
    type=click.IntRange(min=1),
    default=DEFAULT_MAX_FRAMES,
    show_default=True,
    help="Draw no more frames than this; the sheet says how many it leaves out.",
)
@click.option("--force", is_flag=True, help="Replace OUT where it exists.")
@AS_JSON
def contact_sheet(
    *,
    release: Path,
    out: Path,
    store: Path,
    clip_ids: Sequence[str],
    max_frames: int,
    force: bool,
    as_json: bool,
) -> None:
    """Draw a RELEASE's frames with clicks, heatmap and box into one picture, OUT (PNG)."""
    refuse_input(out, release, store)
    drawn, total = write_contact_sheet(
        read_release(release), store, out, clip_ids=clip_ids, max_frames=max_frames, force=force
    )
    if as_json:
        click.echo(json.dumps({"file": str(out), "drawn": drawn, "frames": total}))
        return
    click.echo(f"{out}: {drawn} of {total} frames")


def _echo_files(out: Path, *, as_json: bool) -> None:
    """Tell what an export wrote: its few names, or as JSON every file below it."""
    if as_json:
        files = sorted(path for path in out.rglob("*") if path.is_file())
        names = [path.relative_to(out).as_posix() for path in files]
        size = sum(path.stat().st_size for path in files)
        found = {"folder": str(out), "n_files": len(names), "bytes": size, "files": names}
        click.echo(json.dumps(found))
        return
    names = sorted(path.name for path in out.iterdir())
    few = ", ".join(names) if len(names) <= MOST_NAMES else f"{len(names):,} files"
    click.echo(f"{out}: {few}")


COMMANDS = (export, contact_sheet)
