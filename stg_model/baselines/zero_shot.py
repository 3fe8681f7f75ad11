"""Frozen backbones asked as they are: CLIP, and S3D with MIL-NCE's own heads.

The network of this package with other projections into the global space: none for CLIP, whose
frames and texts share one already; for S3D the published `fc` of the video and `fc2` of the text
(Miech et al., "End-to-end learning of visual representations from uncurated instructional videos",
2020). When: cosine of the frame's own token with the text's. Where: cosine of each region's.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from dataset_builder.errors import InputError
from dataset_builder.predictions import System
from stg_model.config import names_changed
from stg_model.features.encoder import Encoder
from stg_model.features.s3d import S3dEncoder
from stg_model.inference.grounding import values_used
from stg_model.settings import Settings
from stg_model.training.checkpoint import Checkpoint, build_model

NAMES = {"clip": "CLIP", "s3d": "MIL-NCE S3D"}
ALWAYS: Mapping[str, Any] = {"heatmap_from": "global_patches", "similarity_from": "global"}
NOTHING_TRAINED: Mapping[str, Any] = {"n_videos": 0, "n_sentences": 0, "transcripts_sha256": ""}


def zero_shot(encoder: Encoder, settings: Settings) -> Checkpoint:
    """Return a model that answers by the frozen backbone alone.

    Args:
        encoder: CLIP's or S3D's.
        settings: those of `[inference]` count, but for where heat and similarity come from.

    Raises:
        InputError: the encoder is trained along with a network.
    """
    if encoder.backbone not in NAMES:
        raise InputError(f"backbone {encoder.backbone} knows nothing untrained; use clip or s3d")
    inference = replace(settings.inference, **ALWAYS)
    settings = replace(settings, inference=inference)
    model = build_model(settings, encoder)
    frames, words = _projections(encoder)
    model.global_branch.frame_projection = frames  # type: ignore[assignment]
    model.global_branch.word_projection = words  # type: ignore[assignment]
    model.requires_grad_(requires_grad=False)
    return Checkpoint(model.eval(), settings, encoder, NOTHING_TRAINED, encoder.digest)


def zero_shot_system(checkpoint: Checkpoint) -> System:
    """Describe the backbone for a predictions file."""
    encoder, inference = checkpoint.encoder, checkpoint.settings.inference
    given = [
        f"{name.replace('_', ' ')}: {'default' if getattr(inference, name) is None else 'set'}"
        for name in values_used(inference)
    ]
    values = checkpoint.settings.to_json()
    for section, key in (name.split(".") for name in names_changed(checkpoint.settings)):
        if key not in ALWAYS:
            given.append(f"read with {key}={values[section][key]}")
    return System(
        name=f"{NAMES[encoder.backbone]}, zero-shot",
        backbone=encoder.title,
        training_data="the backbone's own",
        supervision="; ".join(["none of ours", *given]),
        modality="video and text",
        input_size=encoder.input_size,
        checkpoint_digest=checkpoint.digest,
    )


def _projections(encoder: Encoder) -> tuple[nn.Module, nn.Module]:
    if not isinstance(encoder, S3dEncoder):
        return nn.Identity(), nn.Identity()
    heads = encoder.weights.model.fc, encoder.weights.model.text_module.fc2
    video, text = (copy.deepcopy(head).to(torch.device("cpu")) for head in heads)
    return video, text
