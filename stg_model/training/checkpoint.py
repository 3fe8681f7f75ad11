"""Checkpoints: trained weights, and beside them everything needed to use or repeat them.

    OUT/model.safetensors   the weights
    OUT/config.json         settings, encoder, what it was trained on, the weights' SHA-256
    OUT/metrics.jsonl       losses and validation figures
    OUT/resume.pt           only while a run is unfinished: weights, optimiser, step

A checkpoint's digest is the SHA-256 of its config.json, which holds the weights' digest: no clock,
no path, so the same run twice has the same name. Loading is strict.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from dataset_builder import tables
from dataset_builder.errors import InputError
from stg_model.config import settings_from_json
from stg_model.errors import CheckpointError
from stg_model.features.encoder import Encoder
from stg_model.features.encoders import encoder_from
from stg_model.features.heads import start_from_backbone
from stg_model.features.paths import NO_PATHS, BackbonePaths
from stg_model.network.model import GroundingModel
from stg_model.settings import Settings

FORMAT = "grounding-checkpoint"
FORMAT_VERSION = 2
WEIGHTS_NAME = "model.safetensors"
CONFIG_NAME = "config.json"
RESUME_NAME = "resume.pt"

_UNREADABLE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
)
"""What torch raises on files that are no state of ours."""

_TRAINED_ON: Mapping[str, type] = {"n_videos": int, "n_sentences": int, "transcripts_sha256": str}
_MAY_SAY: Mapping[str, type] = {
    "videos_sha256": list,
    "validation_videos_sha256": list,
    "thresholds": dict,
    "validation": dict,
    "release": dict,
    "published": str,
}
_RELEASE: Mapping[str, type] = {"name": str, "version": str, "digest": str, "n_videos": int}
"""What is read of `trained_on`: what it must say, what it may, and what it says of a release."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model ready for use; `trained_on` says on what, in plain JSON values."""

    model: GroundingModel
    settings: Settings
    encoder: Encoder
    trained_on: Mapping[str, Any]
    digest: str = ""


def build_model(settings: Settings, encoder: Encoder) -> GroundingModel:
    """Return a fresh model; its weights come from torch's global generator."""
    visual, textual = encoder.modules()
    model = GroundingModel(
        visual, textual, settings, token_dim=encoder.token_dim, word_dim=encoder.word_dim
    )
    if settings.network.global_start == "backbone":
        start_from_backbone(model.global_branch, encoder)
    return model


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> Checkpoint:
    """Write a checkpoint and return it with its digest.

    The config is written last: a folder that has one is complete.
    """
    weights = {name: t.contiguous() for name, t in checkpoint.model.state_dict().items()}
    with tables.replaced_file(folder / WEIGHTS_NAME) as temporary:
        safetensors.torch.save_file(weights, temporary)
    config = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "settings": checkpoint.settings.to_json(),
        "settings_digest": checkpoint.settings.digest,
        "encoder": dict(checkpoint.encoder.describe()),
        "trained_on": dict(checkpoint.trained_on),
        "weights_sha256": tables.sha256_file(folder / WEIGHTS_NAME),
    }
    text = tables.canonical_json(config)
    with tables.replaced_file(folder / CONFIG_NAME) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")
    return replace(checkpoint, digest=tables.sha256_bytes(text.encode()))


