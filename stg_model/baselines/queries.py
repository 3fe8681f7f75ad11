"""What a baseline is asked: the frames of a release, each with its own action."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dataset_builder.geometry import Box, Point
from dataset_builder.predictions import PointPrediction
from dataset_builder.release import Release

Query = tuple[str, int, str]
"""`(video_id, second, action_id)`, the key of a point in the predictions file."""


def frame_queries(release: Release, clips: str = "all") -> list[Query]:
    """Return one query for each frame, sorted; clips of one action that overlap share theirs.

    `clips="benchmark"` asks about the clips of a benchmark split only.
    """
    asked = {clip.clip_id: clip for clip in release.clips if clips == "all" or clip.is_benchmark}
    return sorted(
        {
            (asked[frame.clip_id].video_id, frame.second, asked[frame.clip_id].action_id)
            for frame in release.frames
            if frame.clip_id in asked
        }
    )


def actions_of_videos(release: Release) -> dict[str, list[str]]:
    """Return the actions of each video's clips, sorted: the pool that a system chooses from."""
    pools: dict[str, set[str]] = {video.video_id: set() for video in release.videos}
    for clip in release.clips:
        pools[clip.video_id].add(clip.action_id)
    return {video_id: sorted(pools[video_id]) for video_id in sorted(pools)}


def same_answer(
    queries: Iterable[Query], point: Point, box: Box | None = None
) -> Mapping[Query, PointPrediction]:
    """Return one point, and box, as the answer to every query."""
    return {query: PointPrediction(*query, point, box) for query in queries}
