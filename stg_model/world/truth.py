"""The exact truth of a set, as a release that everything else can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dataset_builder.domain import Action, Clip, Video, clip_id_for, frame_seconds
from dataset_builder.geometry import Box
from dataset_builder.release import Consensus, Release, tubes_of
from stg_model.world.scene import Performance, VideoPlan
from stg_model.world.settings import WorldSettings
from stg_model.world.staging import box_at

RULE = "exact"
VERSION = "1.0.0"
BENCHMARKS = ("validation", "held-out")
"""Sets that systems are scored on, so that annotators see no hints there."""


def truth_of(
    settings: WorldSettings,
    set_name: str,
    plans: Sequence[VideoPlan],
    sums: Mapping[str, str],
) -> Release:
    """Return the exact truth of a set's videos.

    Args:
        settings: the world's settings; they stand in the release.
        set_name: which set; it becomes the clips' split.
        plans: the plans of the set's videos.
        sums: SHA-256 of each video file by video id.
    """
    clips: list[Clip] = []
    frames: list[Consensus] = []
    boxes: dict[tuple[str, int], Box] = {}
    for plan in plans:
        for performance in plan.performances:
            clip = _clip(plan, performance, set_name)
            clips.append(clip)
            for second in frame_seconds(clip.segment)[0]:
                box = box_at(plan, float(second))
                if box is not None:
                    boxes[clip.clip_id, second] = box
                frames.append(_frame(plan, clip, second, visible=box is not None))
    return Release(
        name=f"world-{settings.seed}-{set_name}",
        version=VERSION,
        derivation="none",
        videos=tuple(_video(plan, sums[plan.video_id]) for plan in plans),
        actions=tuple(
            Action(action.action_id, action.description)
            for action in sorted(settings.actions, key=lambda action: action.action_id)
        ),
        clips=tuple(sorted(clips, key=lambda clip: clip.clip_id)),
        frames=tuple(sorted(frames, key=lambda frame: (frame.clip_id, frame.second))),
        answers=(),
        boxes=boxes,
        rules=dict.fromkeys(boxes, RULE),
        tubes=tubes_of(boxes),
        settings=settings.to_json(),
    )


def _video(plan: VideoPlan, sha256: str) -> Video:
    return Video(plan.video_id, plan.width, plan.height, plan.duration_s, sha256)


def _clip(plan: VideoPlan, performance: Performance, set_name: str) -> Clip:
    action_id = performance.action.action_id
    return Clip(
        clip_id=clip_id_for(plan.video_id, performance.segment, action_id),
        video_id=plan.video_id,
        action_id=action_id,
        segment=performance.segment,
        split=set_name,
        is_benchmark=set_name in BENCHMARKS,
    )


def _frame(plan: VideoPlan, clip: Clip, second: int, *, visible: bool) -> Consensus:
    return Consensus(
        clip_id=clip.clip_id,
        second=second,
        timestamp_s=float(second),
        image_sha256="",
        width=plan.width,
        height=plan.height,
        redundancy=0,
        n_answers=0,
        n_clicks=0,
        mean=None,
        peak=None,
        spread=None,
        kept=visible,
        reason="" if visible else "not_visible",
    )
