"""How many next-and-answer pairs a second the server gives, how fast, and whether any is lost.

The real server (`annot-server run`) serves a project of GroundingYouTube's size from a fresh home
while 1, 8, 32 and 128 annotators work over HTTP as fast as they can, then 32 at 100 pairs a second
in all. A pair is the request that brings a frame and the one that answers it. With the protocol
`strict` every frame is claimed by itself; with `page` a clip's frames are leased at once, as the
page does, so that a pair is one answer and a share of a lease. After each run the database is
audited, and every acknowledged answer is compared with its row. Images are not fetched.

    python benchmarks/server.py [--database postgres] [--protocol page] [--workers N] [--json]

`--peer label-studio` lets one crowd work on a Label Studio that is installed, too, for the ratio.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from server_load import ANSWER, LEASE, Load, Outcome, drive_all
from server_peer import measure_peer
from server_project import create_project, look_back

sys.path.append(str(Path(__file__).resolve().parents[1]))
from tests.postgres import DURABLE, own_postgres

CROWDS = (1, 8, 32, 128)
PACED_ANNOTATORS, PACED_PAIRS_PER_S = 32, 100.0
BAR_RATIO, BAR_P95_MS = 40, 50
PUBLISHED = {"postgres": 8.2, "sqlite": 1.6}
"""Pairs a second of Label Studio 1.23.2 on such a machine, measured earlier; the bar stands on the
first whichever database is ours."""
START_S, STOP_S = 30, 15


@dataclass(frozen=True)
class Result:
    """One measured run; `percentiles_ms` are p50, p95, p99 of each kind of request and of all."""

    annotators: int
    paced: bool
    pairs_per_s: float
    percentiles_ms: dict[str, tuple[float, float, float]]
    cpu_s_per_pair: float
    generator_cpu_s_per_pair: float
    refused: int
    over_assigned: int
    duplicate_answers: int
    lost_answers: int

    def to_json(self, peer: float | None) -> dict[str, Any]:
        """Return the run as plain values; `peer` is another program's pairs a second."""
        values = asdict(self)
        p50, p95, p99 = values.pop("percentiles_ms")["all"]
        ratio = self.pairs_per_s / peer if peer else None
        return {**values, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "ratio_to_peer": ratio}


@contextmanager
def running_server(home: Path, workers: int | None) -> Iterator[tuple[int, int]]:
    """Run the server and give its process id and port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "annot_server.cli", "--home", str(home), "run"]
    command += ["--port", str(port)] + (["--workers", str(workers)] if workers else [])
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_until_up(port, process, home / "log")
        yield process.pid, port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_S)


def wait_until_up(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server accepts connections."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.05)
    raise SystemExit(f"the server did not start:\n{log.read_text()[-2000:]}")


def sign_in(port: int, token: str) -> str:
    """Open an invite link and return the cookie that it gives."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_S)
    connection.request("POST", f"/join/{token}")
    reply = connection.getresponse()
    cookie = reply.headers["Set-Cookie"]
    if cookie is None:
        raise SystemExit(f"signing in failed: {reply.status} {reply.read()[:300]!r}")
    connection.close()
    return str(cookie).partition(";")[0]


