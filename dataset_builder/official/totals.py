"""Out of how many: what the count of each defect is a part of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from dataset_builder.official.files import Files
from dataset_builder.official.records import (
    Frame,
    MeanClick,
    boxes_of,
    by_frame,
    mean_clicks,
    segments_of,
)

_OF_ROWS = {
    **dict.fromkeys(("inverted_box", "box_outside_frame", "side_cut", "narrow_box"), "boxes"),
    **dict.fromkeys(("unordered_segment", "overlapping_segments", "shared_second"), "segments"),
    **dict.fromkeys(("zero_length", "label_overwritten", "segment_without_box"), "segments"),
    **dict.fromkeys(("segment_with_one_box", "segment_not_covered"), "segments"),
    "gap_in_segment": "segments",
    "nobody_clicked": "rows",
}
"""Codes of rows of one file, and what these rows are."""
_OF_VIDEOS = ("ids_not_contiguous", "steps_differ", "sizes_differ")
_OF_MEANS = ("two_labels_in_second", "in_both_batches", "lost_to_collision")
_ONE_MEAN = {"mean_b_outside_box": "B", "mean_a_outside_box": "A"}

Total = tuple[int, str]


def totals_of(
    files: Files, wanted: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], Total | None]:
    """Return how many things could have each defect, and what they are.

    None for pairs of names and for names, which are a part of nothing.

    Args:
        files: the published files.
        wanted: code (one of `defects.CODES`) and file, as a defect names them; two files that are
            compared are joined by " and ".
    """
    means = mean_clicks(files)
    frames = by_frame(means)
    return {(code, file): _total(files, means, frames, code, file) for code, file in wanted}


def _total(
    files: Files,
    means: Sequence[MeanClick],
    frames: Mapping[Frame, Sequence[MeanClick]],
    code: str,
    file: str,
) -> Total | None:
    name = file.removesuffix(".json")
    found: Total | None = None
    if code in _OF_ROWS:
        found = len(files[name].rows), _OF_ROWS[code]
    elif code in _OF_VIDEOS:
        found = len(files[name].videos), "videos"
    elif code == "single_segment_action":
        found = len({segment.step for segment in segments_of(files, name)}), "actions"
    elif code in _ONE_MEAN:
        found = _with_one_mean(boxes_of(files, name), frames, _ONE_MEAN[code])
    elif code in _OF_MEANS:
        found = _of_means(means, code)
    elif code == "box_files_differ":
        a, b = (boxes_of(files, part.removesuffix(".json")) for part in file.split(" and "))
        found = len(a.keys() & b.keys()), "seconds in both"
    return found


def _with_one_mean(
    boxes: Iterable[Frame], frames: Mapping[Frame, Sequence[MeanClick]], batch: str
) -> Total:
    """Return how many boxes have one row of the batch, with a mean; of A where B has none."""
    n = 0
    for frame in boxes:
        rows = frames.get(frame, ())
        mine = [row for row in rows if row.batch == batch]
        is_alone = batch == "B" or len(mine) == len(rows)
        n += is_alone and len(mine) == 1 and mine[0].point_px is not None
    return n, f"boxes with one mean of batch {batch}"


def _of_means(means: Sequence[MeanClick], code: str) -> Total:
    if code == "two_labels_in_second":
        return len({mean.frame for mean in means}), "seconds"
    if code == "lost_to_collision":
        return sum(mean.was_clicked for mean in means), "rows with clicks"
    return sum(mean.batch == "B" for mean in means), "rows of batch B"
