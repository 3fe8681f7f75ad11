"""Snapshots to releases, and whether a release is what it says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from dataset_builder import tables
from dataset_builder.build import build_release, write_built_release
from dataset_builder.commands.options import FOLDER, NEW
from dataset_builder.release import Release, counts_of, funnel
from dataset_builder.settings import parse_settings
from dataset_builder.snapshot import read_snapshot
from dataset_builder.verify import Verification, verify_release


@click.command()
@click.argument("snapshot", type=FOLDER)
@click.argument("out", type=NEW)
@click.option("--name", required=True, help="Name of the release: letters, digits, '_', '.', '-'.")
@click.option("--version", required=True, help="Version of the release, such as 1.0.0.")
@click.option("--licence", default="", help="Licence of the data, such as CC-BY-4.0.")
@click.option(
    "--set", "assignments", multiple=True, metavar="NAME=VALUE", help="A build setting; repeatable."
)
@click.option("--force", is_flag=True, help="Replace OUT where it exists.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def build(
    *,
    snapshot: Path,
    out: Path,
    name: str,
    version: str,
    licence: str,
    assignments: Sequence[str],
    force: bool,
    as_json: bool,
) -> None:
    """Build a release folder OUT from a SNAPSHOT folder."""
    settings = parse_settings(assignments)
    release = build_release(
        read_snapshot(snapshot), name=name, version=version, settings=settings, licence=licence
    )
    digest = write_built_release(out, release, force=force)
    if as_json:
        left_out = sum(release.left_out.values())
        counts = counts_of(release) | {"answers_left_out": left_out}
        click.echo(json.dumps({"release_sha256": digest, **counts}))
        return
    click.echo(f"{name} {version} from snapshot {release.snapshot['snapshot_id']}")
    _echo_funnel(release)
    click.echo(f"sha256 of {tables.SUMS_NAME}: {digest}")


@click.command()
@click.argument("release", type=FOLDER)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def verify(ctx: click.Context, *, release: Path, as_json: bool) -> None:
    """Check a RELEASE: digests, references, and every number derived anew from the clicks."""
    outcome = verify_release(release)
    if as_json:
        click.echo(json.dumps(_verification_json(outcome)))
    else:
        _echo_verification(outcome)
    if not outcome.is_ok:
        ctx.exit(1)


def _echo_funnel(release: Release) -> None:
    stages = funnel(release)
    width = max(len(stage) for stage, _ in stages)
    for stage, count in stages:
        click.echo(f"  {stage:<{width}}  {count:>11,}")


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
    return {
        "ok": outcome.is_ok,
        "release_sha256": outcome.release.digest if outcome.release else None,
        "findings": [asdict(finding) for finding in outcome.findings],
        "not_checked": list(outcome.not_checked),
    }


COMMANDS = (build, verify)
