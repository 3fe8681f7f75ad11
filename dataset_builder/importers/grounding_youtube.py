"""The published files of GroundingYouTube as a release in memory, so that systems are scored on it.

Boxes are whole pixels of a frame stretched to 640x480 (480x640 for portrait videos) and were cut
with width and height swapped, so that some are inside out and some reach below the frame. They are
taken `as_published`: cut at their frame, left out where nothing remains, otherwise as they stand.

As in the public loader, a segment holds its last second, one of a single second (first = last) is
left out, and every segment that holds a second gets the box of that second, whichever step the box
names. `Release.left_out` counts what is not in the release, `Release.settings` the rest.
"""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dataset_builder import tables
from dataset_builder.domain import (
    Action,
    Clip,
    Segment,
    Video,
    action_id_for,
    clip_id_for,
    frame_seconds,
)
from dataset_builder.errors import InputError
from dataset_builder.geometry import Box, Point
from dataset_builder.importers.grounding_youtube_files import (
    RawBox,
    Size,
    Sizes,
    Span,
    read_boxes,
    read_segments,
    read_sizes,
)
from dataset_builder.release import Consensus, Release, tubes_of

AS_PUBLISHED = "as_published"
NO_AREA = "boxes without area in the frame"
IN_NO_CLIP = "boxes in no clip"
ZERO_LENGTH = "segments of zero length"
TWICE = "segments that stand twice"
NOT_PUBLISHED = "no box published"

RUN_GAP_S = 3
"""A run of one step goes on over up to two seconds without a box.

Of 1 to 1,000 s this gap finds the stretches of the published segments most often: 4,353 of 4,516.
"""


def as_published(raw: RawBox) -> Box | None:
    """Return the part of the box that lies in its frame, in fractions; None where nothing does.

    >>> as_published(RawBox("v", 7, (320, 240, 480, 600), (640, 480)))
    Box(x1=0.5, y1=0.5, x2=0.75, y2=1.0)
    >>> as_published(RawBox("v", 7, (500, 240, 480, 440), (640, 480))) is None
    True
    """
    (x1, y1, x2, y2), (width, height) = raw.corners, raw.frame_size_px
    x1, x2 = max(x1, 0), min(x2, width)
    y1, y2 = max(y1, 0), min(y2, height)
    if x1 >= x2 or y1 >= y2:
        return None
    return Box(x1 / width, y1 / height, x2 / width, y2 / height)


def read_official(boxes: Path, segments: Path | None = None, sizes: Path | None = None) -> Release:
    """Read published files as they are.

    Args:
        boxes: one of the box files.
        segments: the clips. Without it a clip is a run of one step over the seconds of the box
            file, which must name steps then.
        sizes: `id2wh.json` gives each video's own size and so says which are portrait;
            `id2wh_new.json` says the latter only. Without it every frame is landscape.

    Returns:
        A release whose boxes were given (`derivation` none). A video ends with its last clip, as
        the files tell no durations. Where its own size is not known it has that of the stretched
        frame, and `settings["native_sizes"]` is false.

    Raises:
        InputError: a file is not of these (video and entry are named), a video has no size, the
            boxes name no steps and there are no segments, or there is no clip at all.
    """
    known = read_sizes(sizes)
    rows = list(read_boxes(boxes, known))
    left_out: Counter[str] = Counter()
    spans = _runs(boxes, rows) if segments is None else _segments(segments, left_out)
    clips, actions = clips_of(spans, left_out)
    if not clips:
        raise InputError(f"{segments or boxes}: holds no clip")
    placed, counts = _place(rows, clips, actions, left_out)
    files = {"boxes": boxes, "segments": segments, "sizes": sizes}
    settings = {
        "rule": AS_PUBLISHED,
        "run_gap_s": None if segments else RUN_GAP_S,
        "native_sizes": known.are_native,
        **{f"{name}_sha256": path and tables.sha256_file(path) for name, path in files.items()},
    }
    return Release(
        name="GroundingYouTube",
        version=f"as published ({', '.join(path.name for path in files.values() if path)})",
        derivation="none",
        videos=videos_of(clips, known),
        actions=tuple(Action(*item) for item in sorted(actions.items())),
        clips=clips,
        frames=tuple(_frames_of(clips, placed, known)),
        answers=(),
        boxes=placed,
        rules=dict.fromkeys(placed, AS_PUBLISHED),
        tubes=tubes_of(placed),
        settings=settings | counts,
        left_out=dict(sorted(left_out.items())),
        made_with=f"grounding-circle {importlib.metadata.version('grounding-circle')}",
        digest=tables.sha256_bytes(tables.canonical_json(settings).encode()),
    )


