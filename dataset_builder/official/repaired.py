"""The repaired release of the published files.

Segments of one second are clips too, a box belongs to the step whose clicks made it and to no
other, and each box is repaired as `repairs` says. Names are never merged. Beside the rules of
`repairs` a box's row (and each row of the table of repairs) can say

    zero_length   it is in a clip of one second, which the faithful release leaves out
    unicode       the file names its step with a letter spelt as its code, or in two parts
    other_step    the clip has it no longer: it was made from clicks on another step
"""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import hypot
from pathlib import Path

from dataset_builder.domain import Action, Clip, frame_seconds
from dataset_builder.geometry import Point
from dataset_builder.importers.grounding_youtube import (
    IN_NO_CLIP,
    NOT_PUBLISHED,
    clips_of,
    given_frame,
    videos_of,
)
from dataset_builder.importers.grounding_youtube_files import RawBox, Size, Sizes, Span
from dataset_builder.official.box_checks import MARGIN_PX
from dataset_builder.official.files import Files
from dataset_builder.official.layouts import NATIVE_MEANS, STRETCHED_MEANS
from dataset_builder.official.records import (
    Frame,
    MeanClick,
    boxes_of,
    by_frame,
    fits,
    mean_clicks,
    mended,
    segments_of,
    size_file,
    sizes_in,
    spaced,
)
from dataset_builder.official.releases import REPAIRED_VERSION, segment_file
from dataset_builder.official.repair_table import Repair
from dataset_builder.official.repairs import repair_box, rule_name
from dataset_builder.release import Consensus, Release, tubes_of

REPAIRED = "repaired"
ZERO_LENGTH, OTHER_STEP, UNICODE = "zero_length", "other_step", "unicode"
NOT_ANNOTATED = "never annotated"
NOBODY_CLICKED = "nobody clicked"
TOO_FEW = "clicked, but no box published"
TAKEN = "the second's only box is another step's"


@dataclass(frozen=True, slots=True)
class Repaired:
    """The repaired release, and what became of each box in each clip, in the release's order."""

    release: Release
    repairs: tuple[Repair, ...]


def repaired_release(files: Files, boxes: str) -> Repaired:
    """Return the repaired release of one box file.

    Frames have the mean click on their clip's own step where the batches tell it (`derivation`
    means); how many people clicked is not published.

    Raises:
        InputError: a file holds what no release can, such as a segment that ends before it begins.
    """
    told = size_file(files)
    sizes = Sizes(Path(f"{told}.json"), sizes_in(files, told)) if told else Sizes(None, {})
    segments = segment_file(files)
    left_out: Counter[str] = Counter()
    spans = [Span(s.video_id, s.first, s.last, s.step) for s in segments_of(files, segments)]
    clips, actions = clips_of(spans, left_out)
    means = by_frame(mean_clicks(files))
    found = _repairs(boxes_of(files, boxes), clips, actions, means, left_out)
    repairs = tuple(sorted(found, key=lambda repair: repair.key))
    placed = {r.key: r.after for r in repairs if r.after is not None}
    left_out.update(r.reason for r in repairs if r.reason not in ("", TAKEN))
    used = {"boxes": boxes, "segments": segments}
    used |= {"native_means": NATIVE_MEANS, "means": STRETCHED_MEANS}
    used |= {"sizes": told} if told else {}
    settings = {
        "rule": REPAIRED,
        "run_gap_s": None,
        "margin_px": MARGIN_PX,
        "native_sizes": sizes.are_native,
        **{n: files[name].file_name for n, name in used.items() if name in files},
        **{f"{n}_sha256": files[name].sha256 for n, name in used.items() if name in files},
    }
    release = Release(
        name=f"GroundingYouTube-{REPAIRED}",
        version=REPAIRED_VERSION,
        derivation="means",
        videos=videos_of(clips, sizes),
        actions=tuple(Action(*item) for item in sorted(actions.items())),
        clips=clips,
        frames=tuple(_frames(clips, actions, sizes, means, {r.key: r for r in repairs})),
        answers=(),
        boxes=placed,
        rules={r.key: rule_name(r.rules) for r in repairs if r.after is not None},
        tubes=tubes_of(placed),
        settings=settings,
        left_out=dict(sorted(left_out.items())),
        made_with=f"grounding-circle {importlib.metadata.version('grounding-circle')}",
    )
    return Repaired(release, repairs)


