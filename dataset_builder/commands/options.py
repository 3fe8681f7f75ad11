"""What several commands take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import click

from dataset_builder.errors import OutputError
from dataset_builder.tables import SUMS_NAME


class _NewPath(click.Path):
    """A place to write to, outside every snapshot and release: their sums list all they hold."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path.

        Raises:
            OutputError: it lies inside a folder that has `SHA256SUMS`.
        """
        path = cast(Path, super().convert(value, param, ctx))
        for folder in path.resolve().parents:
            if (folder / SUMS_NAME).is_file():
                raise OutputError(
                    f"{path}: lies inside {folder}, whose {SUMS_NAME} lists all that belongs "
                    "there; choose another place"
                )
        return path


def refuse_input(out: Path, *inputs: Path | None) -> None:
    """Refuse to replace what is read, even with --force.

    Raises:
        OutputError: `out` is one of the inputs.
    """
    if out.resolve() in [path.resolve() for path in inputs if path]:
        raise OutputError(f"{out}: is what is read here; choose another place")


FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW = _NewPath(path_type=Path)
NEW_FOLDER = _NewPath(file_okay=False, path_type=Path)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def shard_of(ctx: click.Context | None, param: click.Parameter | None, value: str) -> slice:
    """Return `2/8` as a slice that takes the second of every eight items, in their order.

    >>> "abcdefgh"[shard_of(None, None, "2/3")]
    'beh'
    """
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", value)
    index, count = (int(number) for number in match.groups()) if match else (0, 0)
    if not 1 <= index <= count:
        raise click.BadParameter(
            f"{value!r} must look like 2/8: part 2 of 8, counted from 1", ctx, param
        )
    return slice(index - 1, None, count)


PROCESSES = click.option(
    "--processes", default=1, show_default=True, help="Local processes that share the work."
)
SCHEDULER = click.option(
    "--scheduler",
    default="",
    metavar="ADDRESS",
    help="Dask scheduler whose workers do the work, such as tcp://10.0.0.1:8786.",
)
SHARD = click.option(
    "--shard",
    default="1/1",
    callback=shard_of,
    metavar="I/N",
    help="Do every Nth video, from the Ith: one of N runs under a batch system.",
)
