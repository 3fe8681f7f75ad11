"""The command `baseline`: each comparison system as a predictions file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from dataset_builder.errors import InputError
from stg_model.commands.options import FEATURES, PATH, backbone_options, refuse_existing
from stg_model.errors import SettingsError

if TYPE_CHECKING:
    from dataset_builder.predictions import Predictions, System
    from dataset_builder.release import Release
    from stg_model.features.paths import BackbonePaths
    from stg_model.training.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user gave."""

    release: Release
    output: Path
    videos: Path | None
    checkpoint: Path | None
    paths: BackbonePaths
    features: Path | None
    frame_features: Path | None
    train_features: Path | None
    transcripts: Path | None
    rate: float
    seed: int
    pool: str
    heatmaps: bool
    changes: tuple[str, ...]

    def needed(self, name: str, option: str) -> Path:
        """Return a path that this baseline cannot do without.

        Raises:
            InputError: it was not given.
        """
        path: Path | None = getattr(self, name)
        if path is None:
            raise InputError(f"this baseline needs {option}")
        return path


def _centre(asked: Asked) -> Predictions:
    from stg_model.baselines.centre_point import centre_point

    return centre_point(asked.release)


def _fixed(asked: Asked) -> Predictions:
    from stg_model.baselines.fixed_box import fixed_box

    return fixed_box(asked.release)


def _random(asked: Asked) -> Predictions:
    from stg_model.baselines.random_point import random_point

    return random_point(asked.release, asked.seed, asked.pool)


def _motion(asked: Asked) -> Predictions:
    from dataset_builder.frames import find_videos
    from stg_model.baselines.strongest_motion import strongest_motion

    return strongest_motion(asked.release, find_videos(asked.needed("videos", "--videos")))


def _mining(asked: Asked) -> Predictions:
    from dataset_builder import tables
    from stg_model.baselines.frame_features import feature_files, read_frame_features
    from stg_model.baselines.mining_mlp import MiningSettings, train_mining_mlp
    from stg_model.baselines.mining_predictions import mining_predictions, read_orders

    transcripts = asked.needed("transcripts", "--transcripts")
    orders = read_orders(transcripts)
    learnt_from = feature_files(asked.needed("train_features", "--train-features"))
    files = feature_files(asked.needed("frame_features", "--frame-features"))
    features = {
        video_id: read_frame_features(learnt_from[video_id], asked.rate)
        for video_id in sorted(orders.keys() & learnt_from.keys())
    }
    model = train_mining_mlp(features, orders, MiningSettings(seed=asked.seed))
    return mining_predictions(
        model,
        asked.release,
        lambda v: read_frame_features(files[v], asked.rate) if v in files else None,
        f"{len(features)} videos, orders {tables.sha256_file(transcripts)[:12]}",
    )


def _zero_shot(backbone: str) -> Callable[[Asked], tuple[Checkpoint, System]]:
    def model(asked: Asked) -> tuple[Checkpoint, System]:
        from stg_model.baselines.zero_shot import zero_shot, zero_shot_system
        from stg_model.config import load_settings
        from stg_model.features.encoders import encoder_for

        for change in asked.changes:
            if not change.strip().startswith(("inference.", "features.")):
                raise SettingsError(
                    f"--set {change!r}: of an untrained backbone only [inference] and [features] "
                    "are read"
                )
        settings = load_settings(None, (f"features.backbone={backbone}", *asked.changes))
        found = zero_shot(encoder_for(settings, asked.paths), settings)
        return found, zero_shot_system(found)

    return model


def _trained(reading: str) -> Callable[[Asked], tuple[Checkpoint, System]]:
    def model(asked: Asked) -> tuple[Checkpoint, System]:
        from stg_model.baselines import trained
        from stg_model.inference.rereading import reread
        from stg_model.training.checkpoint import load_checkpoint

        folder = asked.needed("checkpoint", "--checkpoint")
        checkpoint = reread(load_checkpoint(folder, asked.paths), asked.changes)
        found: tuple[Checkpoint, System] = getattr(trained, reading)(checkpoint)
        return found

    return model


SYSTEMS: Mapping[str, Callable[[Asked], Predictions]] = {
    "centre": _centre,
    "fixed": _fixed,
    "random": _random,
    "motion": _motion,
    "mining-mlp": _mining,
}
MODELS: Mapping[str, Callable[[Asked], tuple[Checkpoint, System]]] = {
    "clip": _zero_shot("clip"),
    "mil-nce": _zero_shot("s3d"),
    "clip-trained": _trained("trained_projections"),
    "comma": _trained("comma"),
}

_OF_MODELS = (
    *("videos", "features", "pool", "heatmaps", "changes"),
    *("weights", "vocabulary", "text_weights"),
)
TAKES: Mapping[str, tuple[str, ...]] = {
    "centre": (),
    "fixed": (),
    "random": ("seed", "pool"),
    "motion": ("videos",),
    "mining-mlp": ("frame_features", "train_features", "transcripts", "rate", "seed"),
    "clip": _OF_MODELS,
    "mil-nce": _OF_MODELS,
    "clip-trained": ("checkpoint", *_OF_MODELS),
    "comma": ("checkpoint", *_OF_MODELS),
}
"""Parameters that only some baselines take."""
FIXED = ("inference.heatmap_from", "inference.similarity_from")
"""What makes a model this baseline and no other."""