def clips_of(
    spans: Iterable[Span], left_out: Counter[str]
) -> tuple[tuple[Clip, ...], dict[str, str]]:
    """Return the clips in the order of the file, and the sentence of each action."""
    clips: dict[str, Clip] = {}
    actions: dict[str, str] = {}
    for span in spans:
        action_id = action_id_for(span.sentence)
        segment = Segment(span.first, span.last + 1)
        clip_id = clip_id_for(span.video_id, segment, action_id)
        if clip_id in clips:
            left_out[TWICE] += 1
        clips[clip_id] = Clip(clip_id, span.video_id, action_id, segment)
        actions.setdefault(action_id, span.sentence)
    return tuple(clips.values()), actions


def videos_of(clips: Iterable[Clip], sizes: Sizes) -> tuple[Video, ...]:
    """Return the videos of clips by id; each ends with its last clip."""
    ends: dict[str, float] = {}
    for clip in clips:
        ends[clip.video_id] = max(ends.get(clip.video_id, 0.0), clip.segment.end_s)
    return tuple(Video(v, *sizes.shown(v), end_s, "") for v, end_s in sorted(ends.items()))


def _place(
    rows: Iterable[RawBox],
    clips: Iterable[Clip],
    actions: Mapping[str, str],
    left_out: Counter[str],
) -> tuple[dict[tuple[str, int], Box], dict[str, int]]:
    """Give each box to every clip that holds its second, as the public loader does.

    Returns:
        The boxes by `(clip_id, second)`; and how many rows several clips got, and how many of these
        boxes name another step than their clip.
    """
    holders: dict[tuple[str, int], list[Clip]] = {}
    for clip in clips:
        for second in frame_seconds(clip.segment)[0]:
            holders.setdefault((clip.video_id, second), []).append(clip)
    placed: dict[tuple[str, int], Box] = {}
    n_shared = n_other_step = 0
    for row in rows:
        box = as_published(row)
        mine = holders.get((row.video_id, row.second), [])
        if box is None:
            left_out[NO_AREA] += 1
        elif not mine:
            left_out[IN_NO_CLIP] += 1
        else:
            n_shared += len(mine) > 1
            for clip in mine:
                placed[clip.clip_id, row.second] = box
                n_other_step += row.step is not None and row.step != actions[clip.action_id]
    counts = {"boxes_of_several_clips": n_shared, "boxes_naming_another_step": n_other_step}
    return placed, counts


def given_frame(
    clip: Clip, second: int, size: Size, *, kept: bool, reason: str, mean: Point | None = None
) -> Consensus:
    """Return a frame whose box was given: nobody's answers are known, at most their mean.

    Args:
        clip: that holds the frame.
        second: of the video.
        size: width and height of the frame in pixels.
        kept: whether it has a box.
        reason: why it has none, "" where it has one.
        mean: the mean click, in fractions of the frame.
    """
    return Consensus(
        clip_id=clip.clip_id,
        second=second,
        timestamp_s=float(second),
        image_sha256="",
        width=size[0],
        height=size[1],
        redundancy=0,
        n_answers=0,
        n_clicks=0,
        mean=mean,
        peak=None,
        spread=None,
        kept=kept,
        reason=reason,
    )


def _frames_of(
    clips: Iterable[Clip], boxes: Mapping[tuple[str, int], Box], sizes: Sizes
) -> Iterator[Consensus]:
    for clip in clips:
        size = sizes.frame(clip.video_id)
        for second in frame_seconds(clip.segment)[0]:
            kept = (clip.clip_id, second) in boxes
            reason = "" if kept else NOT_PUBLISHED
            yield given_frame(clip, second, size, kept=kept, reason=reason)


def _segments(path: Path, left_out: Counter[str]) -> Iterator[Span]:
    """Yield the segments that the public loader takes, which are those of two seconds or more."""
    for span in read_segments(path):
        if span.first == span.last:
            left_out[ZERO_LENGTH] += 1
        else:
            yield span


def _runs(path: Path, rows: Sequence[RawBox]) -> list[Span]:
    """Return the maximal runs of one step; see `RUN_GAP_S`."""
    runs: list[Span] = []
    for row in sorted(rows, key=lambda row: (row.video_id, row.second)):
        if row.step is None:
            raise InputError(f"{path}: its boxes name no steps; give the file of segments as well")
        last = runs[-1] if runs else None
        if (
            last is not None
            and (last.video_id, last.sentence) == (row.video_id, row.step)
            and row.second - last.last <= RUN_GAP_S
        ):
            runs[-1] = replace(last, last=row.second)
        else:
            runs.append(Span(row.video_id, row.second, row.second, row.step))
    return runs
