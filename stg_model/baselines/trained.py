"""Trained models of this package under another name, read as a published baseline reads them.

CLIP with trained projections is a model on CLIP's tokens whose places come from the global
projections alone. CoMMA (Tan et al., "Look at what I'm doing: self-supervised spatial grounding of
narrations in instructional videos", 2021) is the local branch alone: the same network, trained
without a global loss and without selection (`examples/comma.toml`).
"""

from __future__ import annotations

from dataclasses import replace

from dataset_builder.errors import InputError
from dataset_builder.predictions import System
from stg_model.inference.grounding import system_of
from stg_model.training.checkpoint import Checkpoint


def trained_projections(checkpoint: Checkpoint) -> tuple[Checkpoint, System]:
    """Return a model on CLIP read by its global projections alone.

    Raises:
        InputError: its backbone is not CLIP, or nothing trained its global projections.
    """
    settings = checkpoint.settings
    _require("clip-trained", "features.backbone", settings.features.backbone, ("clip",))
    _require("clip-trained", "loss.which", settings.loss.which, ("both", "global"))
    inference = replace(settings.inference, heatmap_from="global_patches", similarity_from="global")
    found = replace(checkpoint, settings=replace(settings, inference=inference))
    return found, replace(system_of(found), name="CLIP, trained projections")


def comma(checkpoint: Checkpoint) -> tuple[Checkpoint, System]:
    """Return a model of the local branch alone, read by it.

    Raises:
        InputError: it was trained with a global loss or with selection.
    """
    settings = checkpoint.settings
    _require("comma", "loss.which", settings.loss.which, ("local",))
    _require("comma", "selection.method", settings.selection.method, ("none",))
    inference = replace(settings.inference, heatmap_from="rollout", similarity_from="local")
    found = replace(checkpoint, settings=replace(settings, inference=inference))
    return found, replace(system_of(found), name=f"CoMMA, {found.encoder.backbone}")


def _require(baseline: str, name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(
            f"baseline {baseline} wants a model trained with {name} = {' or '.join(allowed)}; "
            f"this one has {value}"
        )
