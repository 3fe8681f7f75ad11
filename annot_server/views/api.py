"""The JSON API, the same for the page and for scripts: parse, one call, answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, jsonify, request
from sqlalchemy.orm import Session

from annot_server.answers import count_given, give_answer, skip_frame
from annot_server.assignment import next_lease
from annot_server.errors import NotJsonError, NotSignedInError
from annot_server.leases import HeldFrame, HeldLease, release, renew
from annot_server.models import MAINTAINER
from annot_server.panels import FINISH_URL, Visit, newest_visit
from annot_server.progress import read_progress
from annot_server.quality.standing import standing_of
from annot_server.tokens import ANNOTATE, PROGRESS
from annot_server.undo import undo_response
from annot_server.views.access import PEOPLE, open_to
from annot_server.views.bodies import Blueprint
from annot_server.views.current import person, server
from annot_server.views.media import context_url, image_url, video_url
from annot_server.views.messages import message_for
from annot_server.views.schemas import (
    MAX_INTEGER,
    AnswerHeadersSchema,
    AnswerSchema,
    GivenSchema,
    LeaseReplySchema,
    LeaseRequestSchema,
    MeSchema,
    ProgressSchema,
    ReleaseSchema,
    RenewedSchema,
    SkippedSchema,
    SkipSchema,
    details_of,
    point_of,
)

Json = dict[str, Any]

# Larger numbers do not fit the database's integers, so they name nothing.
LEASE_ID, FRAME_ID = (f"<int(max={MAX_INTEGER}):{name}_id>" for name in ("lease", "frame"))

FOR_PERSON: list[str | Json] = [
    {
        "in": "header",
        "name": "X-Annotator",
        "schema": {"type": "string"},
        "description": "whose page sends this; answered 401 where somebody else is signed in",
    }
]

blueprint = Blueprint("api", __name__, url_prefix="/api/v1", description="Annotate")


@blueprint.before_request
def refuse_strangers_and_forms() -> None:
    """Let only signed-in people in, from pages that are theirs, and only JSON bodies."""
    who = person()
    if request.headers.get("X-Annotator", str(who.person_id)) != str(who.person_id):
        raise NotSignedInError(
            "somebody else has signed in in this browser since; sign in again to go on"
        )
    if request.content_length and not request.is_json:
        raise NotJsonError("send the body as JSON, with Content-Type: application/json")


@blueprint.route("/leases", methods=["POST"])
@open_to(*PEOPLE, scope=ANNOTATE)
@blueprint.arguments(LeaseRequestSchema(), required=False)
@blueprint.response(200, LeaseReplySchema)
@blueprint.alt_response(404, description="after_lease_id is not yours")
def lease_frames(body: Json) -> Response:
    """Lease frames: the lease that you hold, or the next open frames of a clip."""
    this, who, now = server(), person(), server().now()

    def lease(session: Session) -> HeldLease | str | None:
        reason = standing_of(session, person_id=who.person_id, config=this.config, now=now)
        return reason or next_lease(
            session,
            person_id=who.person_id,
            now=now,
            lease_s=this.config.lease_s,
            lease_frames=this.config.lease_frames,
            rng=this.rng,
            after_lease_id=body.get("after_lease_id"),
            gold_every=this.config.gold_every,
        )

    found = this.database.write(lease)
    if isinstance(found, HeldLease):
        return as_it_is({"lease": lease_json(found, now)})
    reason = found or "no_work"
    return as_it_is({"lease": None, "reason": reason, "message": message_for(reason)})


@blueprint.route(f"/leases/{LEASE_ID}/renew", methods=["POST"])
@open_to(*PEOPLE, scope=ANNOTATE)
@blueprint.response(200, RenewedSchema)
@blueprint.alt_response(404, description="not your lease")
@blueprint.alt_response(409, description="lease_lost")
def renew_lease(lease_id: int) -> Json:
    """Keep a lease alive."""
    this, who, now = server(), person(), server().now()
    expires_at = this.database.write(
        lambda session: renew(
            session,
            person_id=who.person_id,
            lease_id=lease_id,
            now=now,
            lease_s=this.config.lease_s,
        )
    )
    return {"lease_id": lease_id, "expires_in_s": seconds_until(expires_at, now)}


@blueprint.route(f"/leases/{LEASE_ID}/release", methods=["POST"])
@open_to(*PEOPLE, scope=ANNOTATE)
@blueprint.arguments(ReleaseSchema(), required=False)
@blueprint.response(204)
@blueprint.alt_response(404, description="not your lease")
def release_lease(body: Json, lease_id: int) -> None:
    """Give a lease back, and with `and_later` those given after it; twice is no error."""
    this, who, now = server(), person(), server().now()
    this.database.write(
        lambda session: release(
            session,
            person_id=who.person_id,
            lease_id=lease_id,
            now=now,
            and_later=body.get("and_later", False),
        )
    )


@blueprint.route(f"/frames/{FRAME_ID}/answers", methods=["POST"], parameters=FOR_PERSON)
@open_to(*PEOPLE, scope=ANNOTATE)
@blueprint.arguments(AnswerSchema())
@blueprint.arguments(AnswerHeadersSchema(), location="headers")
@blueprint.response(201, GivenSchema)
@blueprint.alt_response(200, schema=GivenSchema, description="stored before under this key")
@blueprint.alt_response(404, description="no such frame")
@blueprint.alt_response(409, description="lease_lost, already_answered or idempotency_conflict")
def answer_frame(body: Json, headers: Json, frame_id: int) -> Response:
    """Answer a frame: a point, or null for "not visible"."""
    this, who, now = server(), person(), server().now()
    point, details = point_of(body), details_of(body)
    given = this.database.write(
        lambda session: give_answer(
            session,
            person_id=who.person_id,
            frame_id=frame_id,
            point=point,
            key=headers["idempotency_key"],
            now=now,
            details=details,
        )
    )
    reply = {
        "frame_id": frame_id,
        "answers_given": given.answers_given,
    }
    return as_it_is(reply, 200 if given.is_repeat else 201)


@blueprint.route(f"/frames/{FRAME_ID}/skips", methods=["POST"], parameters=FOR_PERSON)
@open_to(*PEOPLE, scope=ANNOTATE)
@blueprint.arguments(SkipSchema())
@blueprint.response(201, SkippedSchema)
@blueprint.alt_response(200, schema=SkippedSchema, description="skipped before")
@blueprint.alt_response(404, description="no such frame")
@blueprint.alt_response(409, description="lease_lost or already_answered")
def skip(body: Json, frame_id: int) -> tuple[Json, int]:
    """Pass a frame on to others."""
    this, who, now = server(), person(), server().now()
    skipped = this.database.write(
        lambda session: skip_frame(
            session,
            person_id=who.person_id,
            frame_id=frame_id,
            reason=body["reason"],
            comment=body.get("comment"),
            now=now,
        )
    )
    reply = {"frame_id": frame_id}
    return reply, 200 if skipped.is_repeat else 201


@blueprint.route(f"/frames/{FRAME_ID}/undo", methods=["POST"], parameters=FOR_PERSON)
@open_to(*PEOPLE, scope=ANNOTATE)
@blueprint.response(200, LeaseReplySchema)
@blueprint.alt_response(404, description="you have said nothing of this frame")
@blueprint.alt_response(409, description="undo_expired or lease_lost")
def take_back(frame_id: int) -> Json:
    """Take back what you said last of a frame, and hold it again."""
    this, who, now = server(), person(), server().now()
    held = this.database.write(
        lambda session: undo_response(
            session,
            person_id=who.person_id,
            frame_id=frame_id,
            now=now,
            undo_window_s=this.config.undo_window_s,
            lease_s=this.config.lease_s,
        )
    )
    return {"lease": lease_json(held, now)}


@blueprint.route("/me", methods=["GET"])
@open_to(*PEOPLE, scope=ANNOTATE)
@blueprint.response(200, MeSchema)
def me() -> Json:
    """Say who is signed in."""
    who = person()
    with server().database.read() as session:
        answers_given = count_given(session, who.person_id)
        visit = newest_visit(session, who.person_id) if who.panel else None
    return {
        "name": who.name,
        "role": who.role,
        "answers_given": answers_given,
        "visit": visit_json(visit),
    }


def visit_json(visit: Visit | None) -> Json | None:
    """Return how far a panel's visit is, None without one or after its end."""
    if visit is None or visit.ended_as is not None:
        return None
    wanted = server().config.panel_answers
    return {"wanted": wanted, "given": visit.given, "finish_url": FINISH_URL}


