"""How long the server takes for each maintainers' page on a project of GroundingYouTube's size.

A project with 27,000 frames and about 135,000 answers is generated straight into a database; every
page is asked for in this process, without a network: `first` is the first request of a fresh
application (templates are compiled then), `median` and `worst` are of the repeats, `CPU` is the
median of this process's own work: on a busy machine the others say little. The bar is 200 ms.

    python benchmarks/pages.py [--database-url URL] [--repeats N] [--json]
    python benchmarks/pages.py --keep HOME       # only make the project, to look at
"""

from __future__ import annotations

import json
import re
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
from flask import Flask
from flask.testing import FlaskClient
from generated_clips import Size
from generated_project import fill
from sqlalchemy import func, select

from annot_server.app import app_of
from annot_server.audit import audit
from annot_server.config import Config, Home
from annot_server.invitations import invite
from annot_server.migration import upgrade
from annot_server.models import Answer, Frame
from annot_server.server import Server, open_server

BAR_MS = 200
PATH = click.Path(path_type=Path)


@dataclass(frozen=True)
class Outcome:
    """What one page took, in milliseconds, and how large it is."""

    path: str
    first_ms: float
    median_ms: float
    worst_ms: float
    cpu_ms: float
    kilobytes: float


def prepare(folder: Path, database_url: str | None, size: Size) -> Server:
    """Make a home and fill it; the database is expected to be empty."""
    home = Home(folder)
    home.create(Config(database_url=database_url) if database_url else Config())
    server = open_server(home)
    upgrade(server.database.engine)
    fill(server, size)
    with server.database.read() as session:
        found = audit(session)
    if not found.is_clean:
        raise SystemExit(f"the generated project breaks promises: {found}")
    return server


def sign_in(app: Flask, server: Server) -> FlaskClient:
    """Return a client that is signed in as the generated maintainer."""
    token = server.database.write(
        lambda session: invite(session, name="Mia", role="maintainer", now=server.now())
    )
    client = app.test_client()
    client.post(f"/join/{token}")
    return client


def pages(server: Server) -> list[str]:
    """Return the address of every page, with arguments that make work for it."""
    with server.database.read() as session:
        longest = session.execute(
            select(Frame.clip_id, func.min(Frame.second))
            .where(Frame.n_clicks > 3)
            .group_by(Frame.clip_id)
            .order_by(func.count().desc(), Frame.clip_id)
        ).first()
    assert longest is not None
    frame = f"/review/clips/{longest[0]}/{longest[1]}"
    return [
        "/maintain",
        "/maintain?by=video&sort=-answers",
        "/maintain/pace",
        "/maintain/people",
        "/maintain/people?sort=-gold_error",
        "/maintain/people/7",
        "/maintain/people/7/set-aside",
        "/maintain/agreement",
        "/maintain/snapshots",
        "/maintain/audit",
        "/maintain/audit?what=settle&q=frame&page=2",
        "/review",
        "/review?kind=scattered&q=egg",
        "/review/clips",
        "/review/clips?sort=-worst&q=video00",
        frame,
        f"{frame}/heatmap.png",
    ]


def measure(server: Server, paths: list[str], repeats: int) -> list[Outcome]:
    """Ask for each page once in a fresh application, then again and again."""
    outcomes = []
    app = app_of(server)
    client = sign_in(app, server)
    for path in paths:
        times: list[float] = []
        worked: list[float] = []
        size = 0
        for _ in range(repeats + 1):
            started, worked_before = time.perf_counter(), time.process_time()
            response = client.get(path)
            content = response.get_data()
            times.append((time.perf_counter() - started) * 1000)
            worked.append((time.process_time() - worked_before) * 1000)
            if response.status_code != 200:
                raise SystemExit(f"{path}: status {response.status_code}")
            size = len(content)
        rest = times[1:] or times
        numbers = (
            times[0],
            statistics.median(rest),
            max(rest),
            statistics.median(worked),
            size / 1024,
        )
        outcomes.append(Outcome(path, *(round(number, 1) for number in numbers)))
    return outcomes


@click.command()
@click.option("--database-url", help="An empty database instead of a SQLite file.")
@click.option("--repeats", default=10, show_default=True, help="Requests after the first.")
@click.option("--scale", default=1.0, show_default=True, help="Of the project's size.")
@click.option(
    "--keep", type=click.Path(path_type=Path), help="Only make the project, as this home."
)
@click.option("--home", type=click.Path(path_type=Path), help="Measure a home that was kept.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
def main(
    *,
    database_url: str | None,
    repeats: int,
    scale: float,
    keep: Path | None,
    home: Path | None,
    as_json: bool,
) -> None:
    """Generate a project and measure every maintainers' page on it."""
    size = Size(*(max(7, round(n * scale)) for n in (250, 5_091, 512, 27_000)))
    if keep:
        prepare(keep, database_url, size)
        return
    with tempfile.TemporaryDirectory() as folder:
        server = open_server(home) if home else prepare(Path(folder) / "home", database_url, size)
        report(server, repeats, as_json=as_json)
        server.database.close()


def report(server: Server, repeats: int, *, as_json: bool) -> None:
    """Measure and print."""
    with server.database.read() as session:
        frames = session.scalar(select(func.count()).select_from(Frame))
        answers = session.scalar(select(func.count()).select_from(Answer))
    outcomes = measure(server, pages(server), repeats)
    kind = server.database.engine.dialect.name
    click.echo(f"{kind}: {frames:,} frames, {answers:,} answers; {datetime.now(UTC):%Y-%m-%d}")
    click.echo(f"{'page':<60} {'first':>7} {'median':>7} {'worst':>7} {'CPU':>5} {'kB':>6}")
    for one in outcomes:
        path = re.sub(r"clips/.*?/", "clips/.../", one.path)
        click.echo(
            f"{path:<60} {one.first_ms:>7.0f} {one.median_ms:>7.0f} {one.worst_ms:>7.0f} "
            f"{one.cpu_ms:>5.0f} {one.kilobytes:>6.0f}"
        )
    slow = [one.path for one in outcomes if max(one.first_ms, one.worst_ms) > BAR_MS]
    click.echo(f"pages above {BAR_MS} ms: {', '.join(slow) or 'none'}")
    if as_json:
        click.echo(
            json.dumps(
                {
                    "database": kind,
                    "frames": frames,
                    "answers": answers,
                    "worst_ms": max(one.worst_ms for one in outcomes),
                    "pages": [asdict(one) for one in outcomes],
                }
            )
        )


if __name__ == "__main__":
    main()
