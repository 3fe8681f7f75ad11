"""The `stg-model` command line: parse, one library call, echo.

Everything heavy is imported inside the command that needs it, so that `evaluate` runs where there
is no torch.
"""

from __future__ import annotations

import click

from dataset_builder import console
from stg_model.commands import baselines, extracting, grounding, learning, scoring, studying, worlds
from stg_model.errors import ModelError


@click.group(cls=console.commands(ModelError))
@click.option("--verbose", is_flag=True, help="More log lines on stderr.")
def main(*, verbose: bool) -> None:
    """Learn from narrated video what happens when and where, and score any system that says so."""
    console.log_to_stderr(verbose=verbose)


for module in (worlds, extracting, learning, grounding, baselines, scoring, studying):
    for command in module.COMMANDS:
        main.add_command(command)
