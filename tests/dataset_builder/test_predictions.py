from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.errors import GeometryError, InputError
from dataset_builder.geometry import Box, Point
from dataset_builder.predictions import (
    HeatmapReference,
    PointPrediction,
    Predictions,
    SecondPrediction,
    System,
    TubePrediction,
    read_predictions,
    write_predictions,
)

HEADER = {
    "kind": "header",
    "format": "grounding-predictions",
    "format_version": 2,
    "system": {"name": "test"},
}
SECOND = {"kind": "second", "video_id": "v", "second": 1, "action_id": "a", "scores": {"a": 0.5}}
POINT = {"kind": "point", "video_id": "v", "second": 1, "action_id": "a", "point": [0.4, 0.6]}
TUBE = {
    "kind": "tube", "video_id": "v", "action_id": "a", "score": 1, "seconds": [1, 3],
    "boxes": [[0, 0, 1, 1], [0.1, 0.1, 0.2, 0.2]],
}  # fmt: skip

millionths = st.integers(0, 1_000_000)
pair = st.lists(millionths, min_size=2, max_size=2, unique=True).map(sorted)
points = st.builds(lambda x, y: Point(x / 1e6, y / 1e6), millionths, millionths)
boxes = st.builds(lambda x, y: Box(x[0] / 1e6, y[0] / 1e6, x[1] / 1e6, y[1] / 1e6), pair, pair)
scores = st.floats(-1e100, 1e100)
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
        st.none()
        | st.builds(
            HeatmapReference, st.sampled_from(["v.npy", "a/b é.npy"]), st.integers(0, 10**6)
        ),
    ),
    unique_by=lambda p: (p.video_id, p.second, p.action_id),
    max_size=8,
)
tubes = st.lists(
    st.builds(
        TubePrediction,
        st.text(min_size=1),
        st.text(),
        scores,
        st.dictionaries(st.integers(0, 10**6), boxes, min_size=1, max_size=4).map(
            lambda by_second: dict(sorted(by_second.items()))
        ),
        st.none() | st.text(),
    ),
    max_size=4,
).map(tuple)
side = st.integers(1, 10_000)
sizes = st.dictionaries(st.text(), st.tuples(side, side), max_size=3)
systems = st.builds(
    System, st.text(min_size=1), *[st.text()] * 6, pool=st.sampled_from(["", "video", "all"])
)


@given(st.tuples(systems, seconds, found_points, tubes, sizes))
def test_a_whole_file_reads_back(tmp_path_factory: pytest.TempPathFactory, parts: Any) -> None:
    system, seconds, found, tubes, sizes = parts
    path = tmp_path_factory.mktemp("predictions") / "p.jsonl"
    write_predictions(path, system, seconds, found, tubes, frame_sizes_px=sizes)
    read = read_predictions(path)
    assert read == Predictions(
        system,
        {(s.video_id, s.second): s for s in seconds},
        {(p.video_id, p.second, p.action_id): p for p in found},
        tubes,
        sizes,
    )
    assert read.folder == path.parent


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


