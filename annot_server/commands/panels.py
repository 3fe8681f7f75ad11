"""Commands about crowd panels."""

from __future__ import annotations

from pathlib import Path

import click

from annot_server.commands.options import AS_JSON, FILE, ready, show
from annot_server.config import Home
from annot_server.errors import ConfigError
from annot_server.forgetting import SECRET_OF_TRACES
from annot_server.panel_status import take_statuses
from annot_server.providers import PANELS, find_panel
from annot_server.server import utc_now


@click.command()
@click.argument("file", type=FILE)
@click.option("--panel", type=click.Choice(tuple(PANELS)), help="The settings' panel if absent.")
@AS_JSON
@click.pass_obj
def panel_status(home: Home, *, file: Path, panel: str | None, as_json: bool) -> None:
    """Take the statuses of a panel's exported FILE.csv; abandoned work goes to others at once.

    Who came with a submission that is not in FILE is named: it may be made up, or of another study.
    `set-aside NAME` lets their answers count no more.
    """
    this = ready(home)
    found = find_panel(panel or this.config.panel)
    if found is None:
        raise ConfigError("no panel is set; name it with --panel, or set `panel` in config.toml")
    traces = home.key(SECRET_OF_TRACES)
    report = take_statuses(this.database, file, found, traces=traces, now=utc_now())
    for name in report.not_in_table:
        click.echo(f"{name} came with a submission that {file} does not have", err=True)
    for problem in report.problems:
        click.echo(problem, err=True)
    show(
        {
            "ended": report.ended,
            "as_before": report.as_before,
            "going_on": report.going_on,
            "unknown": report.unknown,
            "not_in_table": len(report.not_in_table),
            "problems": len(report.problems),
        },
        as_json=as_json,
    )
    if report.problems:
        raise click.exceptions.Exit(1)
