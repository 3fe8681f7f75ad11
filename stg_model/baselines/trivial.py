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


def trivial_baselines(
    release: Release, videos: Path | None = None, clips: str = "all", pool: str = "video"
) -> list[Predictions]:
    """Return the baselines' predictions; the strongest motion only where `videos` is given.

    Args:
        release: says which seconds of which videos, and which actions there are.
        videos: the folder with a file for every video of the clips that are scored.
        clips: which clips are scored, as in the evaluation's settings.
        pool: among which actions the random baseline chooses, as in the evaluation's settings.

    Raises:
        InputError: a video is missing there.
    """
    found = [centre_point(release), fixed_box(release), random_point(release, pool=pool)]
    if videos:
        found.append(strongest_motion(release, find_videos(videos), clips))
    return found
