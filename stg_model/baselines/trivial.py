"""The baselines that stand beside every evaluated system; none of them has learned anything."""

from __future__ import annotations

from pathlib import Path

from dataset_builder.frames import find_videos
from dataset_builder.predictions import Predictions
from dataset_builder.release import Release
from stg_model.baselines.centre_point import centre_point
from stg_model.baselines.fixed_box import fixed_box
from stg_model.baselines.random_point import random_point
from stg_model.baselines.strongest_motion import strongest_motion


def trivial_baselines(release: Release, videos: Path | None = None) -> list[Predictions]:
    """Return the baselines' predictions; the strongest motion only where its videos are given.

    Raises:
        InputError: the folder of videos does not hold every video of the release.
    """
    found = [centre_point(release), fixed_box(release), random_point(release)]
    return [*found, strongest_motion(release, find_videos(videos))] if videos else found
