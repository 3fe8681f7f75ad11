"""What is wrong with the published files: every defect under a code, with the row it stands on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dataset_builder.official import box_checks, name_checks, segment_checks
from dataset_builder.official.files import Files
from dataset_builder.official.totals import Total, totals_of

CODES: Mapping[str, str] = {
    "inverted_box": "the left side lies right of the right one",
    "box_outside_frame": "the box reaches outside its frame, as width and height were swapped",
    "side_cut": "the right side was cut at 480 of 640 px, as width and height were swapped",
    "narrow_box": "narrower than 100 px, though a box has 100 px on each side of its clicks",
    "mean_b_outside_box": "the mean click of the second's only row in batch B is outside the box",
    "mean_a_outside_box": "the same for batch A, where batch B has no row",
    "box_files_differ": "two files give one second another box, or one lacks the second (released)",
    "nobody_clicked": "a row without means: nobody clicked",
    "in_both_batches": "one step at one second stands in both batches",
    "two_labels_in_second": "two steps were annotated at one second, and boxes know seconds only",
    "lost_to_collision": "of two steps clicked at one second, boxes have one",
    "unordered_segment": "a segment ends before it begins",
    "overlapping_segments": "a segment begins before the last second of the one before",
    "shared_second": "a segment begins on the last second of the one before",
    "zero_length": "a segment of one second, which the public loader leaves out",
    "ids_not_contiguous": "a video whose ids leave numbers out, so that the loader takes another",
    "label_overwritten": "the sentence is another than in seg.json",
    "segment_without_box": "no second of the segment has a box",
    "segment_with_one_box": "one second of the segment has a box",
    "segment_not_covered": "some seconds of the segment have a box and others have none",
    "gap_in_segment": "a second without a box lies between seconds with one",
    "steps_differ": "vid2step.json lists other steps than ground_seg_3to20.json",
    "sizes_differ": "id2wh_reso.json is not id2wh_new.json by id2wh.json",
    "broken_unicode": "a letter stands as its code (u00e9), or in two parts (e and an accent)",
    "underscores": "a name is written with _, elsewhere with spaces",
    "plural_names": "two actions whose names differ by singular and plural only",
    "near_duplicate_names": "two actions of nearly one name: plurals, typos, or really two",
    "single_segment_action": "an action of one segment: its average precision is noise",
}


@dataclass(frozen=True, slots=True)
class Defect:
    """One defect: its code, the file (or files) it is in, and the row in words."""

    code: str
    file: str
    where: str


def find_defects(files: Files) -> list[Defect]:
    """Return every defect of the files, code by code in the order of `CODES`.

    What needs a file that is not there is not looked for.
    """
    order = list(CODES)
    found = [Defect(*one) for checks in _CHECKS for one in checks(files)]
    return sorted(found, key=lambda defect: order.index(defect.code))


def counts_of(defects: list[Defect]) -> dict[str, dict[str, int]]:
    """Return how many defects of each code each file has."""
    counts: dict[str, dict[str, int]] = {}
    for (code, file), n in Counter((d.code, d.file) for d in defects).items():
        counts.setdefault(code, {})[file] = n
    return counts


def report_of(files: Files, defects: list[Defect], n_examples: int = 5) -> dict[str, Any]:
    """Return what `check-official --json` prints; shares are 0..1, None where there is no total."""
    examples: dict[tuple[str, str], list[str]] = {}
    for defect in defects:
        examples.setdefault((defect.code, defect.file), []).append(defect.where)
    totals = totals_of(files, examples)
    return {
        "files": {
            f.file_name: {"dialect": f.dialect, "sha256": f.sha256, "rows": len(f.rows)}
            for f in files.values()
        },
        "defects": [
            {
                "code": code,
                "file": file,
                "count": len(where),
                **_part(len(where), totals[code, file]),
                "meaning": CODES[code],
                "examples": where[:n_examples],
            }
            for (code, file), where in examples.items()
        ],
        "not_found": [code for code in CODES if code not in {d.code for d in defects}],
    }


def _part(n: int, total: Total | None) -> dict[str, Any]:
    of, what = total or (None, None)
    return {"of": of, "of_what": what, "share": n / of if of else None}


def text_of(defects: list[Defect]) -> Iterator[str]:
    """Yield the lines that `check-official` prints."""
    for code, by_file in counts_of(defects).items():
        yield f"{code}: {CODES[code]}"
        for file, n in by_file.items():
            yield f"  {n:>7,}  {file}"
    absent = [code for code in CODES if code not in {d.code for d in defects}]
    if absent:
        yield f"not found: {', '.join(absent)}"


_CHECKS = (
    box_checks.check_boxes,
    box_checks.check_means,
    box_checks.compare_box_files,
    segment_checks.check_segments,
    segment_checks.check_coverage,
    segment_checks.compare_files,
    name_checks.check_spelling,
    name_checks.check_actions,
)
