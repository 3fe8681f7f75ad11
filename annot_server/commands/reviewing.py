"""Commands that decide what counts and what comes next: `set-aside`, `prioritise`."""

from __future__ import annotations

import click
from sqlalchemy.orm import Session

from annot_server.accounts import find_person
from annot_server.commands.options import AS_JSON, ready, show
from annot_server.config import Home
from annot_server.review import PRIORITIES
from annot_server.review import prioritise as prioritise_clips
from annot_server.server import utc_now
from annot_server.set_aside import SetAside, set_aside_person


@click.command()
@click.argument("name")
@click.option("--reason", required=True, help="Why, for the audit log.")
@AS_JSON
@click.pass_obj
def set_aside(home: Home, *, name: str, reason: str, as_json: bool) -> None:
    """Let no answer of the person NAME count any more; their frames are asked again."""
    now = utc_now()

    def set_all_aside(session: Session) -> SetAside:
        person_id = find_person(session, name).id
        return set_aside_person(
            session, person_id=person_id, by_person_id=None, reason=reason, now=now
        )

    found = ready(home).database.write(set_all_aside)
    show({"answers": found.answers, "frames_reopened": found.frames_reopened}, as_json=as_json)


@click.command()
@click.argument("clip_ids", metavar="CLIP_ID...", nargs=-1, required=True)
@click.option(
    "--priority",
    type=click.IntRange(PRIORITIES[0], PRIORITIES[-1]),
    required=True,
    help="Higher is handed out first; 0 is usual.",
)
@click.pass_obj
def prioritise(home: Home, *, clip_ids: tuple[str, ...], priority: int) -> None:
    """Hand the clips CLIP_ID... out before those of lower priority."""
    now = utc_now()
    ready(home).database.write(
        lambda session: prioritise_clips(
            session, clip_ids=clip_ids, priority=priority, by_person_id=None, now=now
        )
    )


COMMANDS = (set_aside, prioritise)