@blueprint.route("/progress", methods=["GET"])
@open_to(MAINTAINER, scope=PROGRESS)
@blueprint.response(200, ProgressSchema)
@blueprint.alt_response(403, description="maintainers only")
def progress() -> Json:
    """Say how far the work is."""
    with server().database.read() as session:
        return read_progress(session).to_json()


def as_it_is(reply: Json, status: int = 200) -> Response:
    """Return JSON without its schema, on the busiest routes: tests hold them to their schemas."""
    response = jsonify(reply)
    response.status_code = status
    return response


def lease_json(held: HeldLease, now: datetime) -> Json:
    """Return a lease as it is sent."""
    return {
        "lease_id": held.lease_id,
        "expires_in_s": seconds_until(held.expires_at, now),
        "clip": {
            "clip_id": held.clip_id,
            "video_id": held.video_id,
            "start_s": held.start_s,
            "end_s": held.end_s,
            "video_url": video_url(held.video_id, held.video_mime),
            "video_mime": held.video_mime,
        },
        "action": {"action_id": held.action_id, "description": held.description},
        "frames": [frame_json(frame, held) for frame in held.frames],
    }


def frame_json(frame: HeldFrame, held: HeldLease) -> Json:
    """Return a frame as it is sent; without a hint there is no trace of one (R9)."""
    reply = {
        "frame_id": frame.frame_id,
        "second": frame.second,
        "image_url": image_url(frame.image_sha256),
        "context_url": context_url(frame.frame_id),
        "width": held.width,
        "height": held.height,
    }
    if frame.hint:
        point = {"x": frame.hint.point.x, "y": frame.hint.point.y}
        reply["hint"] = {"point": point, "score": frame.hint.score}
    return reply


def seconds_until(moment: datetime, now: datetime) -> int:
    """Return whole seconds, rounded down, so that nobody relies on the last part of one."""
    return max(0, int((moment - now).total_seconds()))
