"""What the commands share: kinds of arguments, opening the server, printing named values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from annot_server.config import Home
from annot_server.migration import check_version
from annot_server.server import Server, open_server

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW = click.Path(path_type=Path)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def ready(home: Home) -> Server:
    """Open the server's parts until the command ends; the database must have this schema."""
    this = open_server(home)
    click.get_current_context().call_on_close(this.database.close)
    check_version(this.database.engine)
    return this


def show(values: dict[str, Any], *, as_json: bool) -> None:
    """Print named values, for people or for machines."""
    if as_json:
        click.echo(json.dumps(values))
        return
    width = max(map(len, values))
    for name, value in values.items():
        click.echo(f"{name.replace('_', ' '):<{width}}  {value}")
