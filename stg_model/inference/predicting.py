"""Predictions files: a whole release, or one video with a list of actions."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from dataset_builder import frames
from dataset_builder.console import progress
from dataset_builder.domain import Action, action_id_for
from dataset_builder.errors import InputError
from dataset_builder.predictions import PointPrediction, SecondPrediction, write_predictions
from dataset_builder.release import Release
from stg_model.features.store import VideoFeatures, extract_features, read_features
from stg_model.inference.grounding import (
    point_predictions,
    pools_of,
    score_video,
    second_predictions,
    system_of,
)
from stg_model.training.checkpoint import Checkpoint

logger = logging.getLogger(__name__)


def ground_release(
    checkpoint: Checkpoint, videos: Path, release: Release, output: Path, features: Path | None
) -> tuple[int, int]:
    """Predict every second of a release's videos and every frame of its clips.

    A video's pool is the actions of its own clips. Points are given for each frame's own action and
    for each second's predicted action.

    Returns:
        How many seconds and how many points were written.

    Raises:
        InputError: a video of the release is not in the folder.
    """
    files = videos_of(release, videos)
    pools = pools_of(release)
    clip_of = {clip.clip_id: clip for clip in release.clips}
    wanted: dict[str, list[tuple[int, str]]] = {}
    for frame in release.frames:
        clip = clip_of[frame.clip_id]
        wanted.setdefault(clip.video_id, []).append((frame.second, clip.action_id))
    digest_of = {video.video_id: video.sha256 for video in release.videos}

    seconds: list[SecondPrediction] = []
    points: list[PointPrediction] = []
    source_of: dict[str, str] = {}
    extracted = extract_features(files, features, checkpoint.settings.features)
    for video in progress(extracted, "ground", total=len(files)):
        if video.source_sha256 != digest_of[video.video_id]:
            logger.warning(
                "%s: not the file that the release was made of; points may not fit",
                files[video.video_id],
            )
        source_of[video.video_id] = video.source_sha256
        pool, frames_wanted = pools[video.video_id], wanted.get(video.video_id, [])
        mine, places = _predict(checkpoint, video, pool, frames_wanted)
        seconds += mine
        points += places
    _warn_of_known_videos(checkpoint, source_of)
    write_predictions(output, system_of(checkpoint), seconds, points)
    return len(seconds), len(points)


def ground_video(
    checkpoint: Checkpoint, video: Path, actions: Sequence[Action], output: Path
) -> tuple[int, int]:
    """Predict every second of one video; points are given for the predicted actions.

    Returns:
        How many seconds and how many points were written.

    Raises:
        InputError: there is no such file.
    """
    if not video.is_file():
        raise InputError(f"{video}: is no file; --video takes one video (--videos takes a folder)")
    ((video_id, file),) = frames.find_videos(video).items()
    features = read_features(file, video_id, checkpoint.settings.features)
    _warn_of_known_videos(checkpoint, {video_id: features.source_sha256})
    seconds, points = _predict(checkpoint, features, actions, ())
    write_predictions(output, system_of(checkpoint), seconds, points)
    return len(seconds), len(points)


def videos_of(release: Release, folder: Path) -> dict[str, Path]:
    """Return the file of each video of a release.

    Raises:
        InputError: one is missing; some are named.
    """
    files = frames.find_videos(folder)
    missing = sorted(v.video_id for v in release.videos if v.video_id not in files)
    if missing:
        raise InputError(
            f"{folder}: lacks {len(missing)} of the release's {len(release.videos)} videos "
            f"({', '.join(missing[:3])}); file names without suffix are the ids"
        )
    return {video.video_id: files[video.video_id] for video in release.videos}


def actions_from(text: str) -> tuple[Action, ...]:
    """Return the actions of a file (one phrase a line) or of a comma-separated list.

    >>> [action.action_id for action in actions_from("cut carrot, stir soup")]
    ['cut-carrot', 'stir-soup']

    Raises:
        InputError: there is none, a phrase holds no letter, or the file is not UTF-8 text.
    """
    # A long list is no possible file name; `os.path` says so where `Path` would raise.
    if os.path.isfile(text):
        try:
            phrases = Path(text).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{text}: cannot be read as UTF-8 text ({error})") from error
    else:
        phrases = text.split(",")
    found = {action_id_for(p): p.strip() for p in phrases if p.strip()}
    if not found:
        raise InputError(f"{text!r}: no action; give phrases between commas or a file of phrases")
    return tuple(Action(action_id, phrase) for action_id, phrase in sorted(found.items()))


def _warn_of_known_videos(checkpoint: Checkpoint, source_of: Mapping[str, str]) -> None:
    """Warn of videos that the model has learnt from; `source_of` maps video_id to SHA-256."""
    for use, key in (("trained", "videos_sha256"), ("validated", "validation_videos_sha256")):
        known = set(checkpoint.trained_on.get(key, ()))
        mine = sorted(video_id for video_id, source in source_of.items() if source in known)
        if mine:
            logger.warning(
                "the model was %s on %d of these %d videos (%s%s): "
                "how it does on them says little about others",
                use,
                len(mine),
                len(source_of),
                ", ".join(mine[:3]),
                ", ..." if mine[3:] else "",
            )


def _predict(
    checkpoint: Checkpoint,
    video: VideoFeatures,
    pool: Sequence[Action],
    wanted: Collection[tuple[int, str]],
) -> tuple[list[SecondPrediction], list[PointPrediction]]:
    settings = checkpoint.settings.inference
    scores = score_video(checkpoint, video, pool)
    n_wanted = max((second + 1 for second, _ in wanted), default=0)
    seconds = second_predictions(scores, settings.background_threshold, n_wanted)
    chosen = [(s.second, s.action_id) for s in seconds if s.action_id is not None]
    return seconds, point_predictions(scores, [*wanted, *chosen], settings.mask_threshold)
