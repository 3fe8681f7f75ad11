"""The encoder that settings or a checkpoint name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dataset_builder.errors import InputError
from stg_model.errors import CheckpointError
from stg_model.features.encoder import Encoder
from stg_model.features.paths import NO_PATHS, BackbonePaths
from stg_model.features.s3d import S3dEncoder
from stg_model.features.s3d_weights import load_s3d
from stg_model.features.tiny import TinyEncoder
from stg_model.features.words import Vocabulary
from stg_model.settings import Settings


def encoder_for(settings: Settings, paths: BackbonePaths = NO_PATHS) -> Encoder:
    """Return the settings' encoder, before it has listened to any narration.

    Raises:
        InputError: a file is missing, superfluous, or not what it should be.
    """
    backbone = settings.features.backbone
    if backbone == "tiny":
        _refuse_paths(paths, backbone, ("weights", "vocabulary", "text_weights"))
        return TinyEncoder(settings, Vocabulary(()))
    if backbone == "clip":
        _refuse_paths(paths, backbone, ("text_weights",))
        return _clip(settings, paths)
    weights = load_s3d(
        _needed(paths.weights, backbone, "--weights", "s3d_howto100m.pth"),
        _needed(paths.vocabulary, backbone, "--vocabulary", "s3d_dict.npy"),
        paths.text_weights,
    )
    nn.Module.to(weights.model, _device())
    return S3dEncoder(settings, weights, Vocabulary(weights.words))


def encoder_from(
    description: Mapping[str, Any], settings: Settings, paths: BackbonePaths = NO_PATHS
) -> Encoder:
    """Return the encoder that `Encoder.describe` described, for whole frames.

    Raises:
        InputError: as for `encoder_for`.
        CheckpointError: the files hold other weights or words than the description names.
        KeyError: the description lacks something.
    """
    if description["backbone"] == "tiny":
        return TinyEncoder(settings, Vocabulary(tuple(description["vocabulary"])))
    features = replace(settings.features, backbone=description["backbone"])
    encoder = whole_frames(encoder_for(replace(settings, features=features), paths))
    found = encoder.describe()
    for name, option in (("weights_digest", "--weights"), ("words_digest", "--vocabulary")):
        if found[name] != description[name]:
            raise CheckpointError(
                f"{option}: the checkpoint was trained with other files "
                f"({name} {description[name]:.12}, these have {found[name]:.12})"
            )
    return encoder


def whole_frames(encoder: Encoder) -> Encoder:
    """Return the encoder for use: a heat map's cells are places in the frame, so no crop."""
    if isinstance(encoder, TinyEncoder):
        return encoder
    features = replace(encoder.settings.features, crop="squeeze")
    settings = replace(encoder.settings, features=features)
    whole: Encoder = replace(encoder, settings=settings)  # type: ignore[type-var]
    return whole


def _clip(settings: Settings, paths: BackbonePaths) -> Encoder:
    path = _needed(paths.weights, "clip", "--weights", "ViT-B-32.pt or a Hugging Face folder")
    words = paths.vocabulary or (path if path.is_dir() else None)
    words = _needed(words, "clip", "--vocabulary", "bpe_simple_vocab_16e6.txt.gz")
    try:  # transformers is an extra, and takes seconds to import
        from stg_model.features.clip import ClipEncoder  # noqa: PLC0415
        from stg_model.features.clip_weights import load_clip  # noqa: PLC0415
        from stg_model.features.clip_words import load_words  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            f"backbone clip needs transformers ({error}); pip install 'grounding-circle[clip]'"
        ) from error
    weights = load_clip(path)
    nn.Module.to(weights.model, _device())
    return ClipEncoder(settings, weights, load_words(words, weights.n_tokens))


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _needed(path: Path | None, backbone: str, option: str, what: str) -> Path:
    if path is None:
        raise InputError(f"backbone {backbone} needs {option} ({what}; see docs/weights.md)")
    return path


def _refuse_paths(paths: BackbonePaths, backbone: str, names: tuple[str, ...]) -> None:
    for name in names:
        if getattr(paths, name) is not None:
            option = name.replace("_", "-")
            raise InputError(f"backbone {backbone} takes no --{option}; set features.backbone")
