"""The command line `dataset-builder`: parse, call one function, print."""

from __future__ import annotations

import click

from dataset_builder.commands import (
    cutting,
    exporting,
    importing,
    making,
    official,
    reporting,
    splitting,
    studying,
)
from dataset_builder.console import commands, log_to_stderr


@click.group(cls=commands(), context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--verbose", is_flag=True, help="Log more to stderr.")
def main(*, verbose: bool) -> None:
    """Cut frames, build releases from snapshots, check them and look at them."""
    log_to_stderr(verbose=verbose)


for module in (cutting, importing, splitting, official, making, exporting, reporting, studying):
    for command in module.COMMANDS:
        main.add_command(command)

if __name__ == "__main__":
    main()
