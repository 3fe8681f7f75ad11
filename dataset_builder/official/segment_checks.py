"""Defects of segments, and of the small files made from them; each yields `(code, file, where)`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from dataset_builder.official.box_checks import Found
from dataset_builder.official.files import Files
from dataset_builder.official.records import (
    BACKGROUND,
    SEGMENT_FILES,
    Segment,
    boxes_of,
    released_boxes,
    segments_of,
    sizes_in,
)


def check_segments(files: Files) -> Iterator[Found]:
    """Yield the defects of single segments and of neighbours."""
    for name in SEGMENT_FILES:
        if name not in files:
            continue
        file = f"{name}.json"
        for video_id, segments in _by_video(segments_of(files, name)).items():
            if [s.number for s in segments] != list(range(len(segments))):
                yield "ids_not_contiguous", file, video_id
            yield from ((code, file, str(segment)) for code, segment in _times(segments))


def check_coverage(files: Files) -> Iterator[Found]:
    """Yield the segments that the released boxes do not cover."""
    box_file = released_boxes(files)
    if box_file is None:
        return
    boxes = boxes_of(files, box_file)
    for name in SEGMENT_FILES:
        for segment in segments_of(files, name) if name in files else ():
            has_box = [(segment.video_id, second) in boxes for second in segment.seconds]
            for code in _coverage(has_box):
                yield code, f"{name}.json", str(segment)


def compare_files(files: Files) -> Iterator[Found]:
    """Yield where files that were made from one another differ."""
    if "seg" in files and "ground_seg" in files:
        named = {(s.video_id, s.number): s.step for s in segments_of(files, "seg")}
        for segment in segments_of(files, "ground_seg"):
            step = named.get((segment.video_id, segment.number), segment.step)
            if step != segment.step:
                where = f"{segment}: {segment.step!r}, in seg.json {step!r}"
                yield "label_overwritten", "ground_seg.json", where
    if "vid2step" in files and "ground_seg_3to20" in files:
        yield from _compare_steps(files)
    if {"id2wh", "id2wh_new", "id2wh_reso"} <= set(files):
        yield from _compare_sizes(files)


def _times(segments: list[Segment]) -> Iterator[tuple[str, Segment]]:
    for segment in segments:
        if segment.first == segment.last:
            yield "zero_length", segment
        if segment.first > segment.last:
            yield "unordered_segment", segment
    for before, after in pairwise(segments):
        if after.first == before.last:
            yield "shared_second", after
        elif after.first < before.last:
            yield "overlapping_segments", after


def _coverage(has_box: list[bool]) -> Iterator[str]:
    n_boxes = sum(has_box)
    if n_boxes == 0:
        yield "segment_without_box"
        return
    if n_boxes == 1:
        yield "segment_with_one_box"
    if n_boxes < len(has_box):
        yield "segment_not_covered"
    first, last = has_box.index(True), len(has_box) - has_box[::-1].index(True)
    if last - first > n_boxes:
        yield "gap_in_segment"


def _compare_steps(files: Files) -> Iterator[Found]:
    listed: dict[str, list[str]] = {video_id: [] for video_id in files["vid2step"].videos}
    for video_id, step in files["vid2step"].rows:
        listed[video_id].append(step)
    by_video = _by_video(segments_of(files, "ground_seg_3to20"))
    for video_id, steps in listed.items():
        expected = dict.fromkeys(s.sentence for s in by_video.get(video_id, []))
        if steps != [*expected, BACKGROUND]:
            yield "steps_differ", "vid2step.json", video_id


def _compare_sizes(files: Files) -> Iterator[Found]:
    native, stretched = sizes_in(files, "id2wh"), sizes_in(files, "id2wh_new")
    for video_id, x, y in files["id2wh_reso"].rows:
        own, frame = native.get(video_id), stretched.get(video_id)
        expected = own and frame and (frame[0] / own[0], frame[1] / own[1])
        if expected != (x, y):
            yield "sizes_differ", "id2wh_reso.json", video_id


def _by_video(segments: list[Segment]) -> dict[str, list[Segment]]:
    found: dict[str, list[Segment]] = {}
    for segment in segments:
        found.setdefault(segment.video_id, []).append(segment)
    return found
