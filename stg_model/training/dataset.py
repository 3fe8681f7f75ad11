"""Batches of narrated windows: U seconds round a random sentence of each of B random videos.

Every batch is a function of the seed and the step's number alone, so a run that was cut goes on
exactly as it would have, and several processes agree on a batch without a word.

A video gives one clip to a batch at most, so that the sentences of the others are true negatives.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from stg_model.errors import TrainingError
from stg_model.features.encoder import Encoder
from stg_model.network.model import Clips
from stg_model.settings import TrainingSettings
from stg_model.training.inputs import Inputs
from stg_model.training.narrations import Sentence
from stg_model.training.processes import ALONE, Processes

Batch = TypeVar("Batch")


@dataclass(frozen=True, slots=True)
class NarratedVideo:
    """One training video: what the model reads of each second, and its sentences.

    `inputs_F` has one entry a second (`Encoder.inputs`); `source_sha256` is the video file's.
    """

    video_id: str
    source_sha256: str
    inputs_F: Inputs
    sentences: tuple[Sentence, ...]


def without_late(videos: Iterable[NarratedVideo]) -> tuple[list[NarratedVideo], list[str]]:
    """Leave out sentences that begin after their video's end: nobody saw what they tell of.

    Returns:
        The videos that keep a sentence, and a line for each video that lost some.
    """
    kept, lines = [], []
    for video in videos:
        n_seconds = len(video.inputs_F)
        late = [one for one in video.sentences if one.start_s >= n_seconds]
        if late:
            lines.append(
                f"{video.video_id}: {len(late)} of {len(video.sentences)} sentences begin after "
                f"the video's end at {n_seconds} s and are left out, the first at "
                f"{min(one.start_s for one in late):.1f} s; is it the whole video?"
            )
        inside = tuple(one for one in video.sentences if one.start_s < n_seconds)
        if inside:
            kept.append(replace(video, sentences=inside))
    return kept, lines


class NarratedClips:
    """Draws batches, whole ones or a process's share of their videos."""

    def __init__(
        self,
        videos: Iterable[NarratedVideo],
        encoder: Encoder,
        settings: TrainingSettings,
        processes: Processes = ALONE,
    ) -> None:
        self.videos = [video for video in videos if video.sentences]
        if len(self.videos) < 2:
            raise TrainingError(
                f"{len(self.videos)} videos have both a file and narration; learning by contrast "
                "needs 2 or more (do the transcripts' ids match the files' names?)"
            )
        self.settings = settings
        self.encoder = encoder
        self.n_clips = processes.shared(min(settings.batch, len(self.videos)), "training.batch")
        self.own = processes.own

    def batch(self, step: int) -> tuple[Clips, list[str]]:
        """Return the batch of a step and a name for each of its clips, for messages.

        The clips' pictures are this process's; sentences, video numbers and names are everybody's.
        """
        rng = np.random.default_rng([self.settings.seed, step])
        chosen = rng.choice(len(self.videos), self.n_clips, replace=False)
        rows = [int(rng.integers(len(self.videos[v].sentences))) for v in chosen]
        shares = rng.random(self.n_clips)
        videos = [self.videos[v] for v in chosen]
        spoken = [video.sentences[row] for video, row in zip(videos, rows, strict=True)]
        drawn = list(zip(videos, spoken, shares.tolist(), strict=True))
        windows = [
            cut(
                video.inputs_F,
                first_second(sentence, len(video.inputs_F), self.settings, share),
                self.settings.window_s,
            )
            for video, sentence, share in drawn[self.own]
        ]
        clips = Clips(
            torch.stack([inputs for inputs, _ in windows]),
            torch.stack([mask for _, mask in windows]),
            self.encoder.texts([sentence.text for sentence in spoken]),
            torch.from_numpy(chosen),
            self.own,
        )
        return clips, [_name(video, sentence) for video, sentence, _ in drawn]


def first_second(
    sentence: Sentence, n_seconds: int, settings: TrainingSettings, share: float = 0.0
) -> int:
    """Return the second at which a sentence's window begins; it may lie before the video.

    Args:
        sentence: what was said, and when.
        n_seconds: length of the video. A window that would miss the video altogether is moved to
            its nearest end.
        settings: where windows lie and how long they are.
        share: 0..1, which of the possible windows of a sentence longer than one is taken.
    """
    if settings.window_from == "middle":
        return _centred(sentence.middle_s, n_seconds, settings.window_s)
    length_s = max(sentence.end_s - sentence.start_s, settings.min_time_s)
    start_s = sentence.middle_s - length_s / 2 + share * max(0.0, length_s - settings.window_s)
    return min(max(int(start_s), 1 - settings.window_s), n_seconds - 1)


def cut(inputs_F: Inputs, first: int, n_seconds: int) -> tuple[Tensor, Tensor]:
    """Cut a window of whole seconds out of a video.

    Args:
        inputs_F: one entry a second of the video.
        first: second at which the window begins.
        n_seconds: U.

    Returns:
        `(U, ...)` with zeros where the video has no such second, and `(U,)` True where it has.
    """
    seconds_U = torch.arange(first, first + n_seconds)
    mask_U = (seconds_U >= 0) & (seconds_U < len(inputs_F))
    found = inputs_F[max(first, 0) : max(first + n_seconds, 0)]
    cut_U = found.new_zeros(n_seconds, *found.shape[1:])
    cut_U[mask_U] = found
    return cut_U, mask_U


def moved(clips: Clips, device: torch.device) -> Clips:
    """Return a batch on a device."""
    return Clips(
        clips.inputs_BU.to(device),
        clips.frame_mask_BU.to(device),
        clips.texts.to(device),
        clips.video_B.to(device),
        clips.own,
    )


def made_ahead(
    make: Callable[[int], Batch], steps: Iterable[int], n_ahead: int
) -> Iterator[tuple[int, Batch]]:
    """Yield each step and its batch, made by a thread up to `n_ahead` batches early.

    An error in `make` is raised where its batch is due.
    """
    if not n_ahead:
        yield from ((step, make(step)) for step in steps)
        return
    waiting: deque[tuple[int, Future[Batch]]] = deque()
    with ThreadPoolExecutor(1, "batches") as worker:
        try:
            for step in steps:
                waiting.append((step, worker.submit(make, step)))
                if len(waiting) > n_ahead:
                    due, batch = waiting.popleft()
                    yield due, batch.result()
            while waiting:
                due, batch = waiting.popleft()
                yield due, batch.result()
        finally:
            worker.shutdown(wait=False, cancel_futures=True)


def _centred(middle_s: float, n_seconds: int, window_s: int) -> int:
    """Return a window's first second; the middle is moved into the video."""
    return min(max(int(middle_s), 0), n_seconds - 1) - window_s // 2


def _name(video: NarratedVideo, sentence: Sentence) -> str:
    return f"{video.video_id} {sentence.start_s:.1f}-{sentence.end_s:.1f} s {sentence.text!r}"
