from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dataset_builder.errors import InputError
from dataset_builder.predicted_heatmaps import read_heatmaps, write_heatmaps
from dataset_builder.predictions import HeatmapReference

shapes = st.tuples(st.integers(0, 4), st.integers(1, 5), st.integers(1, 5))
stacks = st.one_of(
    shapes.flatmap(lambda s: hnp.arrays(np.float16, s, elements=st.floats(0, 1000, width=16))),
    shapes.flatmap(lambda s: hnp.arrays(np.float64, s, elements=st.floats(0, 1e300))),
    shapes.flatmap(lambda s: hnp.arrays(np.uint8, s)),
    shapes.flatmap(lambda s: hnp.arrays(np.bool_, s)),
)


@given(stacks)
def test_a_stack_reads_back_in_its_own_numbers(
    tmp_path_factory: pytest.TempPathFactory, stack: np.ndarray
) -> None:
    folder = tmp_path_factory.mktemp("heat")
    references = write_heatmaps(folder, "maps/v.npy", stack)
    assert references == [HeatmapReference("maps/v.npy", n) for n in range(len(stack))]
    found = list(read_heatmaps(folder, references))
    assert [reference for reference, _ in found] == references
    for (_, heat), written in zip(found, stack, strict=True):
        assert heat.dtype == np.float64
        np.testing.assert_array_equal(heat, written)
    assert np.load(folder / "maps/v.npy").dtype == stack.dtype


def test_heatmaps_come_once_each_by_file_and_index(tmp_path: Path) -> None:
    b, a = (write_heatmaps(tmp_path, f"{name}.npy", np.full((3, 2, 2), 1.0)) for name in "ba")
    wanted = [b[2], a[1], b[0], b[2]]
    assert [reference for reference, _ in read_heatmaps(tmp_path, wanted)] == [a[1], b[0], b[2]]


def test_only_the_heatmaps_that_are_asked_for_are_checked(tmp_path: Path) -> None:
    stack = np.ones((3, 2, 2))
    stack[1, 0, 1] = np.nan
    np.save(tmp_path / "v.npy", stack)
    found = dict(read_heatmaps(tmp_path, [HeatmapReference("v.npy", n) for n in (0, 2)]))
    assert len(found) == 2


@pytest.mark.parametrize(
    ("value", "message"), [(-1.0, "holds -1.0"), (np.nan, "holds nan"), (np.inf, "holds inf")]
)
def test_heat_below_zero_or_not_finite_is_named_with_its_place(
    tmp_path: Path, value: float, message: str
) -> None:
    stack = np.ones((3, 2, 4))
    stack[1, 0, 3] = value
    text = rf"v\.npy: heatmap 1 {message} at row 0, column 3"
    with pytest.raises(InputError, match=text):
        write_heatmaps(tmp_path, "v.npy", stack)
    assert not (tmp_path / "v.npy").exists()
    np.save(tmp_path / "v.npy", stack)
    with pytest.raises(InputError, match=text):
        list(read_heatmaps(tmp_path, [HeatmapReference("v.npy", 1)]))


def test_an_index_past_the_end_is_named(tmp_path: Path) -> None:
    write_heatmaps(tmp_path, "v.npy", np.ones((2, 3, 3)))
    with pytest.raises(InputError, match=r"v\.npy: holds 2 heatmaps \(from 0\), .* index 2"):
        list(read_heatmaps(tmp_path, [HeatmapReference("v.npy", 2)]))


@pytest.mark.parametrize(
    "stack",
    [np.ones((3, 3)), np.ones((1, 0, 3)), np.ones((1, 2, 3), complex), np.full((1, 1, 1), "a")],
)
def test_what_is_no_stack_of_real_numbers_is_refused(tmp_path: Path, stack: np.ndarray) -> None:
    np.save(tmp_path / "v.npy", stack)
    for refused in (
        lambda: write_heatmaps(tmp_path, "w.npy", stack),
        lambda: list(read_heatmaps(tmp_path, [HeatmapReference("v.npy", 0)])),
    ):
        with pytest.raises(InputError, match=r"real numbers of shape \(n, rows, columns\), got"):
            refused()


def bytes_of(save: Any, *args: Any, **kwargs: Any) -> bytes:
    out = io.BytesIO()
    save(out, *args, **kwargs)
    return out.getvalue()


STACK = bytes_of(np.save, np.ones((9, 9, 9)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is no \.npy file of numbers"),
        (b"\x93NUMPY nonsense", r"is no \.npy file of numbers"),
        (STACK.replace(b"(9", b"((9"), r"is no \.npy file of numbers"),
        (STACK[:500], r"is no \.npy file of numbers"),
        (bytes_of(np.save, np.array([{}]), allow_pickle=True), r"is no \.npy file of numbers"),
        (bytes_of(np.savez, heat=np.ones((1, 2, 2))), r"is an \.npz archive"),
        (None, "cannot be read .No such file"),
    ],
    ids=["empty", "nonsense", "broken header", "cut off", "objects", "archive", "missing"],
)
def test_a_file_that_is_no_stack_is_one_clear_line(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "v.npy").write_bytes(content)
    with pytest.raises(InputError, match=rf"v\.npy: (heatmaps )?{message}") as caught:
        list(read_heatmaps(tmp_path, [HeatmapReference("v.npy", 0)]))
    assert "\n" not in str(caught.value)


def test_a_folder_in_the_place_of_a_stack_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "v.npy").mkdir()
    with pytest.raises(InputError, match=r"v\.npy: heatmaps cannot be read \(Is a directory\)"):
        list(read_heatmaps(tmp_path, [HeatmapReference("v.npy", 0)]))
