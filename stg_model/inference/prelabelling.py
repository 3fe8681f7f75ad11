"""Pre-labels: for each frame of some clips, the place where the model would click."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from dataset_builder import frames
from dataset_builder.console import progress
from dataset_builder.domain import Action, Clip, frame_seconds
from dataset_builder.errors import InputError
from dataset_builder.importers.clip_csv import action_of, clip_of, read_clip_csv
from dataset_builder.prelabels import Prelabel, write_prelabels
from stg_model.features.store import VideoFeatures, extract_features
from stg_model.inference.grounding import point_predictions, score_video
from stg_model.inference.predicting import warn_of_known_videos
from stg_model.training.checkpoint import Checkpoint

logger = logging.getLogger(__name__)


def prelabel(
    checkpoint: Checkpoint, videos: Path, clips_csv: Path, output: Path, features: Path | None
) -> int:
    """Write a prelabels file for the clips of a CSV file; returns how many frames it holds.

    A row that is wrong, or whose video is not in the folder, is logged and left out: a frame
    without a hint is still a frame.

    Raises:
        InputError: not one clip is left.
    """
    table = read_clip_csv(clips_csv)
    for problem in table.problems:
        logger.warning("left out: %s", problem)
    files = frames.find_videos(videos)
    for row in table.rows:
        if row.video_id not in files:
            logger.warning(
                "left out: %s:%d: no video %r in %s", clips_csv, row.line, row.video_id, videos
            )
    rows = [row for row in table.rows if row.video_id in files]
    if not rows:
        raise InputError(f"{clips_csv}: no clip with a video in {videos}; see the warnings above")
    actions = {action.action_id: action for action in map(action_of, rows)}
    clips = [clip_of(row, "open", is_benchmark=False) for row in rows]
    wanted = {video_id: files[video_id] for video_id in sorted({clip.video_id for clip in clips})}
    extracted = extract_features(wanted, features, checkpoint.encoder)
    items: list[Prelabel] = []
    source_of: dict[str, str] = {}
    for video in progress(extracted, "prelabel", total=len(wanted)):
        source_of[video.video_id] = video.source_sha256
        mine = [clip for clip in clips if clip.video_id == video.video_id]
        pool = [actions[action_id] for action_id in sorted({clip.action_id for clip in mine})]
        items += prelabels_of(checkpoint, video, mine, pool)
    warn_of_known_videos(checkpoint, source_of)
    write_prelabels(output, "stg-model", checkpoint.digest, items)
    return len(items)


def prelabels_of(
    checkpoint: Checkpoint, video: VideoFeatures, clips: Sequence[Clip], pool: Sequence[Action]
) -> Iterator[Prelabel]:
    """Yield a suggested centre for each frame of one video's clips, given each clip's action.

    Frames past the video's end, and clips whose action has no known word, get none. The score is
    the cosine of the frame with the action.
    """
    scores = score_video(checkpoint, video, pool)
    number = {action.action_id: j for j, action in enumerate(scores.actions)}
    for clip in clips:
        seconds, _ = frame_seconds(clip.segment)
        wanted = [(second, clip.action_id) for second in seconds]
        for found in point_predictions(scores, wanted, checkpoint.settings.inference):
            score = float(scores.similarity_FJ[found.second, number[found.action_id]])
            yield Prelabel(clip.clip_id, found.second, found.point, score)
