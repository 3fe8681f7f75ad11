"""What several commands take."""

from __future__ import annotations

import re
from pathlib import Path

import click

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW = click.Path(path_type=Path)


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
