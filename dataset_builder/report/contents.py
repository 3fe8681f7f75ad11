"""What a release holds: its funnel, counts and sizes, splits, and where in the frame things lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dataset_builder.fusion.heatmap import heatmap
from dataset_builder.geometry import Box, Point, box_iou
from dataset_builder.release import Release, counts_of
from dataset_builder.report.diagrams import Diagram, histogram, nice_most
from dataset_builder.report.intervals import Floats
from dataset_builder.report.overlays import heat_url

CENTRE = Point(0.5, 0.5)
FIXED_BOX = Box(0.25, 0.25, 0.75, 0.75)
FIXED_BOX_IOU = 0.3
"""The trivial answers that a benchmark's numbers should be read against."""

MAP_CELLS = (27, 48)
MAP_SHAPE = (320, 180)
MAP_SIGMA = 0.02
"""Of the diagonal: how far one click reaches on the map of all clicks."""
_LENGTHS_S = (0.5, 1, 2, 5, 10, 20, 60)
_COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


@dataclass(frozen=True, slots=True)
class Stage:
    """One bar of the funnel, as a percentage of its group's first; `is_lost` is no stage."""

    name: str
    count: int
    percent: float
    is_lost: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """Counts of one split."""

    name: str
    clips: int
    benchmark: int
    frames: int
    boxes: int


@dataclass(frozen=True, slots=True)
class FrameMap:
    """How often each place of the frame is clicked, or lies in a box; the picture of it."""

    title: str
    picture: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What the sections on a release's content show."""

    funnel: tuple[tuple[str, tuple[Stage, ...]], ...]
    figures: tuple[tuple[str, str], ...]
    splits: tuple[Split, ...]
    diagrams: tuple[Diagram, ...]
    maps: tuple[FrameMap, ...]
    shape: tuple[int, int] = MAP_SHAPE


def contents(release: Release) -> Contents:
    """Return what a release holds."""
    return Contents(
        tuple(_funnel(release)),
        tuple(_figures(release)),
        tuple(_splits(release)),
        tuple(_diagrams(release)),
        tuple(_maps(release)),
    )


def _funnel(release: Release) -> list[tuple[str, tuple[Stage, ...]]]:
    counts = counts_of(release)
    n_given = counts["answers"] + sum(release.left_out.values())
    reasons = Counter(frame.reason for frame in release.frames if frame.reason)
    answered = [
        ("with an answer", counts["frames_answered"]),
        ("with a click", counts["frames_clicked"]),
    ]
    given_answers = [
        ("in the snapshot", n_given),
        *((reason, -n) for reason, n in sorted(release.left_out.items())),
        ("in the release", counts["answers"]),
        ("clicks", counts["clicks"]),
    ]
    groups = [("Answers", given_answers)] if release.derivation == "clicks" else []
    groups += [
        (
            "Frames",
            [
                ("all", counts["frames"]),
                *(answered if release.answers else ()),
                ("with a box", counts["boxes"]),
                *((reason.replace("_", " "), -n) for reason, n in reasons.most_common()),
            ],
        ),
        (
            "Clips",
            [("all", counts["clips"]), ("with a tube", len({t.clip_id for t in release.tubes}))],
        ),
    ]
    return [
        (
            title,
            tuple(
                Stage(name, abs(n), round(100 * abs(n) / stages[0][1], 2), n < 0)
                for name, n in stages
            ),
        )
        for title, stages in groups
        if stages[0][1]
    ]


def _figures(release: Release) -> list[tuple[str, str]]:
    """Return names and numbers in words."""
    clips = Counter(clip.action_id for clip in release.clips)
    seconds = sum(video.duration_s for video in release.videos)
    sizes = Counter((video.width, video.height) for video in release.videos)
    common, n_common = sizes.most_common(1)[0] if sizes else ((0, 0), 0)
    tubes = [len(tube.boxes) for tube in release.tubes]
    n_gaps = sum(max(t.boxes) - min(t.boxes) + 1 > len(t.boxes) for t in release.tubes)
    n_filled = sum(len(tube.filled_seconds) for tube in release.tubes)
    found = [
        ("videos", f"{len(release.videos):,}, {_duration(seconds)} in all"),
        (
            "frame sizes",
            f"{len(sizes):,}; most often {common[0]}x{common[1]} ({n_common:,} videos); "
            f"{sum(n for (w, h), n in sizes.items() if h > w):,} portrait",
        ),
        (
            "actions",
            f"{len(release.actions):,}, {sum(n == 1 for n in clips.values()):,} of them with one "
            f"clip, {sum(a.action_id not in clips for a in release.actions):,} with none",
        ),
        ("benchmark clips", f"{sum(clip.is_benchmark for clip in release.clips):,}"),
        *_people_or_left_out(release),
        (
            "tubes",
            f"{len(tubes):,}, median {_median(tubes)} seconds with a box; {n_gaps:,} "
            f"with a gap, {n_filled:,} seconds filled",
        ),
    ]
    if release.boxes:
        boxes = list(release.boxes.values())
        hits = sum(box.contains(CENTRE) for box in boxes) / len(boxes)
        overlaps = sum(box_iou(box, FIXED_BOX) > FIXED_BOX_IOU for box in boxes) / len(boxes)
        rules = Counter(release.rules.values())
        found += [
            ("rules of boxes", ", ".join(f"{rule} ({n:,})" for rule, n in sorted(rules.items()))),
            ("the centre of the frame", f"lies in {100 * hits:.1f} % of the boxes"),
            (
                "the middle half of width and height",
                f"overlaps {100 * overlaps:.1f} % of the boxes with an IoU above {FIXED_BOX_IOU}",
            ),
        ]
    return found


