"""The worker: takes jobs one after the other and does them, with a sign of life beside each."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import DBAPIError

from annot_server import jobs
from annot_server.errors import ServerError
from annot_server.exports import export_folder
from annot_server.figures import ask_if_stale, count_figures, is_stale
from annot_server.models import Snapshot
from annot_server.server import Server
from annot_server.snapshots import export_snapshot
from dataset_builder.errors import DatasetError

logger = logging.getLogger(__name__)

IDLE_S = 1.0
SIGN_EVERY_S = 5.0
AWAY_S = 5.0
"""Seconds until another try where the database does not answer."""

Report = Callable[[int, int, str], None]
"""Called with steps done, steps in all, and a line on what is done now."""


def work(server: Server, should_stop: Callable[[], bool], *, until_idle: bool = False) -> int:
    """Do jobs until told to stop; return how many were done or failed.

    Args:
        server: whose jobs.
        should_stop: asked between jobs and while waiting.
        until_idle: stop as well when nothing is left to do.
    """
    n = 0
    pause = threading.Event()
    while not should_stop():
        try:
            did = do_next(server)
        except DBAPIError as error:
            logger.warning("the database does not answer the worker: %s", error.orig)
            pause.wait(AWAY_S)
            continue
        n += did
        if not did:
            if until_idle:
                break
            pause.wait(IDLE_S)
    return n


def do_next(server: Server) -> bool:
    """Do one job, where there is one; figures that are stale become one first."""
    now = server.now()
    with server.database.read() as session:
        is_waiting, figures_are_stale = jobs.has_work(session, now=now), is_stale(session, now=now)
    if figures_are_stale:
        server.database.write(lambda session: ask_if_stale(session, now=now))
    elif not is_waiting:
        return False
    claim = server.database.write(lambda session: jobs.take_next(session, now=server.now()))
    if claim is None:
        return False
    do(server, claim)
    return True


def do(server: Server, claim: jobs.Claim) -> None:
    """Do a job that was claimed, and keep how it ended."""

    def report(n_done: int, n_total: int, message: str) -> None:
        server.database.write(
            lambda session: jobs.report_progress(
                session, claim, n_done=n_done, n_total=n_total, message=message, now=server.now()
            )
        )

    logger.info("job %d (%s) begins", claim.job_id, claim.kind)
    try:
        with SignsOfLife(server, claim):
            result = KINDS[claim.kind](server, claim, report)
    except (SystemExit, KeyboardInterrupt):
        server.database.write(lambda session: jobs.put_back(session, claim))
        raise
    except (ServerError, DatasetError) as error:
        end = str(error)
        logger.warning("job %d failed: %s", claim.job_id, end)
        server.database.write(lambda s: jobs.fail(s, claim, end, now=server.now()))
    except Exception:
        logger.exception("job %d failed", claim.job_id)
        end = "something went wrong inside; the server's log says what"
        server.database.write(lambda s: jobs.fail(s, claim, end, now=server.now()))
    else:
        is_mine = server.database.write(
            lambda session: jobs.finish(session, claim, result, now=server.now())
        )
        logger.info("job %d %s", claim.job_id, "is done" if is_mine else "was taken by another")


class SignsOfLife:
    """Gives a sign of life for a job while the block runs."""

    def __init__(self, server: Server, claim: jobs.Claim, every_s: float = SIGN_EVERY_S) -> None:
        self.server, self.claim, self.every_s = server, claim, every_s
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._give, daemon=True)

    def __enter__(self) -> None:
        """Begin."""
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        """End."""
        self._is_over.set()
        self._thread.join()

    def _give(self) -> None:
        while not self._is_over.wait(self.every_s):
            try:
                self.server.database.write(
                    lambda s: jobs.sign_of_life(s, self.claim, now=self.server.now())
                )
            except DBAPIError as error:
                logger.warning("no sign of life could be given: %s", error.orig)


def make_snapshot(server: Server, claim: jobs.Claim, report: Report) -> dict[str, Any]:
    """Write a snapshot's folder; a try that ended half-way is gone over again."""
    snapshot_id = claim.arguments["snapshot_id"]
    folder = export_folder(server.home, snapshot_id)
    with server.database.read() as session:
        before = session.get(Snapshot, snapshot_id)
        if before is not None and folder.is_dir():
            return {"snapshot_id": snapshot_id, "digest": before.digest, "answers": before.answers}
    report(0, 1, "reading the answers and writing the tables")
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f".{snapshot_id}.*"):  # by a worker that was killed
        shutil.rmtree(left, ignore_errors=True)
    made = export_snapshot(
        server.database,
        folder,
        snapshot_id=snapshot_id,
        key=server.home.key("pseudonyms"),
        now=server.now(),
        undo_window_s=server.config.undo_window_s,
        force=True,
    )
    return {
        "snapshot_id": snapshot_id,
        "digest": made.digest,
        "frames": made.frames,
        "answers": made.answers,
        "too_young": made.too_young,
    }


def make_figures(server: Server, claim: jobs.Claim, report: Report) -> dict[str, Any]:
    """Count the figures that pages show."""
    del claim
    report(0, 1, "counting")
    with server.database.read() as session:
        return count_figures(session, window=server.config.gold_window)


KINDS: dict[str, Callable[[Server, jobs.Claim, Report], dict[str, Any]]] = {
    jobs.SNAPSHOT: make_snapshot,
    jobs.FIGURES: make_figures,
}
