"""Snapshots to releases, and whether a release is what it says."""

from __future__ import annotations

import contextlib
import gc
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from dataset_builder import tables
from dataset_builder.build import Built, build_folder
from dataset_builder.changes import read_content
from dataset_builder.changes_report import check_later, report_path
from dataset_builder.cluster import Workers
from dataset_builder.commands.options import FOLDER, NEW, PROCESSES, SCHEDULER, refuse_input
from dataset_builder.release import counts_of
from dataset_builder.settings import parse_settings
from dataset_builder.snapshot import open_snapshot
from dataset_builder.verify import Verification, verify_release


@click.command()
@click.argument("snapshot", type=FOLDER)
@click.argument("out", type=NEW)
@click.option("--name", required=True, help="Name of the release: letters, digits, '_', '.', '-'.")
@click.option("--version", required=True, help="Version of the release, such as 1.0.0.")
@click.option("--parent", type=FOLDER, help="The release before, which the new one then names.")
@click.option("--licence", default="", help="Licence of the data, such as CC-BY-4.0.")
@click.option(
    "--set", "assignments", multiple=True, metavar="NAME=VALUE", help="A build setting; repeatable."
)
@PROCESSES
@SCHEDULER
@click.option("--force", is_flag=True, help="Replace OUT where it exists.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def build(
    *,
    snapshot: Path,
    out: Path,
    name: str,
    version: str,
    parent: Path | None,
    licence: str,
    assignments: Sequence[str],
    processes: int,
    scheduler: str,
    force: bool,
    as_json: bool,
) -> None:
    """Build a release folder OUT from a SNAPSHOT folder.

    Neither --processes nor --scheduler changes a byte of it; they share out the heatmaps.
    """
    refuse_input(out, snapshot, parent)
    workers = Workers(processes, scheduler)
    settings = parse_settings(assignments)
    before = read_content(parent) if parent else None
    if before:
        check_later(before, version)
    with _without_collector():
        opened = open_snapshot(snapshot)
        built = build_folder(
            out,
            opened,
            name=name,
            version=version,
            settings=settings,
            licence=licence,
            workers=workers,
            parent=before,
            force=force,
        )
    _warn_of_empty(built.splits, settings.splits)
    if as_json:
        click.echo(json.dumps(_build_json(built, tables.read_json(out / "manifest.json"))))
        return
    click.echo(f"{name} {version} from snapshot {opened.snapshot_id}")
    if before:
        click.echo(f"parent: {before.title}; what changed: {report_path(out, before.version)}")
    _echo_funnel(built.funnel)
    for split, counts in built.splits.items():
        texts = [
            f"{n:,} {what.removesuffix('s') if n == 1 else what}" for what, n in counts.items()
        ]
        click.echo(f"  split {split}: {', '.join(texts)}")
    click.echo(f"sha256 of {tables.SUMS_NAME}: {built.digest}")


@click.command()
@click.argument("release", type=FOLDER)
@click.option("--parent", type=FOLDER, help="The release that it names as its parent, to compare.")
@click.option(
    "--published",
    type=FOLDER,
    help="Published files of GroundingYouTube, or what import-official made of them: derive a "
    "release of them anew.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def verify(
    ctx: click.Context, *, release: Path, parent: Path | None, published: Path | None, as_json: bool
) -> None:
    """Check a RELEASE: digests, references, and every number derived anew from the clicks.

    The exit code is 1 where anything differs, each difference is a line with its code and place.
    """
    outcome = verify_release(release, parent=parent, published=published)
    if as_json:
        click.echo(json.dumps(_verification_json(outcome)))
    else:
        _echo_verification(outcome)
    if not outcome.is_ok:
        ctx.exit(1)


def _build_json(built: Built, manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "release_sha256": built.digest,
        "name": manifest["name"],
        "version": manifest["version"],
        "snapshot_sha256": manifest["snapshot"]["digest"],
        **built.counts,
        "answers_left_out": sum(manifest["left_out"].values()),
        "left_out": manifest["left_out"],
        "funnel": [list(stage) for stage in built.funnel],
        "contents": {name: table["content_sha256"] for name, table in manifest["tables"].items()},
        "parent": manifest["parent"],
        "splits": built.splits,
    }


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Keep the collector of cycles from looking through millions of records that hold none."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _echo_funnel(stages: Sequence[tuple[str, int]]) -> None:
    width = max(len(stage) for stage, _ in stages)
    for stage, count in stages:
        click.echo(f"  {stage:<{width}}  {count:>11,}")


def _warn_of_empty(splits: Mapping[str, Mapping[str, int]], shares: str) -> None:
    empty = [split for split, counts in splits.items() if not counts["videos"]]
    if empty:
        text = (
            f"warning: no video is of the split {', '.join(map(repr, empty))} ({shares}); with few "
            "videos that can be: name other shares or another split_salt before you publish"
        )
        click.echo(text, err=True)


def _echo_verification(outcome: Verification) -> None:
    for finding in outcome.findings:
        click.echo(f"{finding.code} {finding.where}: {finding.message}")
    for text in outcome.not_checked:
        click.echo(f"not checked: {text}")
    if not outcome.is_ok:
        click.echo(f"{len(outcome.findings)} differences", err=True)
    elif outcome.release is not None:
        counts = counts_of(outcome.release)
        what = ", ".join(f"{counts[name]:,} {name}" for name in ("frames", "answers", "boxes"))
        click.echo(f"ok: {outcome.release.name} {outcome.release.version}, {what}")


def _verification_json(outcome: Verification) -> dict[str, object]:
    release = outcome.release
    return {
        "ok": outcome.is_ok,
        "release_sha256": release.digest if release else None,
        "name": release.name if release else None,
        "version": release.version if release else None,
        "counts": counts_of(release) if release else None,
        "findings_by_code": dict(sorted(Counter(f.code for f in outcome.findings).items())),
        "findings": [asdict(finding) for finding in outcome.findings],
        "not_checked": list(outcome.not_checked),
    }


COMMANDS = (build, verify)
