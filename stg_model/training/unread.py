"""Settings that were changed though nothing reads them here: they change a run's digest alone."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from stg_model.config import names_changed
from stg_model.settings import Settings

logger = logging.getLogger(__name__)

_OF_TINY = (
    *("features.frame_px", "features.sub_frame_s", "training.word_rate_factor"),
    *(f"network.{name}" for name in ("cell_px", "patch_px", "token_dim", "hidden_dim")),
    *("network.word_dim", "network.word_init_sd"),
)
_OF_S3D = ("features.clip_frames", "features.clip_fps")
_OF_CLIP = ("features.legacy_pixels", "features.prompt")
_OF_FROZEN = ("features.crop", "features.precision")

UNREAD = (
    ("features.backbone", ("tiny",), (*_OF_FROZEN, *_OF_CLIP, *_OF_S3D)),
    ("features.backbone", ("clip",), (*_OF_TINY, *_OF_S3D)),
    ("features.backbone", ("s3d",), (*_OF_TINY, *_OF_CLIP)),
    ("network.form", ("plain",), ("network.compile", "network.local_memory_mb")),
    ("network.cross_attention", ("dot_scaled", "dot_unscaled"), ("network.cross_temperature",)),
    ("network.attention_order", ("cross_self",), ("network.second_cross_residual",)),
    ("network.attention_order", ("cross_cross",), ("network.self_attention_scope",)),
    (
        "selection.method",
        ("none", "random", "global", "local", "word_max"),
        tuple(f"selection.{n}" for n in ("readout", "epsilon", "max_iterations", "tolerance")),
    ),
    ("selection.method", ("none",), ("selection.warmup",)),
    ("loss.which", ("global",), ("training.local_batch",)),
    ("loss.which", ("local",), ("network.global_frames",)),
    ("loss.kind", ("milnce", "released"), ("loss.margin",)),
    ("training.window_from", ("middle",), ("training.min_time_s",)),
)
"""A setting, its values with which others are not read, and these."""

FINE_TUNING = ("training.steps", "training.learning_rate")
"""What `[fine_tuning]` replaces."""


def warn_of_unread(settings: Settings, before: Settings | None = None) -> None:
    """Warn in one line of changed settings that training does not read.

    Args:
        settings: of the run.
        before: of the checkpoint that is fine-tuned; None where training begins.
    """
    found = list(unread(settings, before))
    if found:
        logger.warning("set, but without effect here: %s", "; ".join(found))


def unread(settings: Settings, before: Settings | None = None) -> Iterator[str]:
    """Yield each changed setting that nothing reads, and why; see `warn_of_unread`."""
    changed = names_changed(settings, before)
    if before is not None:
        for name in changed:
            if name in FINE_TUNING:
                yield f"{name} (fine-tune has settings of its own)"
    for decider, values, names in UNREAD:
        section, _, key = decider.partition(".")
        value = getattr(getattr(settings, section), key)
        if value in values:
            yield from (f"{name} ({decider} is {value})" for name in names if name in changed)
