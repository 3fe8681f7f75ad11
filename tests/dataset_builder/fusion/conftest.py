from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from dataset_builder.fusion.answer_table import Clicks


@pytest.fixture(scope="session")
def make_clicks() -> Callable[..., Clicks]:
    """Make clicks of frames given as lists of places; person n gives click n of every frame."""

    def make(frames: Sequence[Sequence[tuple[float, float]]]) -> Clicks:
        counts = [len(places) for places in frames]
        places = [place for mine in frames for place in mine]
        return Clicks(
            np.repeat(np.arange(len(frames)), counts),
            np.concatenate([np.arange(n) for n in counts]).astype(np.int64),
            np.array(places, dtype=np.float64).reshape(-1, 2),
            len(frames),
            max(counts),
        )

    return make