def load_checkpoint(folder: Path, paths: BackbonePaths = NO_PATHS) -> Checkpoint:
    """Read a checkpoint, in evaluation mode.

    Args:
        folder: what `save_checkpoint` wrote.
        paths: files of the frozen backbone, where the checkpoint was trained on one.

    Raises:
        CheckpointError: a file is missing or damaged, or the weights are not those of the config.
        InputError: a file of the backbone is missing or not what it should be.
        SettingsError: the config holds settings that this version does not know.
    """
    config_path, weights_path = folder / CONFIG_NAME, folder / WEIGHTS_NAME
    if not config_path.is_file() and (folder / RESUME_NAME).is_file():
        raise CheckpointError(f"{folder}: training is unfinished; run the same train command again")
    try:
        config = tables.read_json(config_path)
    except InputError as error:
        raise CheckpointError(f"{error}; give the folder that train wrote") from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise CheckpointError(f"{config_path}: is no {FORMAT}")
    if config.get("format_version") != FORMAT_VERSION:
        raise CheckpointError(
            f"{config_path}: format_version {config.get('format_version')!r} is not "
            f"{FORMAT_VERSION}; train again with this version"
        )
    try:
        settings = settings_from_json(config["settings"], str(config_path))
        encoder = encoder_from(config["encoder"], settings, paths)
        trained_on, weights_sha256 = trained_on_from(config["trained_on"]), config["weights_sha256"]
    except KeyError as error:
        raise CheckpointError(f"{config_path}: lacks {error}") from error
    except (TypeError, AttributeError, ValueError) as error:
        raise CheckpointError(f"{config_path}: is damaged ({error})") from error
    if not weights_path.is_file() or tables.sha256_file(weights_path) != weights_sha256:
        raise CheckpointError(
            f"{weights_path}: missing or not the weights that {CONFIG_NAME} describes; "
            "copy the whole folder again"
        )
    model = build_model(settings, encoder)
    load_weights(model, weights_path)
    digest = tables.sha256_file(config_path)
    return Checkpoint(model.eval(), settings, encoder, trained_on, digest)


def load_weights(model: GroundingModel, path: Path) -> None:
    """Load weights; every tensor must be expected, present and of its shape.

    Raises:
        CheckpointError: one is not; it is named.
    """
    try:
        weights = safetensors.torch.load_file(path)
        model.load_state_dict(weights, strict=True)
    except (RuntimeError, OSError, safetensors.SafetensorError) as error:
        what = " ".join(str(error).split())
        raise CheckpointError(f"{path}: does not fit the model: {what}") from error
    for name, values in weights.items():
        if not torch.isfinite(values).all():
            raise CheckpointError(f"{path}: {name} holds values that are no finite numbers")


def trained_on_from(value: Any) -> dict[str, Any]:
    """Return what a config says of a checkpoint's training, once all that is read is of its kind.

    Raises:
        KeyError: something is missing; it is named.
        ValueError: something is of another kind; it is named.
    """
    _require_kinds("trained_on", value, _TRAINED_ON)
    there = {name: kind for name, kind in _MAY_SAY.items() if name in value}
    _require_kinds("trained_on", value, there)
    if "release" in value:
        _require_kinds("trained_on.release", value["release"], _RELEASE)
    return dict(value)


def _require_kinds(name: str, found: Any, kinds: Mapping[str, type]) -> None:
    if not isinstance(found, dict):
        raise ValueError(f"{name} is {found!r:.60}")
    for key, kind in kinds.items():
        if not isinstance(found[key], kind):
            raise ValueError(f"{name}.{key} is {found[key]!r:.60}")


def save_progress(
    folder: Path, model: torch.nn.Module, optimiser: torch.optim.Optimizer, step: int, run: str
) -> None:
    """Save what a cut run needs to go on after `step` steps; `run` names the run's inputs."""
    with tables.replaced_file(folder / RESUME_NAME) as temporary:
        torch.save(
            {
                "run": run,
                "step": step,
                "model": model.state_dict(),
                "optimiser": optimiser.state_dict(),
            },
            temporary,
        )


def load_progress(
    folder: Path, model: torch.nn.Module, optimiser: torch.optim.Optimizer, run: str
) -> int:
    """Restore a cut run and return the number of steps that it had done; 0 when there is none.

    Raises:
        CheckpointError: the state belongs to other settings or other data.
    """
    path = folder / RESUME_NAME
    if not path.is_file():
        return 0
    afresh = "pass --force to start afresh"
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        step, found = int(state["step"]), state["run"]
        weights, optimised = state["model"], state["optimiser"]
    except _UNREADABLE as error:
        what = " ".join(str(error).split()).partition(". ")[0][:200]
        raise CheckpointError(f"{path}: cannot be read ({what}); {afresh}") from error
    if found != run:
        raise CheckpointError(
            f"{path}: an unfinished run with other settings or data; "
            f"repeat its command, choose another folder, or {afresh}"
        )
    try:
        model.load_state_dict(weights, strict=True)
        optimiser.load_state_dict(optimised)
    except _UNREADABLE as error:
        what = " ".join(str(error).split()).partition(". ")[0][:200]
        raise CheckpointError(f"{path}: does not fit the model ({what}); {afresh}") from error
    return step
