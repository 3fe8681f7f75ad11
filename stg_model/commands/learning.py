"""Commands that learn from narrated videos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stg_model.commands.options import (
    FEATURES,
    PATH,
    SETTINGS_CHANGES,
    SETTINGS_FILE,
    backbone_options,
    refuse_existing,
)

if TYPE_CHECKING:
    from stg_model.features.paths import BackbonePaths
    from stg_model.training.checkpoint import Checkpoint


VIDEOS = click.option("--videos", type=PATH, required=True, help="Folder of videos.")
TRANSCRIPTS = click.option(
    "--transcripts",
    type=PATH,
    required=True,
    help="Narration: a .json, .pickle, .csv, .srt or .vtt file, or a folder of such.",
)
ONLY = click.option("--only", type=PATH, help="Narrated videos to take: a list of sample-videos.")
VALIDATION = click.option(
    "--validation",
    type=PATH,
    help="Folder with videos/ and truth/: finds the thresholds. Its videos must not be "
    "learned from, and its truth never reaches the weights.",
)
FORCE = click.option("--force", is_flag=True, help="Start afresh in a folder that holds a run.")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON line.")


@click.command(name="sample-videos")
@click.argument("catalogue", type=PATH)
@click.argument("out", type=PATH)
@click.option("--category", help="Value of category_1 or category_2, e.g. 'Food and Entertaining'.")
@click.option("--count", type=click.IntRange(min=1), help="How many; all without it.")
@click.option("--seed", default=0, show_default=True, help="Another seed, another choice.")
@click.option("--force", is_flag=True, help="Overwrite the list.")
def sample_videos(
    *, catalogue: Path, out: Path, category: str | None, count: int | None, seed: int, force: bool
) -> None:
    """Choose videos of a CATALOGUE (HowTo100M_v1.csv) and write the list to OUT, a .json file."""
    from stg_model.training.transcripts import sampling

    refuse_existing(out, force=force)
    if out.suffix != ".json":
        raise click.UsageError(f"{out}: the list is JSON; name it .json")
    settings = sampling.SampleSettings(category, count, seed)
    chosen = sampling.sample_videos(catalogue, settings)
    for problem in chosen.problems:
        click.echo(problem, err=True)
    sampling.write_video_list(out, chosen)
    click.echo(f"{len(chosen.videos)} of {chosen.n_matching} videos in {out}")


@click.command()
@click.argument("out", type=PATH)
@VIDEOS
@TRANSCRIPTS
@ONLY
@VALIDATION
@SETTINGS_FILE
@SETTINGS_CHANGES
@FEATURES
@backbone_options
@FORCE
@AS_JSON
def train(
    *,
    out: Path,
    videos: Path,
    transcripts: Path,
    only: Path | None,
    validation: Path | None,
    config: Path | None,
    changes: tuple[str, ...],
    features: Path | None,
    paths: BackbonePaths,
    force: bool,
    as_json: bool,
) -> None:
    """Learn from narrated videos alone and write a checkpoint into the folder OUT.

    A run that was cut goes on when the same command is given again. Several processes share the
    batches when torchrun starts them.
    """
    from stg_model.config import load_settings
    from stg_model.inference.calibration import calibrate_on
    from stg_model.training.learn import learn
    from stg_model.training.processes import device_of, joined

    settings = load_settings(config, changes)
    store = features or out / "features"
    apart = _videos_of(validation)
    with joined(device_of(settings.training.device)) as processes:
        checkpoint = learn(
            *(out, videos, transcripts, settings, store),
            only=only,
            apart=apart,
            paths=paths,
            force=force,
            processes=processes,
        )
    if not processes.leads:
        return
    if validation:
        checkpoint = calibrate_on(checkpoint, validation, store)
    _finish(out, checkpoint, settings.training.steps, as_json=as_json)


@click.command(name="fine-tune")
@click.argument("checkpoint", type=PATH)
@click.argument("out", type=PATH)
@click.option("--release", type=PATH, required=True, help="Release whose clicks to learn from.")
@VIDEOS
@click.option(
    "--split", default="train", show_default=True, help="The release's videos to learn from."
)
@click.option("--narrated", type=PATH, required=True, help="Folder of narrated videos.")
@TRANSCRIPTS
@ONLY
@VALIDATION
@SETTINGS_FILE
@SETTINGS_CHANGES
@FEATURES
@backbone_options
@FORCE
@AS_JSON
def fine_tune(
    *,
    checkpoint: Path,
    out: Path,
    release: Path,
    videos: Path,
    split: str,
    narrated: Path,
    transcripts: Path,
    only: Path | None,
    validation: Path | None,
    config: Path | None,
    changes: tuple[str, ...],
    features: Path | None,
    paths: BackbonePaths,
    force: bool,
    as_json: bool,
) -> None:
    """Go on from CHECKPOINT with a release's clicks beside the narration; write to the folder OUT.

    --videos are the release's. Nothing is learned from those that it scores, or puts into another
    split.
    """
    from dataset_builder.release import read_release
    from stg_model.config import load
    from stg_model.inference.calibration import calibrate_on
    from stg_model.training import fine_tune as tuning
    from stg_model.training.checkpoint import load_checkpoint
    from stg_model.training.learn import Sources
    from stg_model.training.processes import device_of, joined

    before = load_checkpoint(checkpoint, paths)
    settings = load(before.settings, config, changes)
    store, apart = features or out / "features", _videos_of(validation)
    sources = Sources(narrated, transcripts, store, only, apart=apart)
    with joined(device_of(settings.training.device)) as processes:
        after = tuning.fine_tune(
            *(out, before, read_release(release), videos, sources),
            settings=settings,
            split=split,
            force=force,
            processes=processes,
        )
    if not processes.leads:
        return
    if validation:
        after = calibrate_on(tuning.open_thresholds(after), validation, store)
    _finish(out, after, settings.fine_tuning.steps, as_json=as_json)


def _videos_of(validation: Path | None) -> dict[str, Path]:
    """Return a validation set's videos: read first, so that a slip does not cost the training."""
    from dataset_builder.release import read_release
    from stg_model.inference.predicting import videos_of

    if validation is None:
        return {}
    return videos_of(read_release(validation / "truth"), validation / "videos")


def _finish(out: Path, checkpoint: Checkpoint, n_steps: int, *, as_json: bool) -> None:
    from dataset_builder import tables
    from stg_model.training.learn import finish

    saved = finish(out, checkpoint, n_steps)
    figures = saved.trained_on.get("validation")
    if as_json:
        click.echo(tables.compact_json({"digest": saved.digest, "validation": figures}))
        return
    click.echo(f"checkpoint {saved.digest[:12]} in {out}")
    for name, value in (figures or {}).items():
        click.echo(f"  {name:<21} {value}")


COMMANDS = (
    sample_videos,
    train,
    fine_tune,
)
