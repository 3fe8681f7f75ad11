"""Releases in other projects' formats, and as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from dataset_builder import tables
from dataset_builder.commands.options import FOLDER, NEW
from dataset_builder.contact_sheet import DEFAULT_MAX_FRAMES, write_contact_sheet
from dataset_builder.exporters.grounding_youtube import write_grounding_youtube
from dataset_builder.release import read_release

EXPORTS = {"grounding-youtube": write_grounding_youtube}


@click.command()
@click.argument("release", type=FOLDER)
@click.argument("out", type=NEW)
@click.option("--format", "format_name", type=click.Choice(sorted(EXPORTS)), required=True)
@click.option("--force", is_flag=True, help="Replace OUT where it exists.")
def export(*, release: Path, out: Path, format_name: str, force: bool) -> None:
    """Write a RELEASE in another project's format into the folder OUT."""
    content = read_release(release)
    with tables.fresh_folder(out, force=force) as folder:
        EXPORTS[format_name](content, folder)
        names = sorted(path.name for path in folder.iterdir())
    click.echo(f"{out}: {', '.join(names)}")


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
def contact_sheet(
    *, release: Path, out: Path, store: Path, clip_ids: Sequence[str], max_frames: int, force: bool
) -> None:
    """Draw a RELEASE's frames with clicks, heatmap and box into one picture, OUT (PNG)."""
    drawn, total = write_contact_sheet(
        read_release(release), store, out, clip_ids=clip_ids, max_frames=max_frames, force=force
    )
    click.echo(f"{out}: {drawn} of {total} frames")


COMMANDS = (export, contact_sheet)
