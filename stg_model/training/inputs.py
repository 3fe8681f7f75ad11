"""What the model reads of training videos: held ready in memory, or read from the store when asked.

Both answer `len()` with the video's seconds and a slice of seconds with `Encoder.inputs` of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import safetensors
from torch import Tensor

from stg_model.errors import TrainingError
from stg_model.features.encoder import Encoder
from stg_model.features.store import VideoFeatures, stored_file

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class StoredInputs:
    """A video in the feature store; a slice reads its seconds from the file, and no others."""

    file: Path
    n_seconds: int
    encoder: Encoder

    def __len__(self) -> int:
        """Seconds of the video."""
        return self.n_seconds

    def __getitem__(self, seconds: slice) -> Tensor:
        """Read some seconds.

        Raises:
            TrainingError: the file has gone or is damaged.
        """
        first, end, _ = seconds.indices(self.n_seconds)
        try:
            with safetensors.safe_open(self.file, framework="numpy") as stored:
                return self.encoder.inputs(stored.get_slice("values")[first:end])
        except (OSError, safetensors.SafetensorError) as error:
            raise TrainingError(
                f"{self.file}: cannot be read any more ({error}); run the same command again"
            ) from error


Inputs = Tensor | StoredInputs


class Memory:
    """Holds videos ready until a budget is full; the rest stays in the store."""

    def __init__(self, store: Path, encoder: Encoder, budget_mb: int) -> None:
        self.store, self.encoder = store, encoder
        self.left_bytes = budget_mb * MB
        self.n_held = 0

    def inputs(self, video: VideoFeatures) -> Inputs:
        """Return a video's inputs, its seconds before the end of the video."""
        file = stored_file(self.store, video.video_id)
        stored = StoredInputs(file, video.n_seconds, self.encoder)
        if self.left_bytes <= 0:
            return stored
        ready = self.encoder.inputs(video.values[: video.n_seconds])
        n_bytes = ready.numel() * ready.element_size()
        if n_bytes > self.left_bytes:
            self.left_bytes = 0
            return stored
        self.left_bytes -= n_bytes
        self.n_held += 1
        return ready