@click.command()
@click.argument("name", type=click.Choice([*SYSTEMS, *MODELS]))
@click.option("--release", type=PATH, required=True, help="Release to predict.")
@click.option("--output", type=PATH, required=True, help="Predictions file to write.")
@click.option("--videos", type=PATH, help="Folder of its videos: motion and the models.")
@click.option("--checkpoint", type=PATH, help="Trained model: clip-trained, comma.")
@click.option("--frame-features", type=PATH, help="mining-mlp: folder of the release's features.")
@click.option("--train-features", type=PATH, help="mining-mlp: folder of features to learn from.")
@click.option("--transcripts", type=PATH, help="mining-mlp: the order of actions in those, JSON.")
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="mining-mlp: rows of features a second.",
)
@click.option("--seed", default=0, show_default=True, help="random, mining-mlp.")
@click.option(
    "--pool",
    type=click.Choice(["video", "all"]),
    default="video",
    show_default=True,
    help="Choose among the actions of each video, or all of the release.",
)
@click.option("--heatmaps", is_flag=True, help="Models: write heatmaps beside the predictions.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="inference.KEY=VALUE",
    help="Models: change how they are read; may be repeated.",
)
@FEATURES
@backbone_options
@click.option("--force", is_flag=True, help="Overwrite the output.")
def baseline(*, name: str, release: Path, output: Path, force: bool, **given: object) -> None:
    """Write the predictions of a comparison system: docs/grounding.md says what each is."""
    from dataset_builder.predictions import write_predictions
    from dataset_builder.release import read_release

    _refuse_others_options(name)
    refuse_existing(output, force=force)
    asked = Asked(release=read_release(release), output=output, **given)  # type: ignore[arg-type]
    if name in MODELS:
        for change in asked.changes:
            if change.partition("=")[0].strip() in FIXED:
                raise SettingsError(f"--set {change!r}: baseline {name} is read in its own way")
        _ground(asked, *MODELS[name](asked), force=force)
        return
    said = SYSTEMS[name](asked)
    records = said.seconds.values(), said.points.values(), said.tubes
    # `evaluate` keeps the bare names for the baselines that it makes by itself.
    write_predictions(output, replace(said.system, name=f"baseline: {said.system.name}"), *records)
    counts = zip(records, ("seconds", "points", "tubes"), strict=True)
    click.echo(", ".join(f"{len(found)} {what}" for found, what in counts) + f" in {output}")


def _refuse_others_options(name: str) -> None:
    """Refuse options that another baseline takes, but not this one."""
    context = click.get_current_context()
    of_some = {parameter for taken in TAKES.values() for parameter in taken}
    wrong = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name in of_some.difference(TAKES[name])
        and context.get_parameter_source(str(parameter.name)) is not ParameterSource.DEFAULT
    ]
    if wrong:
        raise click.UsageError(f"baseline {name} does not take {', '.join(wrong)}")


def _ground(asked: Asked, checkpoint: Checkpoint, system: System, *, force: bool) -> None:
    from stg_model.inference.predicting import ground_release, heatmaps_file

    if asked.heatmaps:
        refuse_existing(heatmaps_file(asked.output), force=force)
    n_seconds, n_points = ground_release(
        checkpoint,
        asked.needed("videos", "--videos"),
        asked.release,
        asked.output,
        asked.features,
        pool=asked.pool,
        heatmaps=asked.heatmaps,
        system=system,
    )
    click.echo(f"{n_seconds} seconds, {n_points} points in {asked.output}")


@click.command()
@click.argument("program", type=click.Choice(["glip", "regionclip", "tubedetr", "stcat"]))
@click.argument("answers", type=PATH)
@click.option("--release", type=PATH, required=True, help="Release that was asked about.")
@click.option("--output", type=PATH, required=True, help="Predictions file to write.")
@click.option("--images", type=PATH, help="glip, regionclip: annotations.json of export.")
@click.option("--items", type=PATH, help="tubedetr, stcat: what each question was, JSON.")
@click.option(
    "--threshold",
    default=0.5,
    show_default=True,
    help="glip, regionclip: a second whose best box is less sure is background.",
)
@click.option("--force", is_flag=True, help="Overwrite the output.")
def adapt(
    *,
    program: str,
    answers: Path,
    release: Path,
    output: Path,
    images: Path | None,
    items: Path | None,
    threshold: float,
    force: bool,
) -> None:
    """Turn another program's ANSWERS into a predictions file: docs/grounding.md has the layouts."""
    from dataset_builder.predictions import write_predictions
    from dataset_builder.release import read_release

    refuse_existing(output, force=force)
    asked = read_release(release)
    if program in ("glip", "regionclip"):
        from stg_model.baselines.detections import detections

        if images is None:
            raise InputError(f"{program} needs --images")
        said = detections(program, answers, images, asked, threshold)
    else:
        from stg_model.baselines.question_tubes import question_tubes

        if items is None:
            raise InputError(f"{program} needs --items")
        said = question_tubes(program, answers, items, asked)
    write_predictions(output, said.system, said.seconds.values(), said.points.values(), said.tubes)
    click.echo(f"{len(said.points)} points, {len(said.tubes)} tubes in {output}")


COMMANDS = (baseline, adapt)
