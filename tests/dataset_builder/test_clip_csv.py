from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dataset_builder.domain import Action, Clip, Segment
from dataset_builder.errors import InputError
from dataset_builder.importers.clip_csv import (
    ClipRow,
    ClipTable,
    action_of,
    clip_of,
    read_clip_csv,
)

HEADER = "video_id,start_s,end_s,action\n"
GOOD = "v1,1,3.5,Crack egg\n"
EGG = ClipRow(2, "v1", Segment(1, 3.5), "Crack egg")


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., ClipTable]:
    def write_and_read(text: str, encoding: str = "utf-8") -> ClipTable:
        path = tmp_path / "clips.csv"
        path.write_bytes(text.encode(encoding))
        return read_clip_csv(path)

    return write_and_read


def test_a_row_becomes_a_clip_and_its_action(read: Callable[..., ClipTable]) -> None:
    table = read(HEADER + GOOD)
    assert table == ClipTable((EGG,), ())
    assert action_of(EGG) == Action("crack-egg", "Crack egg")
    assert clip_of(EGG, "train", False) == Clip(
        "v1_1000-3500_crack-egg", "v1", "crack-egg", Segment(1, 3.5), "train", False
    )


def test_a_spreadsheet_file_reads_the_same(read: Callable[..., ClipTable]) -> None:
    """Byte order mark, CRLF, blank lines, spaces, further columns in another order."""
    text = "action, note ,end_s,video_id,start_s\r\n\r\n Crack egg ,x,3.5, v1 ,1\r\n"
    table = read(text.replace(" note ", "note"), "utf-8-sig")
    assert table == ClipTable((ClipRow(3, "v1", Segment(1, 3.5), "Crack egg"),), ())


def test_a_quoted_comma_stays_in_the_action(read: Callable[..., ClipTable]) -> None:
    (row,) = read(HEADER + 'v1,1,2,"cut, then stir"\n').rows
    assert row.description == "cut, then stir"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("v1,one,2,a", "start_s must be a number of seconds, got 'one'"),
        ("v1,1,nan,a", "segment must satisfy 0 <= start_s < end_s, got 1.0..nan"),
        ("v1,1,inf,a", "segment must satisfy 0 <= start_s < end_s, got 1.0..inf"),
        ("v1,3,3,a", "segment must satisfy 0 <= start_s < end_s, got 3.0..3.0"),
        ("v1,-1,3,a", "segment must satisfy 0 <= start_s < end_s, got -1.0..3.0"),
        ("v/1,1,2,a", "video_id 'v/1' must be 1-128 letters"),
        (",1,2,a", "video_id is empty; fill it in"),
        ("v1,1,2,???", "action '???' has no letter or digit; give it a phrase"),
        ("v1,1,2", "action is empty; fill it in"),
        ("v1,1,2,a,b", "has more fields than the header, ['b']"),
        ("v1,1,3.5,crack  EGG", "the same clip as line 2; delete one"),
    ],
)
def test_a_bad_row_is_named_and_the_rest_goes_in(
    line: str, problem: str, read: Callable[..., ClipTable]
) -> None:
    table = read(HEADER + GOOD + line + "\nv2,0,1,Pour milk\n")
    assert [row.line for row in table.rows] == [2, 4]
    (found,) = table.problems
    assert f"clips.csv:3: {problem}" in found


def test_rows_swallowed_by_a_quote_are_reported_not_taken(read: Callable[..., ClipTable]) -> None:
    table = read(HEADER + GOOD + 'v2,0,1,"Pour\nv3,0,1,milk"\n')
    assert table.rows == (EGG,)
    (found,) = table.problems
    assert "clips.csv:4: action spans lines" in found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "clips.csv:1: the header lacks video_id, start_s, end_s, action"),
        ("video_id,start,end_s,action\n", "clips.csv:1: the header lacks start_s"),
        (HEADER + 'v1,1,2,"open\nv2,1,2,b\n', r"clips.csv:2: is no CSV from here on"),
    ],
)
def test_a_file_that_is_no_table_of_clips_is_refused(
    text: str, problem: str, read: Callable[..., ClipTable]
) -> None:
    with pytest.raises(InputError, match=problem):
        read(text)


def test_another_encoding_is_refused(read: Callable[..., ClipTable]) -> None:
    with pytest.raises(InputError, match=r"clips\.csv: is not UTF-8 text"):
        read(HEADER + "v1,1,2,sauté\n", "latin-1")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv: cannot be opened"):
        read_clip_csv(tmp_path / "none.csv")
