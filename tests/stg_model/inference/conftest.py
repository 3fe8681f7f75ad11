"""An untrained model of four words, and a noisy video."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import torch

from dataset_builder.domain import Action
from stg_model.config import load_settings
from stg_model.features.tiny import TinyEncoder
from stg_model.features.words import Vocabulary
from stg_model.training.checkpoint import Checkpoint, build_model

ACTIONS = (Action("cut-carrot", "cut carrot"), Action("stir-soup", "stir soup"))


@pytest.fixture(scope="session")
def checkpoint_of():
    def make(*changes):
        settings = load_settings(None, changes)
        encoder = TinyEncoder(settings, Vocabulary(("carrot", "cut", "soup", "stir")))
        torch.manual_seed(0)
        model = build_model(settings, encoder).eval()
        trained_on = {"n_videos": 3, "n_sentences": 9, "transcripts_sha256": "ab" * 32}
        return Checkpoint(model, settings, encoder, trained_on, "d" * 64)

    return make


@pytest.fixture(scope="session")
def film():
    def write(path: Path, n_seconds: float, codec: str = "libx264") -> Path:
        """Write noise that changes each second, four pictures a second."""
        rng = np.random.default_rng(0)
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=4)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for n in range(int(n_seconds * 4)):
                if n % 4 == 0:
                    image = rng.integers(0, 256, (6, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode())
        return path

    return write
