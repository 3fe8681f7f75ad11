"""Ways to falsify a release folder, for the tests of what finds them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq

from dataset_builder import snapshot as snapshots
from dataset_builder import tables
from dataset_builder.release import ANNOTATORS, BOXES, FRAMES, TUBES, table_contents
from dataset_builder.verify import verify_release

SCHEMAS = {
    "videos": snapshots.VIDEOS,
    "actions": snapshots.ACTIONS,
    "clips": snapshots.CLIPS,
    "frames": FRAMES,
    "answers": snapshots.ANSWERS,
    "annotators": ANNOTATORS,
    "boxes": BOXES,
    "tubes": TUBES,
}
Rows = list[dict]


def change_rows(folder: Path, table: str, change: Callable[[Rows], None]) -> None:
    """Change a table's rows in place, and write all digests as if nothing had happened."""
    path = folder / f"data/{table}.parquet"
    rows = pq.read_table(path).to_pylist()
    change(rows)
    tables.write_rows(path, SCHEMAS[table], rows)
    manifest = tables.read_json(folder / "manifest.json")
    manifest["tables"] = table_contents(folder)
    (folder / "manifest.json").write_text(tables.canonical_json(manifest))
    tables.write_sums(folder)


def change_file(folder: Path, name: str, change: Callable[[str], str]) -> None:
    path = folder / name
    path.write_text(change(path.read_text()))
    tables.write_sums(folder)


def codes(folder: Path) -> set[str]:
    return {finding.code for finding in verify_release(folder).findings}


def kept(rows: Rows) -> dict:
    return next(row for row in rows if row["kept"])


def put(**values):
    """Return a change of the first row (of frames: the first kept one)."""

    def change(rows: Rows) -> None:
        row = kept(rows) if "kept" in rows[0] else rows[0]
        row.update(values)

    return change


def move_click(rows: Rows) -> None:
    row = next(row for row in rows if row["kind"] == "point")
    row["x"] = round(1 - row["x"], 6)


def move_every_click(rows: Rows) -> None:
    for row in rows:
        if row["kind"] == "point":
            row["x"] = round(1 - row["x"], 6)


def answer_again(rows: Rows) -> None:
    rows.append(dict(rows[0]))


def crowd_a_frame(rows: Rows) -> None:
    rows.extend([dict(rows[0], annotator_id=f"more{n}") for n in range(5)])


def add_a_box_beside(rows: Rows) -> None:
    rows.append(dict(rows[0], rule="guessed", is_main=False))


def drop_a_box_beside(rows: Rows) -> None:
    rows.remove(next(row for row in rows if not row["is_main"]))


def forget_what_was_filled(rows: Rows) -> None:
    next(row for row in rows if row["filled_seconds"])["filled_seconds"] = []


def show_a_hint(rows: Rows) -> None:
    for row in rows:
        row["prelabel_shown"] = True


def drop_first(rows: Rows) -> None:
    del rows[0]


def repeat_first(rows: Rows) -> None:
    rows.append(dict(rows[0]))


def shift_tube(rows: Rows) -> None:
    rows[0]["boxes"][0][0] /= 2


def repeat_tube_second(rows: Rows) -> None:
    for name in ("seconds", "boxes"):
        rows[0][name].append(rows[0][name][-1])


def box_where_none_is(rows: Rows) -> None:
    rows[0]["second"] += 1000


def blind_grid(manifest: str) -> str:
    """Return a manifest whose settings are each possible, but no cell sees a click."""
    finer = manifest.replace('"sigma": 0.03', '"sigma": 0.001')
    return re.sub('"grid_(rows|cols)": [0-9]+', r'"grid_\1": 10', finer)
