from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.errors import InputError
from dataset_builder.geometry import Box, Point
from dataset_builder.predictions import (
    PointPrediction,
    Predictions,
    SecondPrediction,
    System,
    read_predictions,
    write_predictions,
)

HEADER = {
    "kind": "header",
    "format": "grounding-predictions",
    "format_version": 1,
    "system": {"name": "test"},
}
SECOND = {"kind": "second", "video_id": "v", "second": 1, "action_id": "a", "scores": {"a": 0.5}}
POINT = {"kind": "point", "video_id": "v", "second": 1, "action_id": "a", "point": [0.4, 0.6]}

millionths = st.integers(0, 1_000_000)
pair = st.lists(millionths, min_size=2, max_size=2, unique=True).map(sorted)
points = st.builds(lambda x, y: Point(x / 1e6, y / 1e6), millionths, millionths)
boxes = st.builds(lambda x, y: Box(x[0] / 1e6, y[0] / 1e6, x[1] / 1e6, y[1] / 1e6), pair, pair)
scores = st.floats(allow_nan=False, allow_infinity=False)
seconds = st.lists(
    st.builds(
        SecondPrediction,
        st.text(min_size=1),
        st.integers(0, 10**6),
        st.none() | st.text(),
        st.dictionaries(st.text(), scores, max_size=4),
        st.none() | scores,
    ),
    unique_by=lambda s: (s.video_id, s.second),
    max_size=8,
)
found_points = st.lists(
    st.builds(
        PointPrediction,
        st.text(min_size=1),
        st.integers(0, 10**6),
        st.text(),
        points,
        st.none() | boxes,
        st.none() | scores,
    ),
    unique_by=lambda p: (p.video_id, p.second, p.action_id),
    max_size=8,
)


@given(seconds, found_points, st.randoms())
def test_predictions_read_back_whatever_their_order(
    tmp_path_factory: pytest.TempPathFactory,
    seconds: list[SecondPrediction],
    found: list[PointPrediction],
    random: Any,
) -> None:
    folder = tmp_path_factory.mktemp("predictions")
    system = System("mine", backbone="tiny", checkpoint_digest="ab")
    write_predictions(folder / "one.jsonl", system, seconds, found)
    random.shuffle(seconds)
    random.shuffle(found)
    write_predictions(folder / "two.jsonl", system, iter(seconds), iter(found))
    assert (folder / "one.jsonl").read_bytes() == (folder / "two.jsonl").read_bytes()
    assert read_predictions(folder / "one.jsonl") == Predictions(
        system,
        {(s.video_id, s.second): s for s in seconds},
        {(p.video_id, p.second, p.action_id): p for p in found},
    )


def test_coordinates_are_rounded_to_a_millionth(tmp_path: Path) -> None:
    place = PointPrediction("v", 1, "a", Point(1 / 3, 2 / 3), Box(0.1, 0.1, 1 / 3, 2 / 3))
    write_predictions(tmp_path / "p.jsonl", System("s"), points=[place])
    (read,) = read_predictions(tmp_path / "p.jsonl").points.values()
    assert (read.point, read.box) == (
        Point(0.333333, 0.666667),
        Box(0.1, 0.1, 0.333333, 0.666667),
    )


def test_a_score_that_is_no_number_is_not_written(tmp_path: Path) -> None:
    bad = SecondPrediction("v", 1, "a", {"a": float("nan")})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_predictions(tmp_path / "p.jsonl", System("s"), [bad])
    assert list(tmp_path.iterdir()) == []


def write_lines(folder: Path, *records: Any) -> Path:
    path = folder / "p.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (SECOND | {"kind": "else"}, "kind must be second, point or tube, got 'else'"),
        (SECOND | {"second": -1}, "second must be 0 or more, got -1"),
        (SECOND | {"second": 1.5}, "field 'second' must be int, got 1.5"),
        (SECOND | {"second": True}, "field 'second' must be int, got True"),
        (SECOND | {"video_id": None}, "field 'video_id' must be str, got None"),
        (SECOND | {"action_id": 3}, "action_id must be text or null, got 3"),
        (SECOND | {"scores": [1]}, r"field 'scores' must be dict, got \[1\]"),
        (SECOND | {"scores": {"a": "b"}}, "score of 'a' must be a finite number, got 'b'"),
        (SECOND | {"scores": {"a": float("nan")}}, "score of 'a' must be a finite number, got nan"),
        (SECOND | {"scores": {"a": 10**400}}, "score of 'a' must be a finite number, got 10000"),
        (SECOND | {"background": "x"}, "background must be a finite number, got 'x'"),
        (SECOND, "second record for v/1; each key stands once"),
        (POINT | {"point": [0.4]}, "field 'point' must be a list of 2 numbers"),
        (POINT | {"point": [0.4, None]}, "point must be a finite number, got None"),
        (POINT | {"point": [640, 0.5]}, "point must satisfy .* got x=640.0"),
        (POINT | {"box": [0, 0, 1]}, "field 'box' must be a list of 4 numbers"),
        (POINT | {"box": [0.5, 0, 0.5, 1]}, "box must satisfy"),
        (POINT | {"action_id": None}, "field 'action_id' must be str, got None"),
        (POINT | {"score": float("inf")}, "score must be a finite number, got inf"),
        (POINT | {"score": True}, "score must be a finite number, got True"),
        (POINT, "second record for v/1/a; each key stands once"),
    ],
)
def test_a_bad_record_is_named_with_its_line(
    record: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = write_lines(tmp_path, HEADER, SECOND, POINT, record)
    with pytest.raises(InputError, match=rf"p\.jsonl:4: {message}"):
        read_predictions(path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (SECOND, "expected a header line"),
        (HEADER | {"format": "else"}, "expected a header line"),
        (HEADER | {"format_version": 3}, "format_version must be 2"),
        (HEADER | {"system": {}}, "system needs a name"),
        (HEADER | {"system": {"name": "a", "colour": "red"}}, "system needs a name and may have"),
        (HEADER | {"system": "a"}, "system needs a name"),
    ],
)
def test_a_file_without_its_header_is_refused(
    header: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=rf"p\.jsonl:1: {message}"):
        read_predictions(write_lines(tmp_path, header, SECOND))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"p\.jsonl:1: expected a header line"):
        read_predictions(write_lines(tmp_path))
