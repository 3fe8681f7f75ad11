"""A checkpoint read otherwise than it was saved: other settings of inference, the same weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stg_model.config import load
from stg_model.errors import SettingsError
from stg_model.training.checkpoint import Checkpoint
from stg_model.training.learn import newly_set

SECTION = "inference."


def reread(checkpoint: Checkpoint, changes: Sequence[str]) -> Checkpoint:
    """Return a checkpoint with `inference.key=value` texts applied.

    What was changed goes along in `trained_on`, for the predictions file to say.

    Raises:
        SettingsError: a change is of another section, or is not possible.
    """
    if not changes:
        return checkpoint
    for change in changes:
        if not change.strip().startswith(SECTION):
            raise SettingsError(
                f"--set {change!r}: of a trained model only [inference] can be changed; "
                "train again for the rest"
            )
    settings = load(checkpoint.settings, None, changes)
    sources = newly_set(checkpoint.settings.inference, settings.inference)
    trained_on = {
        **checkpoint.trained_on,
        "thresholds": {**checkpoint.trained_on.get("thresholds", {}), **sources},
        "read_with": [change.strip().removeprefix(SECTION) for change in changes],
    }
    return replace(checkpoint, settings=settings, trained_on=trained_on)
