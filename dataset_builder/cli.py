"""The command line `dataset-builder`: parse, call one function, print."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from dataset_builder import tables
from dataset_builder.build import build_release, write_built_release
from dataset_builder.console import commands, echo, log_to_stderr, progress
from dataset_builder.contact_sheet import DEFAULT_MAX_FRAMES, write_contact_sheet
from dataset_builder.errors import VideoError
from dataset_builder.exporters.grounding_youtube import write_grounding_youtube
from dataset_builder.frames import cut_frames, find_videos
from dataset_builder.release import Release, counts_of, funnel, read_release
from dataset_builder.settings import parse_settings
from dataset_builder.snapshot import read_snapshot
from dataset_builder.verify import Verification, verify_release

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW = click.Path(path_type=Path)
EXPORTS = {"grounding-youtube": write_grounding_youtube}


@click.group(cls=commands(), context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--verbose", is_flag=True, help="Log more to stderr.")
def main(*, verbose: bool) -> None:
    """Cut frames, build releases from snapshots, check them and look at them."""
    log_to_stderr(verbose=verbose)


@main.command("cut-frames")
@click.argument("videos", type=click.Path(exists=True, path_type=Path))
@click.argument("store", type=click.Path(file_okay=False, path_type=Path))
@click.option("--partial", is_flag=True, help="Keep what damaged videos still show.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a video.")
@click.pass_context
def cut_frames_command(
    ctx: click.Context, videos: Path, store: Path, partial: bool, as_json: bool
) -> None:
    """Cut VIDEOS (a folder or one file) to one JPEG a second, into the folder STORE.

    Videos that were cut before are passed over. One that cannot be cut is reported, and the rest
    goes on; the exit code is then 1.
    """
    n_refused = 0

    def refuse(problem: str) -> None:
        nonlocal n_refused
        echo(f"Error: {problem}", err=True)
        n_refused += 1

    found = find_videos(videos, refuse)
    n_files = len(found) + n_refused
    for video_id, path in progress(found.items(), "videos", total=len(found)):
        try:
            cut = cut_frames(path, store, video_id, partial=partial)
        except VideoError as error:
            refuse(str(error))
            continue
        if as_json:
            counts = {"frames": len(cut.frames), "missing": len(cut.missing_seconds)}
            echo(json.dumps({"video_id": video_id, **counts, "reader": cut.reader}))
        else:
            missing = f", {len(cut.missing_seconds)} missing" if cut.missing_seconds else ""
            echo(f"{video_id}: {len(cut.frames)} frames{missing}")
    if n_refused:
        click.echo(f"{n_refused} of {n_files} videos could not be cut", err=True)
        ctx.exit(1)


@main.command()
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


@main.command()
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


@main.command()
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


@main.command("contact-sheet")
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


if __name__ == "__main__":
    main()
