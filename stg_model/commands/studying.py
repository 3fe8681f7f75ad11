"""The command that studies what each part of the method does."""

from __future__ import annotations

from pathlib import Path

import click

from stg_model.commands.options import PATH, SETTINGS_CHANGES


@click.command()
@click.argument("out", type=PATH)
@click.option("--config", type=PATH, help="The study as TOML; see docs/study.md.")
@click.option("--seeds", type=int, help="Model seeds, instead of the file's.")
@click.option("--worlds", type=int, help="Worlds, instead of the file's.")
@click.option("--steps", type=int, help="Training steps, instead of the model's.")
@click.option(
    "--table",
    "tables",
    multiple=True,
    type=click.Choice(["baselines", "selection", "losses", "attention"]),
    help="Only this table; may be repeated.",
)
@SETTINGS_CHANGES
@click.option(
    "--processes", type=click.IntRange(min=1), default=1, show_default=True, help="Runs at once."
)
@click.option("--estimate", is_flag=True, help="Only say how long the rest will take.")
def study(
    *,
    out: Path,
    config: Path | None,
    seeds: int | None,
    worlds: int | None,
    steps: int | None,
    tables: tuple[str, ...],
    changes: tuple[str, ...],
    processes: int,
    estimate: bool,
) -> None:
    """Train variants of the model on rendered worlds and write their tables into the folder OUT.

    A study that was cut goes on when the same command is given again.
    """
    from stg_model.study import conduct, writing
    from stg_model.study.settings import load_study

    plan = [f"model_seeds={seeds}"] if seeds is not None else []
    plan += [f"world_seeds={worlds}"] if worlds is not None else []
    plan += [f"tables={list(tables)}"] if tables else []
    short = [f"training.steps={steps}"] if steps is not None else []
    asked = load_study(config, plan, [*changes, *short])
    if estimate:
        click.echo(conduct.outlook(asked, out))
        return
    results = conduct.conduct(asked, out, processes)
    for path in writing.write_study(asked, results, out):
        click.echo(path)
    whole = load_study(config, (), changes)
    if whole != asked:
        click.echo(f"the whole study: {conduct.outlook(whole, out)}", err=True)


COMMANDS = (study,)
