"""What several commands take."""

from __future__ import annotations

from pathlib import Path

import click

from dataset_builder.errors import OutputError

PATH = click.Path(path_type=Path)
SETTINGS_FILE = click.option("--config", type=PATH, help="Settings as TOML sections.")
SETTINGS_CHANGES = click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Change one setting; may be repeated.",
)
FEATURES = click.option(
    "--features",
    type=PATH,
    help="Store of extract-features to read from and add to.",
)


def refuse_existing(output: Path, *, force: bool) -> None:
    """Refuse an output that is there already, unless the user says `--force`."""
    if output.exists() and not force:
        raise OutputError(f"{output}: exists already; choose another place or pass --force")