def test_a_box_of_which_rounding_leaves_nothing_is_not_written(tmp_path: Path) -> None:
    thin = Box(0.1, 0.1, 0.1 + 1e-7, 0.9)
    tube = TubePrediction("v", "a", 1.0, {0: thin})
    with pytest.raises(GeometryError, match="box must satisfy"):
        write_predictions(tmp_path / "p.jsonl", System("s"), tubes=[tube])
    point = PointPrediction("v", 1, "a", Point(0.1, 0.5), thin)
    with pytest.raises(GeometryError, match="box must satisfy"):
        write_predictions(tmp_path / "p.jsonl", System("s"), points=[point])
    assert list(tmp_path.iterdir()) == []


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
        (SECOND | {"scores": {"a": 1e101}}, r"score of 'a' must lie within -1e\+100..1e\+100"),
        (SECOND | {"background": -1e308}, r"background must lie within .* got -1e\+308"),
        (SECOND | {"video_id": "\ud800"}, r"field 'video_id' holds half a surrogate pair"),
        (SECOND | {"scores": {"\udfff": 1}}, r"field 'name in scores' holds half .*udfff'"),
        (SECOND | {"background": "x"}, "background must be a finite number, got 'x'"),
        (SECOND, "second record for v/1; each key stands once"),
        (POINT | {"point": [0.4]}, "field 'point' must be a list of 2 numbers"),
        (POINT | {"point": [0.4, None]}, "point must be a finite number, got None"),
        (POINT | {"point": [640, 0.5]}, "point must satisfy .* got x=640.0"),
        (POINT | {"box": [0, 0, 1]}, "field 'box' must be a list of 4 numbers"),
        (POINT | {"box": [0.5, 0, 0.5, 1]}, "box must satisfy"),
        (POINT | {"box": [0, 0, 1e-200, 1]}, "sides of a box must be 1e-06 or more"),
        (POINT | {"box": [0.5, 0.1, 0.6, 0.1000005]}, "sides of a box must be 1e-06 or more"),
        (POINT | {"score": 1e308}, r"score must lie within"),
        (POINT | {"heatmap": {"file": "\ud800.npy", "index": 0}}, "field 'heatmap.file' holds"),
        (POINT | {"action_id": None}, "field 'action_id' must be str, got None"),
        (POINT | {"score": float("inf")}, "score must be a finite number, got inf"),
        (POINT | {"score": True}, "score must be a finite number, got True"),
        (POINT, "second record for v/1/a; each key stands once"),
        (POINT | {"heatmap": "v.npy"}, "heatmap must be an object with file and index"),
        (POINT | {"heatmap": {"file": "v.npy"}}, "field 'index' must be int, got None"),
        (POINT | {"heatmap": {"file": 1, "index": 0}}, "field 'file' must be str, got 1"),
        (POINT | {"heatmap": {"file": "v.npy", "index": -1}}, "heatmap index must be 0 or more"),
        (POINT | {"heatmap": {"file": "v.npz", "index": 0}}, "heatmap file must be a relative"),
        (POINT | {"heatmap": {"file": "/v.npy", "index": 0}}, "heatmap file must be a relative"),
        (POINT | {"heatmap": {"file": "a/../../v.npy", "index": 0}}, "heatmap file .* without"),
        (TUBE | {"score": None}, "score must be a finite number, got None"),
        (TUBE | {"score": 10**101}, r"score must lie within"),
        (TUBE | {"clip_id": "a\ud800"}, r"field 'clip_id' holds half a surrogate pair"),
        (TUBE | {"boxes": [[0, 0, 1, 1], [0, 0, 1, 1e-200]]}, "sides of a box must be 1e-06"),
        (TUBE | {"seconds": [1]}, "a tube needs one box for each .* got 1 seconds and 2 boxes"),
        (TUBE | {"seconds": [], "boxes": []}, "a tube needs one box .* got 0 seconds and 0"),
        (TUBE | {"seconds": [3, 3]}, r"a tube has one box a second, got seconds \[3, 3\]"),
        (TUBE | {"seconds": [1, 2.5]}, "field 'second' must be int, got 2.5"),
        (TUBE | {"seconds": 1}, "field 'seconds' must be list, got 1"),
        (TUBE | {"boxes": [[0, 0, 1, 1], [1, 1, 0, 0]]}, "box must satisfy"),
        (TUBE | {"boxes": [[0, 0, 1, 1], None]}, "field 'box' must be a list of 4 numbers"),
        (TUBE | {"action_id": None}, "field 'action_id' must be str, got None"),
        (TUBE | {"video_id": 7}, "field 'video_id' must be str, got 7"),
        (TUBE | {"clip_id": 7}, "clip_id must be text or null, got 7"),
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
        (HEADER | {"system": {"name": None}}, "system needs a name"),
        (HEADER | {"system": {"name": "a", "pool": "some"}}, "pool .* must be video or all"),
        (HEADER | {"system": {"name": "a\ud800"}}, "field 'system.name' holds half a surrogate"),
        (HEADER | {"frame_sizes_px": {"\ud800": [1, 1]}}, "field 'name in frame_sizes_px' holds"),
        (HEADER | {"frame_sizes_px": [640, 480]}, "frame_sizes_px must map a video_id to"),
        (HEADER | {"frame_sizes_px": {"v": [640]}}, "field 'v' must be a list of 2 numbers"),
        (HEADER | {"frame_sizes_px": {"v": [640, 0]}}, "frame_sizes_px of 'v' must be whole"),
        (HEADER | {"frame_sizes_px": {"v": [1.5, 640]}}, "frame_sizes_px of 'v' must be whole"),
        (HEADER | {"frame_sizes_px": {"v": [640, 1.5]}}, "frame_sizes_px of 'v' must be whole"),
    ],
)
def test_a_file_without_its_header_is_refused(
    header: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=rf"p\.jsonl:1: {message}"):
        read_predictions(write_lines(tmp_path, header, SECOND))


def test_a_header_may_leave_out_what_it_does_not_know(tmp_path: Path) -> None:
    system = {"name": "mine", "backbone": None, "input_size": 224}
    read = read_predictions(write_lines(tmp_path, HEADER | {"system": system}))
    assert read == Predictions(System("mine", backbone="", input_size="224"))


def test_the_first_version_is_read_as_well(tmp_path: Path) -> None:
    read = read_predictions(write_lines(tmp_path, HEADER | {"format_version": 1}, SECOND, POINT))
    assert (len(read.seconds), len(read.points), read.tubes) == (1, 1, ())


def test_the_seconds_of_a_tube_may_come_in_any_order(tmp_path: Path) -> None:
    backwards = TUBE | {"seconds": [3, 1], "boxes": TUBE["boxes"][::-1]}
    one, other = read_predictions(write_lines(tmp_path, HEADER, TUBE, backwards)).tubes
    assert one == other
    assert list(other.boxes) == [1, 3]


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"p\.jsonl:1: expected a header line"):
        read_predictions(write_lines(tmp_path))
