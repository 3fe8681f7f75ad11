"""The predictions file of a whole release."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from dataset_builder import frames
from dataset_builder.console import progress
from dataset_builder.domain import Action, Video, action_id_for
from dataset_builder.errors import InputError
from dataset_builder.predicted_heatmaps import write_heatmaps
from dataset_builder.predictions import (
    PointPrediction,
    SecondPrediction,
    System,
    write_predictions,
)
from dataset_builder.release import Release
from stg_model.features.store import extract_features
from stg_model.inference.choosing import label_seconds, place_seconds
from stg_model.inference.grounding import heat_at, pools_of, system_of
from stg_model.training.checkpoint import Checkpoint

logger = logging.getLogger(__name__)


def ground_release(
    checkpoint: Checkpoint,
    videos: Path,
    release: Release,
    output: Path,
    features: Path | None,
    *,
    pool: str = "video",
    heatmaps: bool = False,
    system: System | None = None,
) -> tuple[int, int]:
    """Predict every second of a release's videos and every frame of its clips.

    Points are given for each frame's own action and for each second's predicted action.

    Args:
        checkpoint: the model.
        videos: folder with a file for each video of the release.
        release: says which actions and frames there are.
        output: the predictions file.
        features: store to read from and add to, if any.
        pool: `video` chooses a second's action among those of the video's own clips; `all` among
            those of the release, and a record then has the scores of its own video's actions and of
            the one that it names.
        heatmaps: also write the heat behind each point, into `heatmaps_file(output)`.
        system: what the file says of the model, in place of `system_of`.

    Returns:
        How many seconds and how many points were written.

    Raises:
        InputError: there is no such pool, or a video of the release is not in the folder.
    """
    system = replace(system or system_of(checkpoint), pool=pool)
    files = videos_of(release, videos)
    pools = pools_of(release)
    everything = sorted(release.actions, key=lambda a: a.action_id) if pool == "all" else []
    wanted = _frames_of_videos(release)
    known = {video.video_id: video for video in release.videos}

    seconds: list[SecondPrediction] = []
    points: list[PointPrediction] = []
    heat: list[np.ndarray] = []
    source_of: dict[str, str] = {}
    sizes: dict[str, tuple[int, int]] = {}
    extracted = extract_features(files, features, checkpoint.encoder)
    for video in progress(extracted, "ground", total=len(files)):
        video_id = video.video_id
        source_of[video_id] = video.source_sha256
        sizes[video_id] = frame_size(files[video_id], video.source_sha256, known[video_id])
        asked = wanted[video_id]
        mine, scores = label_seconds(checkpoint, video, pools[video_id], asked, everything)
        places = place_seconds(checkpoint, scores, mine, pools[video_id], asked)
        seconds += mine
        points += places
        if heatmaps and places:
            heat.append(heat_at(scores, places))
    warn_of_known_videos(checkpoint, source_of)
    if heat:
        file = heatmaps_file(output)
        stored = write_heatmaps(file.parent, file.name, np.concatenate(heat))
        points = [replace(p, heatmap=found) for p, found in zip(points, stored, strict=True)]
    write_predictions(output, system, seconds, points, frame_sizes_px=sizes)
    return len(seconds), len(points)


def heatmaps_file(output: Path) -> Path:
    """Return where the heatmaps of a predictions file stand: beside it.

    >>> heatmaps_file(Path("mine/predictions.jsonl")).as_posix()
    'mine/predictions-heatmaps.npy'
    """
    return output.with_name(f"{output.stem}-heatmaps.npy")


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


def warn_of_known_videos(checkpoint: Checkpoint, source_of: Mapping[str, str]) -> None:
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


def _frames_of_videos(release: Release) -> dict[str, list[tuple[int, str]]]:
    """Return each video's frames as `(second, action_id)`."""
    clip_of = {clip.clip_id: clip for clip in release.clips}
    wanted: dict[str, list[tuple[int, str]]] = {video.video_id: [] for video in release.videos}
    for frame in release.frames:
        clip = clip_of[frame.clip_id]
        wanted[clip.video_id].append((frame.second, clip.action_id))
    return wanted


def frame_size(path: Path, sha256: str, known: Video | None = None) -> tuple[int, int]:
    """Return a video's (width, height) in pixels, as displayed; warn where it is another file."""
    if known and known.sha256 == sha256:
        return known.width, known.height
    if known:
        logger.warning("%s: not the file that the release was made of; points may not fit", path)
    probe = frames.probe_video(path)
    return probe.width, probe.height
