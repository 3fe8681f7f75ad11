"""Trained models of this package under another name, read as a published baseline reads them.

CLIP with trained projections is a model on CLIP's tokens whose places come from the global
projections alone. CoMMA (Tan et al., "Look at what I'm doing: self-supervised spatial grounding of
narrations in instructional videos", 2021) is the local branch alone: the same network, trained
without a global loss and without selection (`examples/comma.toml`).
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any, Literal

from dataset_builder.errors import InputError
from dataset_builder.predictions import System
from stg_model.inference.grounding import system_of
from stg_model.inference.heatmaps import HeatSource, heat_source
from stg_model.training.checkpoint import Checkpoint

SimilaritySource = Literal["global", "local"]

logger = logging.getLogger(__name__)


def trained_projections(checkpoint: Checkpoint) -> tuple[Checkpoint, System]:
    """Return a model on CLIP read by its global projections alone.

    Raises:
        InputError: its backbone is not CLIP, or nothing trained its global projections.
    """
    settings = checkpoint.settings
    _require("clip-trained", "features.backbone", settings.features.backbone, ("clip",))
    _require("clip-trained", "loss.which", settings.loss.which, ("both", "global"))
    found = _read(checkpoint, "global_patches", "global")
    return found, replace(system_of(found), name="CLIP, trained projections")


def comma(checkpoint: Checkpoint) -> tuple[Checkpoint, System]:
    """Return a model of the local branch alone, read by it.

    Raises:
        InputError: it was trained with a global loss or with selection.
    """
    settings = checkpoint.settings
    _require("comma", "loss.which", settings.loss.which, ("local",))
    _require("comma", "selection.method", settings.selection.method, ("none",))
    found = _read(checkpoint, "rollout", "local")
    return found, replace(system_of(found), name=f"CoMMA, {found.encoder.backbone}")


def _read(checkpoint: Checkpoint, heat: HeatSource, similarity: SimilaritySource) -> Checkpoint:
    """Return the checkpoint read by these two.

    A threshold that was found for another heat or similarity says nothing here: it is left to its
    default, and the predictions say so. One that was set by hand stays.
    """
    settings, sources = checkpoint.settings, checkpoint.trained_on.get("thresholds", {})
    old = settings.inference
    differs = {
        "background_threshold": old.similarity_from != similarity,
        "mask_threshold": heat_source(settings) != heat,
    }
    lost: dict[str, Any] = {
        name: None
        for name, other in differs.items()
        if other and sources.get(name) not in ("set", "default")
    }
    for name in lost:
        logger.warning(
            "inference.%s was found for other settings and is left to its default; train with "
            "--set inference.heatmap_from=%s --set inference.similarity_from=%s",
            name, heat, similarity,
        )  # fmt: skip
    inference = replace(old, heatmap_from=heat, similarity_from=similarity, **lost)
    trained_on = {
        **checkpoint.trained_on,
        "thresholds": {**sources, **dict.fromkeys(lost, "default")},
    }
    return replace(
        checkpoint, settings=replace(settings, inference=inference), trained_on=trained_on
    )


def _require(baseline: str, name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(
            f"baseline {baseline} wants a model trained with {name} = {' or '.join(allowed)}; "
            f"this one has {value}"
        )
