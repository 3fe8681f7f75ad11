"""What the three command lines share: one clear line for our errors, a progress bar on stderr.

Lines that appear while a bar runs are written above it (`echo`, log lines).
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import click
from tqdm import tqdm

from dataset_builder.errors import DatasetError

T = TypeVar("T")


class Commands(click.Group):
    """A click group that turns our own errors into one line and exit code 1, never a traceback.

    So it does with the operating system's where a file is to blame (no permission, disk full).
    `errors` is the base class (or classes) of the package's own errors; `DatasetError` is always
    among them, since the ground floor raises it below every package.
    """

    errors: tuple[type[Exception], ...] = (DatasetError,)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command; see the class."""
        try:
            return super().invoke(ctx)
        except self.errors as error:
            raise click.ClickException(str(error)) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            if error.filename is None:
                raise
            raise click.ClickException(f"{error.filename}: {error.strerror}") from error


def commands(*errors: type[Exception]) -> type[Commands]:
    """Return a group class that also reports these errors."""
    return type("Commands", (Commands,), {"errors": (DatasetError, *errors)})


def log_to_stderr(*, verbose: bool) -> None:
    """Send log lines to stderr: INFO and up, DEBUG when verbose."""
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(
        level=level, format="%(levelname)s %(name)s: %(message)s", handlers=[_StderrHandler()]
    )


def progress(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield the items while a bar on stderr shows how far it is; no bar where nobody watches."""
    yield from tqdm(
        items, desc=what, total=total, unit="", leave=False, dynamic_ncols=True, disable=None
    )


def echo(text: str, *, err: bool = False) -> None:
    """Print a line to stdout (or stderr) without breaking a running bar."""
    tqdm.write(text, file=sys.stderr if err else sys.stdout)


class _StderrHandler(logging.Handler):
    """Writes above a running bar, to whatever stderr is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        echo(self.format(record), err=True)
