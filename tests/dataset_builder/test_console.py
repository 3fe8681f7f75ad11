from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from dataset_builder import console
from dataset_builder.errors import VideoError


class OtherError(Exception):
    """Another package's own error."""


@pytest.fixture
def program() -> click.Group:
    """Return a program that raises what it is told to."""

    @click.group(cls=console.commands(OtherError))
    def main() -> None:
        pass

    @main.command()
    @click.argument("kind", type=click.Choice(["ours", "other", "bug"]))
    def fail(kind: str) -> None:
        raise {"ours": VideoError, "other": OtherError, "bug": ZeroDivisionError}[kind]("v: why")

    return main


@pytest.mark.parametrize("kind", ["ours", "other"])
def test_an_error_of_ours_is_one_line_and_exit_code_1(program: click.Group, kind: str) -> None:
    result = CliRunner().invoke(program, ["fail", kind])
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Error: v: why\n")


def test_a_file_that_cannot_be_written_is_one_line_too() -> None:
    @click.group(cls=console.commands())
    def main() -> None:
        pass

    @main.command()
    def write() -> None:
        raise PermissionError(13, "Permission denied", "/some/place")

    result = CliRunner().invoke(main, ["write"])
    assert (result.exit_code, result.stderr) == (1, "Error: /some/place: Permission denied\n")


def test_a_bug_keeps_its_traceback(program: click.Group) -> None:
    assert isinstance(CliRunner().invoke(program, ["fail", "bug"]).exception, ZeroDivisionError)


def test_wrong_usage_is_exit_code_2(program: click.Group) -> None:
    assert CliRunner().invoke(program, ["fail", "no such kind"]).exit_code == 2


def test_progress_yields_every_item_and_shows_no_bar_where_nobody_watches(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert list(console.progress(iter("abc"), "letters", total=3)) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_lines_go_where_they_belong(capsys: pytest.CaptureFixture[str]) -> None:
    console.echo("result")
    console.echo("complaint", err=True)
    assert capsys.readouterr() == ("result\n", "complaint\n")


@contextlib.contextmanager
def bare_root_logger() -> Iterator[None]:
    """Take the test runner's handlers off the root logger for a while."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


@pytest.mark.parametrize(("verbose", "shown"), [(False, ["INFO"]), (True, ["INFO", "DEBUG"])])
def test_log_lines_go_to_stderr(
    verbose: bool, shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with bare_root_logger():
        console.log_to_stderr(verbose=verbose)
        for level in (logging.INFO, logging.DEBUG):
            logging.getLogger("part").log(level, "%s frames", 3)
    expected = "".join(f"{level} part: 3 frames\n" for level in shown)
    assert capsys.readouterr() == ("", expected)
