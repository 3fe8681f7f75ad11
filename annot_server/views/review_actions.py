"""What reviewers decide on a frame: ask two more people, or leave its disagreement as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from annot_server.disagreements import unsettle
from annot_server.errors import NotReviewableError
from annot_server.review import ask_more, settle
from annot_server.views.access import REVIEWERS, open_to
from annot_server.views.current import person, server
from annot_server.views.paths import own_path
from annot_server.views.work_pages import blueprint


@blueprint.post("/review/frames/<int:frame_id>/ask-more")
@open_to(*REVIEWERS)
def review_ask_more(frame_id: int) -> Response:
    """Let two more people answer a frame."""
    who, now = person().person_id, server().now()
    return _decide(
        lambda session: ask_more(session, frame_id=frame_id, n=2, by_person_id=who, now=now),
        "Two more people will be asked about this frame.",
    )


@blueprint.post("/review/frames/<int:frame_id>/settle")
@open_to(*REVIEWERS)
def review_settle(frame_id: int) -> Response:
    """Leave a frame's disagreement as it is."""
    who, now = person().person_id, server().now()
    return _decide(
        lambda session: settle(session, frame_id=frame_id, by_person_id=who, now=now),
        "Left as it is. You find it under “Left as they are”.",
    )


@blueprint.post("/review/frames/<int:frame_id>/unsettle")
@open_to(*REVIEWERS)
def review_unsettle(frame_id: int) -> Response:
    """Put a frame back into the queue."""
    who, now = person().person_id, server().now()
    return _decide(
        lambda session: unsettle(session, frame_id=frame_id, by_person_id=who, now=now),
        "The frame is in the queue again.",
    )


def _decide(work: Callable[[Session], Any], said: str) -> Response:
    """Write a decision and go back to the page that it was made on."""
    try:
        server().database.write(work)
    except NotReviewableError as error:
        flash(f"{error.message[:1].upper()}{error.message[1:]}.", "problem")
    else:
        flash(said, "done")
    return redirect(own_path(request.form.get("next"), "/review"), 303)
