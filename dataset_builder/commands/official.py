"""The published files of GroundingYouTube: in, what is wrong with them, and pages to look at."""

from __future__ import annotations

import json
from pathlib import Path

import click

from dataset_builder.commands.options import FOLDER, NEW, refuse_input
from dataset_builder.official.comparison_text import text_of as comparison_lines
from dataset_builder.official.defects import find_defects, report_of
from dataset_builder.official.defects import text_of as defect_lines
from dataset_builder.official.files import read_folder
from dataset_builder.official.imported import Imported, import_official
from dataset_builder.official.records import BOX_FILES
from dataset_builder.official.reported import report_official
from dataset_builder.release import Release, counts_of


@click.command("import-official")
@click.argument("folder", type=FOLDER)
@click.argument("out", type=NEW)
@click.option("--repaired", is_flag=True, help="Make the repaired release and its report too.")
@click.option(
    "--boxes",
    type=click.Choice(BOX_FILES),
    help="The box file to take; by default the first of these that is there.",
)
@click.option("--licence", default="", help="Licence that the annotation's authors state.")
@click.option("--force", is_flag=True, help="Replace OUT where it exists.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def import_official_command(
    *,
    folder: Path,
    out: Path,
    repaired: bool,
    boxes: str | None,
    licence: str,
    force: bool,
    as_json: bool,
) -> None:
    """Read GroundingYouTube's published files in FOLDER; write tables and releases into OUT."""
    refuse_input(out, folder)
    imported = import_official(
        folder, out, boxes=boxes, repaired=repaired, licence=licence, force=force
    )
    if as_json:
        click.echo(json.dumps(_import_json(imported)))
        return
    click.echo(f"{out}: {len(imported.files)} files, {len(imported.defects):,} defects")
    click.echo(f"faithful: {_counts_text(imported.faithful)}")
    if imported.repaired is not None and imported.report is not None:
        click.echo(f"repaired: {_counts_text(imported.repaired.release)}")
        click.echo()
        click.echo("\n".join(comparison_lines(imported.report)))


@click.command("check-official")
@click.argument("folder", type=FOLDER)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with examples.")
@click.pass_context
def check_official(ctx: click.Context, *, folder: Path, as_json: bool) -> None:
    """Find the defects of GroundingYouTube's published files in FOLDER, by code and file."""
    files = read_folder(folder)
    found = find_defects(files)
    if as_json:
        click.echo(json.dumps(report_of(files, found)))
    else:
        for line in defect_lines(found):
            click.echo(line)
    if found:
        ctx.exit(1)


@click.command("report-official")
@click.argument("folder", type=FOLDER)
@click.argument("out", type=NEW)
@click.option(
    "--boxes",
    type=click.Choice(BOX_FILES),
    help="The box file to take; by default the first of these that is there.",
)
@click.option("--force", is_flag=True, help="Replace OUT where it exists.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
def report_official_command(
    *, folder: Path, out: Path, boxes: str | None, force: bool, as_json: bool
) -> None:
    """Make both releases of GroundingYouTube's published files in FOLDER, and pages on them in OUT.

    OUT gets faithful.html, repaired.html, repairs.html (what is wrong, and what the repairs
    change), figures.json, and imported/ with the releases.
    """
    refuse_input(out, folder)
    figures = report_official(folder, out, boxes=boxes, force=force)
    if as_json:
        click.echo(json.dumps(figures))
        return
    for page in sorted(out.glob("*.html")):
        click.echo(f"{page}: {page.stat().st_size / 1e6:.1f} MB")
    click.echo()
    click.echo("\n".join(comparison_lines(figures["repairs"][figures["boxes"]])))


def _import_json(imported: Imported) -> dict[str, object]:
    fixed = imported.repaired
    return {
        "files": sorted(file.file_name for file in imported.files.values()),
        "defects": len(imported.defects),
        "faithful": counts_of(imported.faithful),
        "repaired": counts_of(fixed.release) if fixed else None,
        "repairs": imported.report,
    }


def _counts_text(release: Release) -> str:
    counts = counts_of(release)
    return ", ".join(f"{counts[name]:,} {name}" for name in ("clips", "frames", "boxes", "tubes"))


COMMANDS = (import_official_command, check_official, report_official_command)