def cpu_seconds(roots: Sequence[int]) -> float:
    """Return the CPU time that processes and all their children have used, from /proc."""
    ticks, todo = 0, list(roots)
    while todo:
        pid = todo.pop()
        try:
            values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            for task in Path(f"/proc/{pid}/task").iterdir():
                todo += map(int, (task / "children").read_text().split())
        except OSError:
            continue  # it has ended since
        ticks += sum(map(int, values[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def percentiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the 50th, 95th and 99th percentile."""
    if len(values) < 2:
        return (values[0],) * 3 if values else (0.0,) * 3
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return cuts[49], cuts[94], cuts[98]


def measure(
    folder: Path,
    *,
    annotators: int,
    seconds: float,
    pairs_per_s: float | None,
    protocol: str,
    workers: int | None,
    processes: int,
    n_frames: int,
    database_url: str,
    database_pids: Sequence[int],
) -> Result:
    """Run the server on a fresh project with one crowd, then look at what its database holds."""
    home, tokens = create_project(
        folder,
        database_url=database_url,
        n_frames=n_frames,
        lease_frames=1 if protocol == "strict" else 20,
        n_annotators=annotators,
    )
    with running_server(home.path, workers) as (pid, port):
        cookies = tuple(f"Cookie: {sign_in(port, token)}" for token in tokens)
        before = cpu_seconds([pid, *database_pids])
        outcomes = drive_all(Load(port, cookies, seconds, pairs_per_s), processes)
        used = cpu_seconds([pid, *database_pids]) - before
    acknowledged = [answer for outcome in outcomes for answer in outcome.acknowledged]
    found, n_lost = look_back(home, acknowledged)
    n = max(1, len(acknowledged))
    if any(outcome.n_without_work for outcome in outcomes):
        click.echo(f"{annotators} annotators ran out of frames; use --frames", err=True)
    return Result(
        annotators=annotators,
        paced=pairs_per_s is not None,
        pairs_per_s=n / max(outcome.seconds for outcome in outcomes),
        percentiles_ms=latencies(outcomes),
        cpu_s_per_pair=used / n,
        generator_cpu_s_per_pair=sum(outcome.cpu_seconds for outcome in outcomes) / n,
        refused=sum(sum(outcome.refused.values()) for outcome in outcomes),
        over_assigned=found.over_assigned,
        duplicate_answers=found.duplicate_answers,
        lost_answers=n_lost,
    )


def latencies(outcomes: Sequence[Outcome]) -> dict[str, tuple[float, float, float]]:
    """Return p50, p95 and p99 of each kind of request and of all together."""
    values = {
        kind: [ms for outcome in outcomes for ms in outcome.latencies_ms[kind]]
        for kind in (LEASE, ANSWER)
    }
    values["all"] = values[LEASE] + values[ANSWER]
    return {kind: percentiles(found) for kind, found in values.items()}


HEADER = (
    f"{'annotators':>12} {'pairs/s':>8} {'p50 ms':>7} {'p95 ms':>7} {'p99 ms':>7} {'lease p95':>9} "
    f"{'answer p95':>10} {'CPU ms':>7} {'gen. CPU':>8} {'refused':>7} {'over':>5} {'twice':>5} "
    f"{'lost':>5}"
)


def line_of(result: Result) -> str:
    """Return a run as a line of the table."""
    p50, p95, p99 = result.percentiles_ms["all"]
    name = f"{result.annotators} paced" if result.paced else str(result.annotators)
    return (
        f"{name:>12} {result.pairs_per_s:>8.1f} {p50:>7.1f} {p95:>7.1f} {p99:>7.1f} "
        f"{result.percentiles_ms[LEASE][1]:>9.1f} {result.percentiles_ms[ANSWER][1]:>10.1f} "
        f"{1000 * result.cpu_s_per_pair:>7.2f} {1000 * result.generator_cpu_s_per_pair:>8.2f} "
        f"{result.refused:>7} {result.over_assigned:>5} {result.duplicate_answers:>5} "
        f"{result.lost_answers:>5}"
    )


def verdict(results: Sequence[Result], peer: float | None) -> str:
    """Say how the runs stand against the bars."""
    against = peer or PUBLISHED["postgres"]
    source = "measured here" if peer else "measured earlier; its SQLite gave 1.6"
    lines = []
    if peaks := [result for result in results if not result.paced]:
        peak = max(peaks, key=lambda result: result.pairs_per_s)
        lines.append(
            f"peak {peak.pairs_per_s:.0f} pairs/s with {peak.annotators} annotators: "
            f"{peak.pairs_per_s / against:.1f} x Label Studio's {against} ({source}); "
            f"the bar is {BAR_RATIO} x"
        )
    lines += [
        f"{result.annotators} annotators at {result.pairs_per_s:.0f} pairs/s: p95 "
        f"{result.percentiles_ms['all'][1]:.0f} ms; the bar is {BAR_P95_MS} ms"
        for result in results
        if result.paced
    ]
    return "\n".join(lines)


@click.command()
@click.option("--database", type=click.Choice(["sqlite", "postgres"]), default="sqlite")
@click.option("--protocol", type=click.Choice(["strict", "page"]), default="strict")
@click.option("--annotators", type=int, multiple=True, help="Crowds instead of 1, 8, 32 and 128.")
@click.option("--seconds", default=10.0, show_default=True, help="How long each crowd works.")
@click.option("--workers", type=int, help="Of the server; its own default if absent.")
@click.option("--processes", default=1, show_default=True, help="Of the load generator.")
@click.option("--frames", default=27_000, show_default=True)
@click.option("--paced/--no-paced", default=True, help="Also 32 at 100 pairs a second.")
@click.option("--peer", type=click.Choice(["label-studio"]), help="Measure it, too.")
@click.option("--peer-python", type=click.Path(exists=True), help="A Python that has the peer.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
def main(
    *,
    database: str,
    protocol: str,
    annotators: tuple[int, ...],
    seconds: float,
    workers: int | None,
    processes: int,
    frames: int,
    paced: bool,
    peer: str | None,
    peer_python: str | None,
    as_json: bool,
) -> None:
    """Let crowds work on the real server and print how it does."""
    runs: list[tuple[int, float | None]] = [(n, None) for n in annotators or CROWDS]
    runs += [(PACED_ANNOTATORS, PACED_PAIRS_PER_S)] if paced else []
    click.echo(HEADER)
    results = []
    for n, rate in runs:
        with (
            tempfile.TemporaryDirectory() as folder,
            own_postgres(DURABLE) if database == "postgres" else nullcontext() as postgres,
        ):
            results.append(
                measure(
                    Path(folder) / "home",
                    annotators=n,
                    seconds=seconds,
                    pairs_per_s=rate,
                    protocol=protocol,
                    workers=workers,
                    processes=processes,
                    n_frames=frames,
                    database_url=postgres.url if postgres else "sqlite:///annotations.db",
                    database_pids=[postgres.process.pid] if postgres and postgres.process else [],
                )
            )
        click.echo(line_of(results[-1]))
    peer_rate = measure_peer(peer_python, seconds=seconds) if peer else None
    click.echo(verdict(results, peer_rate))
    if as_json:
        best = max(results, key=lambda result: (not result.paced, result.pairs_per_s))
        click.echo(
            json.dumps(
                {
                    **best.to_json(peer_rate),
                    "database": database,
                    "protocol": protocol,
                    "runs": [result.to_json(peer_rate) for result in results],
                }
            )
        )
    if any(r.over_assigned or r.duplicate_answers or r.lost_answers for r in results):
        raise click.exceptions.Exit(1)


if __name__ == "__main__":
    main()
