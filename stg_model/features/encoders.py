"""The encoder that settings or a checkpoint name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stg_model.features.encoder import Encoder
from stg_model.features.tiny import TinyEncoder
from stg_model.features.words import Vocabulary
from stg_model.settings import Settings


def encoder_for(settings: Settings) -> Encoder:
    """Return the settings' encoder, before it has listened to any narration."""
    return TinyEncoder(settings, Vocabulary(()))


def encoder_from(description: Mapping[str, Any], settings: Settings) -> Encoder:
    """Return the encoder that `Encoder.describe` described.

    Raises:
        KeyError: the description lacks something.
    """
    return TinyEncoder(settings, Vocabulary(tuple(description["vocabulary"])))
