from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.errors import InputError
from dataset_builder.geometry import Point
from dataset_builder.prelabels import Prelabel, Prelabels, read_prelabels, write_prelabels

HEADER = {"kind": "header", "format": "grounding-prelabels", "format_version": 1, "model": "m"}
PRELABEL = {"clip_id": "c", "second": 2, "point": [0.4, 0.6], "score": 0.8}

millionths = st.integers(0, 1_000_000).map(lambda n: n / 1e6)
prelabels = st.lists(
    st.builds(
        Prelabel,
        st.text(min_size=1),
        st.integers(0, 10**6),
        st.builds(Point, millionths, millionths),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    unique_by=lambda p: (p.clip_id, p.second),
    max_size=8,
)


@given(prelabels, st.randoms())
def test_prelabels_read_back_in_frame_order(
    tmp_path_factory: pytest.TempPathFactory, items: list[Prelabel], random: Any
) -> None:
    path = tmp_path_factory.mktemp("prelabels") / "p.jsonl"
    ordered = tuple(sorted(items, key=lambda p: (p.clip_id, p.second)))
    random.shuffle(items)
    write_prelabels(path, "tiny", "abc", iter(items))
    assert read_prelabels(path) == Prelabels("tiny", "abc", ordered)


def test_a_centre_is_rounded_to_a_millionth(tmp_path: Path) -> None:
    write_prelabels(tmp_path / "p.jsonl", "m", "", [Prelabel("c", 1, Point(1 / 3, 2 / 3), 1)])
    (item,) = read_prelabels(tmp_path / "p.jsonl").items
    assert item.point == Point(0.333333, 0.666667)


def write_lines(folder: Path, *records: Any) -> Path:
    path = folder / "p.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clip_id": None}, "field 'clip_id' must be str, got None"),
        ({"second": 1.7}, "field 'second' must be int, got 1.7"),
        ({"second": "2"}, "field 'second' must be int, got '2'"),
        ({"second": -2}, "second must be 0 or more, got -2"),
        ({"point": [0.4, 0.6, 0.1]}, "field 'point' must be a list of 2 numbers"),
        ({"point": ["0.4", 0.6]}, "point must be a finite number, got '0.4'"),
        ({"point": [0.4, 480]}, "point must satisfy .* y=480"),
        ({"score": None}, "score must be a finite number, got None"),
        ({"score": float("nan")}, "score must be a finite number, got nan"),
        ({}, "frame c/2 stands twice"),
    ],
)
def test_a_bad_prelabel_is_named_with_its_line(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = write_lines(tmp_path, HEADER, PRELABEL, PRELABEL | change)
    with pytest.raises(InputError, match=rf"p\.jsonl:3: {message}"):
        read_prelabels(path)


@pytest.mark.parametrize(
    "records",
    [[], [PRELABEL], [HEADER | {"format": "else"}], [HEADER | {"format_version": 2}]],
)
def test_a_file_without_its_header_is_refused(records: list[Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"p\.jsonl:1: expected a header of grounding-prelabels"):
        read_prelabels(write_lines(tmp_path, *records))
