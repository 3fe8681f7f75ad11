"""What a killed run leaves beside its target: cleared up by the next, never under a living one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dataset_builder import tables, unfinished
from dataset_builder.errors import OutputError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")

RUN = """
import pathlib, sys
from dataset_builder import tables
out = pathlib.Path(sys.argv[2])

def stop(*args):
    print("ready", flush=True)
    sys.stdin.read()

if sys.argv[1] == "file":
    with tables.replaced_file(out) as temporary:
        temporary.write_text("half a file")
        stop()
elif sys.argv[1] == "folder":
    with tables.fresh_folder(out, force=True) as folder:
        (folder / "a.txt").write_text("half")
        (folder / "b.txt").write_text("half")
        stop()
else:
    with tables.fresh_folder(out, force=True) as folder:
        (folder / "a.txt").write_text("new")
        if sys.argv[1] == "between":
            rename = tables.Path.rename
            tables.Path.rename = lambda old, new: stop() if new == out else rename(old, new)
        else:
            tables.shutil.rmtree = stop
"""


@pytest.fixture
def start() -> Iterator[Callable[[str, Path], subprocess.Popen[str]]]:
    """Start a run that stops half way; it is killed at the end."""
    runs = []

    def started(where: str, out: Path) -> subprocess.Popen[str]:
        run = subprocess.Popen(
            [sys.executable, "-c", RUN, where, str(out)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        runs.append(run)
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
        return run

    yield started
    for run in runs:
        run.kill()
        run.communicate()


def kill(run: subprocess.Popen[str]) -> None:
    run.kill()
    run.wait()


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def write_new(out: Path, *, force: bool = True) -> None:
    with tables.fresh_folder(out, force=force) as folder:
        (folder / "a.txt").write_text("newer")


def test_a_file_of_a_killed_run_is_cleared_up_by_the_next_and_a_living_one_goes_on(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    out = tmp_path / "f.txt"
    living = start("file", out)
    with tables.replaced_file(out) as temporary:
        temporary.write_text("whole")
    assert names(tmp_path) == [".f.txt.0.unfinished", "f.txt"]
    kill(living)
    with tables.replaced_file(out) as temporary:
        assert temporary.read_text() == ""
        temporary.write_text("new")
    assert names(tmp_path) == ["f.txt"]
    assert out.read_text() == "new"


def test_a_folder_of_a_killed_run_is_cleared_up_by_the_next_and_a_living_one_goes_on(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    out, left = tmp_path / "out", tmp_path / ".out.0.unfinished"
    living = start("folder", out)
    write_new(out)
    assert names(left) == ["a.txt", "b.txt"]
    kill(living)
    write_new(out)
    assert names(tmp_path) == ["out", "out/a.txt"]
    assert (out / "a.txt").read_text() == "newer"


def test_a_folder_that_a_killed_run_had_set_aside_is_put_back(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.txt").write_text("old")
    kill(start("between", out))
    assert not out.exists()
    with pytest.raises(OutputError, match="exists already"):
        write_new(out, force=False)
    assert names(tmp_path) == ["out", "out/a.txt"]
    assert (out / "a.txt").read_text() == "old"


def test_a_folder_that_was_replaced_before_the_kill_is_removed(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.txt").write_text("old")
    kill(start("after", out))
    assert (out / "a.txt").read_text() == "new"
    assert names(tmp_path) == [
        ".out.0.unfinished.old",
        ".out.0.unfinished.old/a.txt",
        "out",
        "out/a.txt",
    ]
    write_new(out)
    assert names(tmp_path) == ["out", "out/a.txt"]


def test_without_locks_nothing_is_taken_for_left_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unfinished, "fcntl", None)
    (tmp_path / ".out.0.unfinished").mkdir()
    (tmp_path / ".f.txt.0.unfinished").touch()
    write_new(tmp_path / "out")
    with tables.replaced_file(tmp_path / "f.txt") as temporary:
        temporary.write_text("new")
    assert names(tmp_path) == [
        ".f.txt.0.unfinished",
        ".out.0.unfinished",
        "f.txt",
        "out",
        "out/a.txt",
    ]
