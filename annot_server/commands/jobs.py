"""The command that does long work: `work`."""

from __future__ import annotations

import click

from annot_server.commands.options import ready
from annot_server.config import Home


@click.command()
@click.option("--until-idle", is_flag=True, help="Stop when nothing is left to do.")
@click.pass_obj
def work(home: Home, *, until_idle: bool) -> None:
    """Do the long work that pages ask for; `run` starts a worker by itself."""
    from annot_server.worker import work as run_worker  # noqa: PLC0415 - brings numpy's report

    this = ready(home)
    try:
        n = run_worker(this, should_stop=lambda: False, until_idle=until_idle)
    except KeyboardInterrupt:
        return
    finally:
        this.database.close()
    click.echo(f"{n} jobs done")
