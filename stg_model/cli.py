"""The `stg-model` command line: parse, one library call, echo.

Everything heavy is imported inside the command that needs it, so that `evaluate` runs where there
is no torch.
"""

from __future__ import annotations

import re
from typing import Any

import click

from dataset_builder import console
from stg_model.commands import baselines, extracting, grounding, learning, scoring, studying, worlds
from stg_model.errors import ModelError

NO_MEMORY = "allocate memory|out of memory"


class _Commands(console.commands(ModelError)):  # type: ignore[misc]
    """Also says in one line that memory was too small, which no limit of a setting can foresee."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command; see the class."""
        try:
            return super().invoke(ctx)
        except (MemoryError, RuntimeError) as error:  # torch's allocators raise the latter
            said = str(error)
            if not isinstance(error, MemoryError) and not re.search(NO_MEMORY, said):
                raise
            raise click.ClickException(
                f"not enough memory ({' '.join(said.split())[:120]}); lower what is large: "
                "training.batch, training.local_batch, training.window_s, inference.window_s, "
                "a size in [network]"
            ) from error


@click.group(cls=_Commands)
@click.option("--verbose", is_flag=True, help="More log lines on stderr.")
def main(*, verbose: bool) -> None:
    """Learn from narrated video what happens when and where, and score any system that says so."""
    console.log_to_stderr(verbose=verbose)


for module in (worlds, extracting, learning, grounding, baselines, scoring, studying):
    for command in module.COMMANDS:
        main.add_command(command)
