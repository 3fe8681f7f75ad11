"""The qualification as part of the JSON API: what to answer next, and how an answer was.

A known answer leaves the server only in the reply to the person's own answer.
"""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from annot_server.quality.qualification import (
    N_NOT_VISIBLE,
    N_VISIBLE,
    STATES,
    Progress,
    answer_question,
    read_progress,
)
from annot_server.tokens import ANNOTATE
from annot_server.views.access import PEOPLE, open_to
from annot_server.views.api import FOR_PERSON, FRAME_ID, Json, refuse_strangers_and_forms
from annot_server.views.bodies import Blueprint
from annot_server.views.current import person, server
from annot_server.views.media import image_url
from annot_server.views.schemas import PointSchema, point_of

blueprint = Blueprint(
    "qualification", __name__, url_prefix="/api/v1/qualification", description="Qualify"
)
blueprint.before_request(refuse_strangers_and_forms)


class QuestionSchema(Schema):
    """A frame to answer."""

    frame_id = fields.Integer(required=True)
    video_id = fields.String(required=True)
    second = fields.Integer(required=True)
    action_id = fields.String(required=True)
    description = fields.String(required=True, metadata={"description": "what to look for"})
    image_url = fields.String(required=True)
    width = fields.Integer(required=True)
    height = fields.Integer(required=True)


class QualificationSchema(Schema):
    """Where you stand with the qualification."""

    state = fields.String(required=True, validate=validate.OneOf(STATES))
    attempt = fields.Integer(required=True, metadata={"description": "from 1"})
    attempts = fields.Integer(required=True, metadata={"description": "how many there are"})
    n_frames = fields.Integer(required=True, metadata={"description": "frames of an attempt"})
    n_answered = fields.Integer(required=True)
    n_right = fields.Integer(required=True)
    wait_s = fields.Integer(required=True, metadata={"description": "until the next attempt"})
    frame = fields.Nested(QuestionSchema, required=True, allow_none=True)


class QualificationAnswerSchema(Schema):
    """A click, or `"point": null` for "not visible"."""

    point = fields.Nested(PointSchema, required=True, allow_none=True)


class FeedbackSchema(Schema):
    """How the answer was, and where you stand now."""

    is_right = fields.Boolean(required=True)
    distance = fields.Float(
        required=True, allow_none=True, metadata={"description": "fraction of the diagonal"}
    )
    known = fields.Nested(PointSchema, required=True, allow_none=True)
    tolerance = fields.Float(required=True, metadata={"description": "fraction of the diagonal"})
    note = fields.String(required=True, allow_none=True)
    qualification = fields.Nested(QualificationSchema, required=True)


@blueprint.route("", methods=["GET"])
@open_to(*PEOPLE, scope=ANNOTATE)
@blueprint.response(200, QualificationSchema)
def qualification() -> Json:
    """Say where you stand with the qualification, with the frame to answer next, if any."""
    this, who = server(), person()
    with this.database.read() as session:
        return progress_json(
            read_progress(session, person_id=who.person_id, config=this.config, now=this.now())
        )


@blueprint.route(f"/frames/{FRAME_ID}/answers", methods=["POST"], parameters=FOR_PERSON)
@open_to(*PEOPLE, scope=ANNOTATE)
@blueprint.arguments(QualificationAnswerSchema())
@blueprint.response(200, FeedbackSchema)
@blueprint.alt_response(404, description="this frame is not asked of you now")
@blueprint.alt_response(409, description="already_answered")
def answer(body: Json, frame_id: int) -> Json:
    """Answer the frame that is asked, and learn how the answer was."""
    this, who, now = server(), person(), server().now()
    point = point_of(body)
    whose: dict[str, Any] = {"person_id": who.person_id, "config": this.config, "now": now}
    feedback, progress = this.database.write(
        lambda session: (
            answer_question(session, frame_id=frame_id, point=point, **whose),
            read_progress(session, **whose),
        )
    )
    return {
        "is_right": feedback.is_right,
        "distance": feedback.distance,
        "known": feedback.known and {"x": feedback.known.x, "y": feedback.known.y},
        "tolerance": feedback.tolerance,
        "note": feedback.note,
        "qualification": progress_json(progress),
    }


def progress_json(progress: Progress) -> Json:
    """Return a person's progress as it is sent."""
    question = progress.question
    return {
        "state": progress.state,
        "attempt": progress.attempt,
        "attempts": progress.attempts,
        "n_frames": N_VISIBLE + N_NOT_VISIBLE,
        "n_answered": progress.n_answered,
        "n_right": progress.n_right,
        "wait_s": progress.wait_s,
        "frame": question
        and {
            "frame_id": question.frame_id,
            "video_id": question.video_id,
            "second": question.second,
            "action_id": question.action_id,
            "description": question.description,
            "image_url": image_url(question.image_sha256),
            "width": question.width,
            "height": question.height,
        },
    }
