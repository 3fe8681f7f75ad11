"""Whether the rows of a release's tables point at each other as they should, split by split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from dataset_builder.domain import frame_seconds
from dataset_builder.errors import InputError
from dataset_builder.findings import Finding, frame_name
from dataset_builder.release import Release
from dataset_builder.settings import read_settings
from dataset_builder.snapshot import answers_by_frame
from dataset_builder.splits import parse_shares, videos_in_two_splits, with_splits


def reference_findings(release: Release) -> Iterator[Finding]:
    """Yield each row that points nowhere, stands twice, or answers where it may not."""
    yield from _frame_references(release)
    yield from _answer_references(release)
    frames = {(frame.clip_id, frame.second) for frame in release.frames}
    clips = {clip.clip_id for clip in release.clips}
    for key in sorted({*release.boxes, *(key[:2] for key in release.beside)}):
        if key not in frames:
            yield Finding(
                "box_without_frame", frame_name(key), "the frame is not in the frames table"
            )
    for tube in release.tubes:
        if tube.clip_id not in clips:
            message = f"clip {tube.clip_id!r} is not in the clips table"
            yield Finding("tube_without_clip", tube.tube_id, message)


def _frame_references(release: Release) -> Iterator[Finding]:
    seconds = {clip.clip_id: frame_seconds(clip.segment)[0] for clip in release.clips}
    for (clip_id, second), n in Counter((f.clip_id, f.second) for f in release.frames).items():
        where = frame_name((clip_id, second))
        if n > 1:
            yield Finding("frame_twice", where, f"stands {n} times in the frames table")
        if clip_id not in seconds:
            yield Finding("frame_without_clip", where, "the clip is not in the clips table")
        elif second not in seconds[clip_id]:
            first, last = seconds[clip_id][0], seconds[clip_id][-1]
            message = f"the clip shows the seconds {first} to {last}"
            yield Finding("second_outside_clip", where, message)


def _answer_references(release: Release) -> Iterator[Finding]:
    redundancy = {(frame.clip_id, frame.second): frame.redundancy for frame in release.frames}
    is_blind = release.settings.get("benchmark_answers") == "blind"
    benchmark = {clip.clip_id for clip in release.clips if clip.is_benchmark and is_blind}
    people = Counter((a.clip_id, a.second, a.annotator_id) for a in release.answers)
    for (clip_id, second, annotator_id), n in people.items():
        if n > 1:
            message = f"annotator {annotator_id} answered {n} times"
            yield Finding("answer_twice", frame_name((clip_id, second)), message)
    for key, given in answers_by_frame(release.answers).items():
        if key not in redundancy:
            message = "the frame is not in the frames table"
            yield Finding("answer_without_frame", frame_name(key), message)
        elif len(given) > redundancy[key]:
            message = f"{len(given)} answers where {redundancy[key]} were asked for"
            yield Finding("too_many_answers", frame_name(key), message)
        if key[0] in benchmark and any(answer.prelabel_shown for answer in given):
            message = "an answer given with a hint in sight counts on a benchmark clip"
            yield Finding("assisted_answer", frame_name(key), message)


def split_findings(release: Release) -> Iterator[Finding]:
    """Yield each video in two splits, and each clip that is not where the settings deal it."""
    for video_id, splits in videos_in_two_splits(release.clips).items():
        message = f"has clips of the splits {' and '.join(splits)}"
        yield Finding("video_in_two_splits", video_id, message)
    if release.derivation != "clicks":
        return
    try:
        settings = read_settings(release.settings)
    except InputError:
        return  # told by what derives the rest from them
    shares, scored = parse_shares(settings.splits), settings.benchmark_split_names
    dealt = with_splits(release.clips, shares, settings.split_salt, scored)
    for clip, expected in zip(release.clips, dealt, strict=True):
        if clip != expected:
            message = (
                f"is of {clip.split!r} (scored: {clip.is_benchmark}), the settings deal it to "
                f"{expected.split!r} (scored: {expected.is_benchmark})"
            )
            yield Finding("split_differs", clip.clip_id, message)