def step_of(raw: RawBox, rows: Sequence[MeanClick]) -> str | None:
    """Return the step whose clicks a box was made from; None where no file tells.

    The box's file may name it. If not, it is the step whose mean click can be that of the box; of
    several the one nearest to the middle of the box.
    """
    if raw.step is not None:
        return mended(spaced(raw.step))
    x1, y1, x2, y2 = raw.corners

    def off_centre(row: MeanClick) -> float:
        x, y = row.point_px or (0.0, 0.0)
        return hypot(x - (x1 + x2) / 2, y - (y1 + y2) / 2)

    possible = sorted((row for row in rows if fits(raw, row)), key=off_centre)
    return possible[0].step if possible else None


def mean_of(
    rows: Sequence[MeanClick], step: str, raw: RawBox | None = None
) -> tuple[float, float] | None:
    """Return the mean click on a step, in pixels of the stretched frame.

    Of two rows on one step (`purée it` stands in both batches, spelt in two ways) the one is taken
    that a given box can have been made from, else the later.
    """
    mine = [row for row in rows if row.step == step and row.point_px is not None]
    mine.sort(key=lambda row: raw is not None and fits(raw, row))
    return mine[-1].point_px if mine else None


def _repairs(
    boxes: Mapping[Frame, RawBox],
    clips: Iterable[Clip],
    actions: Mapping[str, str],
    means: Mapping[Frame, list[MeanClick]],
    left_out: Counter[str],
) -> Iterator[Repair]:
    """Yield what becomes of each box in each clip that holds its second."""
    holders: dict[Frame, list[Clip]] = {}
    for clip in clips:
        for second in frame_seconds(clip.segment)[0]:
            holders.setdefault((clip.video_id, second), []).append(clip)
    for frame, raw in boxes.items():
        rows, mine = means.get(frame, []), holders.get(frame, [])
        step = step_of(raw, rows)
        is_named = any(actions[clip.action_id] == step for clip in mine)
        if not mine:
            left_out[IN_NO_CLIP] += 1
        for clip in mine:
            own = actions[clip.action_id]
            if is_named and own != step:
                mean = mean_of(rows, own)
                yield Repair(clip.clip_id, raw, None, (OTHER_STEP,), False, mean, TAKEN)
            else:
                yield _kept(raw, clip, mean_of(rows, own, raw))


def _kept(raw: RawBox, clip: Clip, mean: tuple[float, float] | None) -> Repair:
    fixed = repair_box(raw, mean and mean[0])
    rules = list(fixed.rules)
    if raw.step is not None and mended(raw.step) != raw.step:
        rules.append(UNICODE)
    if len(frame_seconds(clip.segment)[0]) == 1:
        rules.append(ZERO_LENGTH)
    return Repair(
        clip.clip_id, raw, fixed.box, tuple(rules), fixed.is_estimated, mean, fixed.reason
    )


def _frames(
    clips: Iterable[Clip],
    actions: Mapping[str, str],
    sizes: Sizes,
    means: Mapping[Frame, list[MeanClick]],
    repairs: Mapping[tuple[str, int], Repair],
) -> Iterator[Consensus]:
    for clip in clips:
        size = sizes.frame(clip.video_id)
        step = actions[clip.action_id]
        for second in frame_seconds(clip.segment)[0]:
            mine = [m for m in means.get((clip.video_id, second), []) if m.step == step]
            repair = repairs.get((clip.clip_id, second))
            mean = _point(repair.mean_px if repair else mean_of(mine, step), size)
            kept = repair is not None and repair.after is not None
            reason = "" if kept else _why_not(repair, mine, has_batches=bool(means))
            yield given_frame(clip, second, size, kept=kept, reason=reason, mean=mean)


def _why_not(repair: Repair | None, mine: Sequence[MeanClick], *, has_batches: bool) -> str:
    """Return why a frame has no box; `mine` are the rows of its own step."""
    if repair is not None and repair.reason != TAKEN:
        return repair.reason
    if not has_batches:
        return NOT_PUBLISHED
    if not mine:
        return NOT_ANNOTATED
    if not any(row.was_clicked for row in mine):
        return NOBODY_CLICKED
    return TOO_FEW if repair is None else TAKEN


def _point(mean: tuple[float, float] | None, size: Size) -> Point | None:
    """Return a mean in fractions; one outside the frame is none."""
    width, height = size
    if mean is None or not (0 <= mean[0] <= width and 0 <= mean[1] <= height):
        return None
    return Point(mean[0] / width, mean[1] / height).rounded()
