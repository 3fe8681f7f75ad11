"""Batches of narrated windows: U seconds round a random sentence of each of B random videos.

Every batch is a function of the seed and the step's number alone, so a run that was cut goes on
exactly as it would have.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stg_model.errors import TrainingError
from stg_model.features.encoder import Encoder
from stg_model.network.model import Clips
from stg_model.settings import TrainingSettings
from stg_model.training.narrations import Sentence


@dataclass(frozen=True, slots=True)
class NarratedVideo:
    """One training video: what the model reads of each second, and its sentences.

    `inputs_F` has one entry a second (`Encoder.inputs`); `source_sha256` is the video file's.
    """

    video_id: str
    source_sha256: str
    inputs_F: Tensor
    sentences: tuple[Sentence, ...]


class NarratedClips:
    """Draws batches; at most one clip of a video, so that other clips are true negatives."""

    def __init__(
        self,
        videos: Iterable[NarratedVideo],
        encoder: Encoder,
        settings: TrainingSettings,
    ) -> None:
        self.videos = [video for video in videos if video.sentences]
        if len(self.videos) < 2:
            raise TrainingError(
                f"{len(self.videos)} videos have both a file and narration; learning by contrast "
                "needs 2 or more (do the transcripts' ids match the files' names?)"
            )
        self.settings = settings
        self.encoder = encoder

    @property
    def n_sentences(self) -> int:
        """Sentences that can be drawn."""
        return sum(len(video.sentences) for video in self.videos)

    def batch(self, step: int) -> tuple[Clips, list[str]]:
        """Return the batch of a step and a name for each of its clips, for messages."""
        rng = np.random.default_rng([self.settings.seed, step])
        n_clips = min(self.settings.batch, len(self.videos))
        chosen = rng.choice(len(self.videos), n_clips, replace=False)
        rows = [int(rng.integers(len(self.videos[v].sentences))) for v in chosen]
        pairs = list(zip(chosen.tolist(), rows, strict=True))
        windows = [
            window(video.inputs_F, video.sentences[row].middle_s, self.settings.window_s)
            for video, row in ((self.videos[v], row) for v, row in pairs)
        ]
        clips = Clips(
            torch.stack([inputs for inputs, _ in windows]),
            torch.stack([mask for _, mask in windows]),
            self.encoder.texts([self.videos[v].sentences[row].text for v, row in pairs]),
            torch.from_numpy(chosen),
        )
        return clips, [_name(self.videos[v], row) for v, row in pairs]


def window(inputs_F: Tensor, middle_s: float, n_seconds: int) -> tuple[Tensor, Tensor]:
    """Cut a window of whole seconds centred on a time.

    Args:
        inputs_F: one entry a second of the video.
        middle_s: the time to centre on; a window that would miss the video altogether is moved to
            its nearest end.
        n_seconds: U.

    Returns:
        `(U, ...)` with zeros where the video has no such second, and `(U,)` True where it has.
    """
    n_frames = len(inputs_F)
    middle = min(max(int(middle_s), 0), n_frames - 1)
    seconds_U = torch.arange(n_seconds) + middle - n_seconds // 2
    mask_U = (seconds_U >= 0) & (seconds_U < n_frames)
    cut_U = inputs_F[seconds_U.clamp(0, n_frames - 1)]
    return cut_U * mask_U.reshape(-1, *[1] * (cut_U.ndim - 1)), mask_U


def _name(video: NarratedVideo, row: int) -> str:
    sentence = video.sentences[row]
    return f"{video.video_id} {sentence.start_s:.1f}-{sentence.end_s:.1f} s {sentence.text!r}"