def _people_or_left_out(release: Release) -> list[tuple[str, str]]:
    """Return how many people answered; where boxes were given, what was left out of the source."""
    if release.derivation == "clicks":
        return [("people", f"{len(release.annotators):,}")]
    lost = ", ".join(f"{n:,} {reason}" for reason, n in sorted(release.left_out.items()))
    return [("left out", lost)] if lost else []


def _splits(release: Release) -> list[Split]:
    split_of = {clip.clip_id: clip.split for clip in release.clips}
    clips = Counter(clip.split for clip in release.clips)
    benchmark = Counter(clip.split for clip in release.clips if clip.is_benchmark)
    frames = Counter(split_of[frame.clip_id] for frame in release.frames)
    boxes = Counter(split_of[clip_id] for clip_id, _ in release.boxes)
    return [Split(s, clips[s], benchmark[s], frames[s], boxes[s]) for s in sorted(clips)]


def _diagrams(release: Release) -> list[Diagram]:
    lengths = np.array([clip.segment.end_s - clip.segment.start_s for clip in release.clips])
    per_action = Counter(clip.action_id for clip in release.clips)
    clips = np.array(list(per_action.values()), dtype=np.float64)
    answers = np.array([f.n_answers for f in release.frames if f.n_answers], dtype=np.float64)
    areas = np.array([100 * box.area for box in release.boxes.values()])
    drawn = [
        ("Clips by length", "seconds", "clips", lengths, _LENGTHS_S),
        ("Actions by number of clips", "clips", "actions", clips, _COUNTS),
        ("Frames by number of answers", "answers", "frames", answers, _COUNTS),
        ("Boxes by area", "% of the frame", "boxes", areas, (2.5, 5)),
    ]
    found = []
    for title, x_title, y_title, values, steps in drawn:
        if len(values):
            step, most = nice_most(values, steps, 20)
            found.append(
                histogram(
                    title,
                    x_title,
                    y_title,
                    values,
                    step=step,
                    most=most,
                    is_count=steps is _COUNTS,
                )
            )
    return found


def _maps(release: Release) -> list[FrameMap]:
    clicks = [answer.point for answer in release.answers if answer.point]
    means = [] if release.answers else [frame.mean for frame in release.frames if frame.mean]
    found = []
    if clicks or means:
        title = "Where people click" + (" on average" if means else "")
        found.append(FrameMap(title, point_picture(clicks or means)))
    if release.boxes:
        found.append(FrameMap("What boxes cover", box_picture(list(release.boxes.values()))))
    return found


def point_picture(points: Sequence[Point]) -> str:
    """Return a picture, as an address, of how often each place of the frame is pointed at."""
    return heat_url(heatmap(points, MAP_SHAPE, grid=MAP_CELLS, sigma=MAP_SIGMA), MAP_SHAPE)


def box_picture(boxes: Sequence[Box]) -> str:
    """Return a picture, as an address, of in how many boxes each place of the frame lies."""
    return heat_url(_covered(boxes), MAP_SHAPE)


def _covered(boxes: Sequence[Box]) -> Floats:
    """Return in how many boxes the middle of each cell lies."""
    rows, columns = MAP_CELLS
    corners = np.array([(b.x1, b.y1, b.x2, b.y2) for b in boxes])
    x, y = (np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows
    in_x = (corners[:, :1] <= x) & (x <= corners[:, 2:3])
    in_y = (corners[:, 1:2] <= y) & (y <= corners[:, 3:])
    covered: Floats = in_y.T.astype(np.float64) @ in_x.astype(np.float64)
    return covered


def _median(values: list[int]) -> str:
    return f"{np.median(values):g}" if values else "no"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
