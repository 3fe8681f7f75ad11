"""A checkpoint made of the weights that the paper's authors published."""

from __future__ import annotations

from pathlib import Path

from dataset_builder import tables
from stg_model.errors import SettingsError
from stg_model.features.encoders import encoder_for
from stg_model.features.paths import NO_PATHS, BackbonePaths
from stg_model.features.released import load_released
from stg_model.features.s3d import S3dEncoder
from stg_model.settings import Settings
from stg_model.training.checkpoint import Checkpoint, build_model
from stg_model.training.learn import threshold_sources


def imported(file: Path, settings: Settings, paths: BackbonePaths = NO_PATHS) -> Checkpoint:
    """Return the published weights as a checkpoint, not saved yet.

    Args:
        file: see `load_released`.
        settings: of a frozen backbone; with `network.global_start = backbone` a file without global
            projections leaves those that the backbone brings.
        paths: the backbone's files.

    Raises:
        InputError: a file is missing or not what it should be.
        SettingsError: the backbone is not a frozen one.
    """
    if settings.features.backbone == "tiny":
        raise SettingsError("features.backbone: published weights stand on clip or s3d, not tiny")
    encoder = encoder_for(settings, paths)
    words = encoder.weights.model.text_module if isinstance(encoder, S3dEncoder) else None
    model = build_model(settings, encoder)
    load_released(
        file,
        model,
        words.state_dict() if words else None,
        without_global=settings.network.global_start == "backbone",
    )
    digest = tables.sha256_file(file)
    trained_on = {
        "n_videos": 0,
        "n_sentences": 0,
        "transcripts_sha256": "",
        "published": f"unknown: published weights {digest[:12]}",
        "published_sha256": digest,
        "thresholds": threshold_sources(settings.inference),
    }
    return Checkpoint(model.eval(), settings, encoder, trained_on)
