"""The frames that metrics of place are taken over: those of scored clips that have a box.

Given the action, each is one question, whose answer has the same key. Legend: F frames, A actions,
V videos.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset_builder.geometry import Box
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.measures import Case, Floats
from stg_model.evaluation.truth import PointKey, true_boxes

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BoxedFrames:
    """F frames with the action and the video of each, by number.

    Attributes:
        frames: key and box of each; a key comes twice where two clips share second and action.
        actions: the actions that have a frame, by id.
        actions_F: place of each frame's action among them.
        videos_F: place of each frame's video among the case's.
        n_videos: V.
    """

    frames: Sequence[tuple[PointKey, Box]]
    actions: Sequence[str]
    actions_F: Ints
    videos_F: Ints
    n_videos: int

    def sums(self, values_F: npt.ArrayLike = 1.0) -> Floats:
        """Return the sum over each action's frames in each video, (A, V); of ones: their number."""
        sums_AV = np.zeros((len(self.actions), self.n_videos))
        np.add.at(sums_AV, (self.actions_F, self.videos_F), values_F)
        return sums_AV

    def means(self, values_F: npt.ArrayLike) -> dict[str, float]:
        """Return the mean over the frames of each action, by its id."""
        means_A = self.sums(values_F).sum(axis=1) / self.sums().sum(axis=1)
        return dict(zip(self.actions, means_A.tolist(), strict=True))


def boxed_frames(case: Case) -> BoxedFrames:
    """Return the frames of a case, videos and clips in their order.

    Raises:
        UndefinedMetricError: there is none.
    """
    frames = true_boxes(case.truths)
    if not frames:
        raise UndefinedMetricError("no scored frame of the release has a box")
    actions = sorted({key[2] for key, _ in frames})
    row = {action_id: index for index, action_id in enumerate(actions)}
    column = {video_id: index for index, video_id in enumerate(case.video_ids)}
    return BoxedFrames(
        frames,
        actions,
        np.array([row[key[2]] for key, _ in frames]),
        np.array([column[key[0]] for key, _ in frames]),
        len(column),
    )
