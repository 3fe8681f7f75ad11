"""Heatmaps of a release's frames, computed when they are asked for.

A release holds clicks and no heatmaps: the clicks of GroundingYouTube's size are 2 MB, its maps
many gigabytes, and a map takes well below a millisecond. In paper mode every click has the same
weight and sigma; in robust mode a click weighs 1 / its annotator's scale^2, and sigma is the
frame's scale within `sigma_floor` and `sigma_cap`. Equal weights may be asked for in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dataset_builder.errors import InputError
from dataset_builder.fusion.consensus import heatmap_weights, known_scales
from dataset_builder.fusion.heatmap import Floats, adaptive_sigma, heatmap
from dataset_builder.release import Consensus, Release
from dataset_builder.settings import BuildSettings, read_settings
from dataset_builder.snapshot import AnswerRow, answers_by_frame


@dataclass(frozen=True, slots=True)
class ReleaseHeatmaps:
    """The heatmaps of one release: make it once with `of`, then ask for frames."""

    frames: Mapping[tuple[str, int], Consensus]
    answers: Mapping[tuple[str, int], list[AnswerRow]]
    scales: Mapping[str, float]
    settings: BuildSettings

    @classmethod
    def of(cls, release: Release) -> ReleaseHeatmaps:
        """Read what the heatmaps need from a release that was made of clicks.

        Raises:
            InputError: its boxes were given from outside, or its settings cannot be read.
        """
        if release.derivation != "clicks":
            raise InputError(
                f"{release.name} {release.version} has no heatmaps: its derivation is "
                f"{release.derivation!r}, so it holds no clicks"
            )
        return cls(
            {(frame.clip_id, frame.second): frame for frame in release.frames},
            answers_by_frame(release.answers),
            known_scales(release.annotators),
            read_settings(release.settings),
        )

    def frame(
        self,
        clip_id: str,
        second: int,
        *,
        grid: tuple[int, int] | None = None,
        weights: Literal["equal", "reliability"] | None = None,
        normalise: Literal["density", "peak"] = "density",
    ) -> Floats | None:
        """Return the heatmap of one frame, None where nobody clicked.

        Args:
            clip_id: of the frame.
            second: of the frame.
            grid: rows and columns. By default the cells are square: the longer side of the frame
                has as many as the longer side of the settings' grid.
            weights: by default the mode's, "equal" in paper and "reliability" in robust mode.
            normalise: as for `fusion.heatmap.heatmap`.

        Raises:
            InputError: the release has no such frame.
        """
        frame = self.frames.get((clip_id, second))
        if frame is None:
            raise InputError(f"the release has no frame {clip_id}/{second}")
        answers = self.answers.get((clip_id, second), [])
        clicks = [answer.point for answer in answers if answer.point]
        if not clicks:
            return None
        is_robust = self.settings.mode == "robust"
        by_people = is_robust if weights is None else weights == "reliability"
        return heatmap(
            clicks,
            (frame.width, frame.height),
            grid=grid or self._square_cells(frame),
            sigma=self._sigma(frame),
            normalise=normalise,
            weights=heatmap_weights(answers, self.scales) if by_people else None,
        )

    def _sigma(self, frame: Consensus) -> float:
        if frame.scale is None:
            return self.settings.sigma
        return adaptive_sigma(frame.scale, self.settings.sigma_floor, self.settings.sigma_cap)

    def _square_cells(self, frame: Consensus) -> tuple[int, int]:
        cells = max(self.settings.grid_rows, self.settings.grid_cols)
        long_side = max(frame.width, frame.height)
        rows, cols = (max(1, round(n * cells / long_side)) for n in (frame.height, frame.width))
        return rows, cols
