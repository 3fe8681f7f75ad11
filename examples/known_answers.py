"""Write known answers for `annot-server import-gold` from a rendered world's exact truth.

    python examples/known_answers.py open/truth hidden.csv --frames 24 --not-visible 8
    python examples/known_answers.py open/truth qualification.csv --frames 10 --not-visible 2 \
        --but-not hidden.csv

Frames are drawn by `--seed` from all clips, neighbours only where there are no others left: one
tells the other. The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path

import numpy as np

from dataset_builder.release import Release, read_release

COLUMNS = ("video_id", "second", "action", "x", "y", "note")
NOTES = {
    True: "The middle of the moving thing and of what it works on counts.",
    False: "The action is hidden or over in this frame.",
}

Row = tuple[str, int, str, str, str, str]


def rows_of(truth: Release) -> list[Row]:
    """Return every frame of a truth as a row; where it has no box the action is not visible."""
    clips = {clip.clip_id: clip for clip in truth.clips}
    phrases = {action.action_id: action.description for action in truth.actions}
    rows = []
    for frame in truth.frames:
        clip = clips[frame.clip_id]
        box = truth.boxes.get((frame.clip_id, frame.second))
        x, y = (f"{box.centre.x:.4f}", f"{box.centre.y:.4f}") if box else ("", "")
        phrase = phrases[clip.action_id]
        rows.append((clip.video_id, frame.second, phrase, x, y, NOTES[box is not None]))
    return rows


def draw(
    rows: list[Row], taken: set[tuple[str, int]], wanted: dict[bool, int], rng: np.random.Generator
) -> list[Row]:
    """Return rows in a random order, so many with and without a point, as far as there are."""
    left = dict(wanted)
    drawn = []
    for reach in (1, 0):
        for index in rng.permutation(len(rows)):
            row = rows[index]
            near = {(row[0], row[1] + step) for step in range(-reach, reach + 1)}
            is_visible = row[3] != ""
            if left[is_visible] > 0 and not near & taken:
                left[is_visible] -= 1
                taken.add(row[:2])
                drawn.append(row)
    return drawn


def main() -> int:
    """Write the file as the command line says; see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("truth", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, required=True)
    parser.add_argument("--not-visible", type=int, required=True, help="how many of them")
    parser.add_argument("--but-not", type=Path, help="leave out the frames of this file")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    taken: set[tuple[str, int]] = set()
    if options.but_not:
        with options.but_not.open(encoding="utf-8", newline="") as file:
            taken = {(row["video_id"], int(row["second"])) for row in csv.DictReader(file)}
    wanted = {True: options.frames - options.not_visible, False: options.not_visible}
    rng = np.random.default_rng(options.seed)
    drawn = draw(rows_of(read_release(options.truth)), taken, wanted, rng)
    with options.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(sorted(drawn))
    n_visible = sum(row[3] != "" for row in drawn)
    print(json.dumps({"visible": n_visible, "not_visible": len(drawn) - n_visible}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
