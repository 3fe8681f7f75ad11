"""How a panel says its submissions ended, from the table that it exports."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from annot_server.database import Database
from annot_server.errors import NotFoundError
from annot_server.forgetting import trace_of
from annot_server.models import PanelVisit, Person
from annot_server.panels import note_ending
from annot_server.providers import Panel
from dataset_builder.errors import InputError
from dataset_builder.importers.csv_rows import Record, read_rows, text_of


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One submission; `ending` is None while it goes on."""

    line: int
    submission_id: str
    ending: str | None


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What a table changed; `unknown` counts submissions that nobody has come with.

    `not_in_table` are people who came with a submission that the table lacks: made up, perhaps.
    """

    ended: int
    as_before: int
    going_on: int
    unknown: int
    not_in_table: tuple[str, ...]
    problems: tuple[str, ...]


def read_statuses(path: Path, panel: Panel) -> tuple[tuple[StatusRow, ...], tuple[str, ...]]:
    """Read a panel's export; return its good rows, and one line of text for each bad one.

    Raises:
        InputError: the file is missing, is no CSV, or lacks a column.
    """

    def read_row(line: int, record: Record) -> StatusRow:
        status = text_of(record, panel.status_column)
        try:
            ending = panel.ending(status)
        except KeyError as error:
            known = ", ".join(sorted(panel.endings))
            raise InputError(f"status {status!r} is not known; known are {known}") from error
        return StatusRow(line, text_of(record, panel.id_column), ending)

    return read_rows(path, (panel.id_column, panel.status_column), read_row)


def take_statuses(
    database: Database, path: Path, panel: Panel, *, traces: bytes, now: datetime
) -> StatusReport:
    """Note how each submission of a panel's export ended; see `panels.note_ending`.

    Args:
        database: to write to.
        path: the export.
        panel: whose it is.
        traces: the key of what stays of the forgotten; see `forgetting.trace_of`.
        now: the time.

    Raises:
        InputError: see `read_statuses`.
    """
    rows, problems = read_statuses(path, panel)
    ended = as_before = going_on = unknown = 0
    for row in rows:
        if row.ending is None:
            going_on += 1
            continue
        note = functools.partial(
            note_ending,
            panel=panel.name,
            submission_id=row.submission_id,
            ending=row.ending,
            now=now,
        )
        try:
            changed = database.write(note)
        except NotFoundError:
            unknown += 1
            continue
        ended += changed
        as_before += not changed
    known = {row.submission_id for row in rows}
    known |= {trace_of(traces, panel.name, submission) for submission in known}
    missing = () if problems else _not_in(database, panel, known, written_at(path))
    return StatusReport(ended, as_before, going_on, unknown, missing, problems)


def written_at(path: Path) -> datetime:
    """Return when a file was written: it can know of nothing later."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _not_in(database: Database, panel: Panel, known: set[str], until: datetime) -> tuple[str, ...]:
    """Return the names of those who came until a time with a submission that is not known."""
    wanted = (
        select(Person.name, PanelVisit.submission_id)
        .join(Person, Person.id == PanelVisit.person_id)
        .where(PanelVisit.panel == panel.name, PanelVisit.arrived_at < until)
        .order_by(PanelVisit.id)
    )
    with database.read() as session:
        found = session.execute(wanted).all()
    return tuple(dict.fromkeys(name for name, submission in found if submission not in known))
