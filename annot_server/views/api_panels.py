"""Panel visits over the API: how a submission ended, from maintainers' scripts."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from annot_server.models import MAINTAINER, PANEL_ENDINGS
from annot_server.panels import note_ending
from annot_server.tokens import MAINTAIN
from annot_server.views.access import open_to
from annot_server.views.api import refuse_strangers_and_forms
from annot_server.views.bodies import Blueprint
from annot_server.views.current import person, server

blueprint = Blueprint(
    "api_panels", __name__, url_prefix="/api/v1/panel-visits", description="Crowd panels"
)
blueprint.before_request(refuse_strangers_and_forms)


class EndingSchema(Schema):
    """How a submission ended."""

    status = fields.String(required=True, validate=validate.OneOf(PANEL_ENDINGS))


class EndedSchema(Schema):
    """How a submission ended, and whether that was news."""

    submission = fields.String(required=True)
    status = fields.String(required=True)
    changed = fields.Boolean(required=True)


@blueprint.route("/<string(maxlength=100):submission>/status", methods=["POST"])
@open_to(MAINTAINER, scope=MAINTAIN)
@blueprint.arguments(EndingSchema())
@blueprint.response(200, EndedSchema)
@blueprint.alt_response(403, description="maintainers only")
@blueprint.alt_response(404, description="nobody has come with this submission")
def end_visit(body: dict[str, Any], submission: str) -> dict[str, Any]:
    """Note how a submission ended; unless it was completed, its frames go to others at once."""
    this, who, now = server(), person(), server().now()
    changed = this.database.write(
        lambda db: note_ending(
            db,
            panel=this.config.panel,
            submission_id=submission,
            ending=body["status"],
            now=now,
            by_person_id=who.person_id,
        )
    )
    return {"submission": submission, "status": body["status"], "changed": changed}
