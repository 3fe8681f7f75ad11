"""Prelabels over the API: a model's file, as `annot-server import-prelabels` takes it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from flask import request
from marshmallow import Schema, fields

from annot_server.errors import NotJsonError, UnusableFileError
from annot_server.models import MAINTAINER, MODEL
from annot_server.prelabels import import_prelabels
from annot_server.tokens import PRELABELS
from annot_server.views.access import open_to
from annot_server.views.bodies import Blueprint
from annot_server.views.current import person, server
from dataset_builder.errors import DatasetError

JSON_LINES = ("application/x-ndjson", "application/jsonl")
MAX_BYTES = 32 * 1024 * 1024
"""A line is some 100 bytes: three hundred thousand frames."""
UNKNOWN_SHOWN = 10
FILE_NAME = "prelabels.jsonl"

blueprint = Blueprint("api_prelabels", __name__, url_prefix="/api/v1", description="Prelabels")


class PrelabelsReportSchema(Schema):
    """What an import did."""

    imported = fields.Integer(required=True, metadata={"description": "frames"})
    already_here = fields.Integer(required=True, metadata={"description": "frames, as before"})
    unknown_frames = fields.Integer(required=True, metadata={"description": "not here"})
    unknown_first = fields.List(
        fields.String(), required=True, metadata={"description": "ten of them, as clip_id/second"}
    )


@blueprint.route("/prelabels", methods=["POST"])
@open_to(MODEL, MAINTAINER, scope=PRELABELS)
@blueprint.doc(
    requestBody={
        "required": True,
        "description": "a grounding-prelabels file: a header line, then one line a frame",
        "content": {JSON_LINES[0]: {"schema": {"type": "string"}}},
    }
)
@blueprint.response(200, PrelabelsReportSchema)
@blueprint.alt_response(403, description="not your role, or a token without the scope prelabels")
@blueprint.alt_response(413, description="more than 32 MiB")
@blueprint.alt_response(415, description="not sent as JSON lines")
@blueprint.alt_response(422, description="not a prelabels file; the message names the line")
def bring_prelabels() -> dict[str, Any]:
    """Bring suggestions for frames; each frame shows its newest from now on."""
    if request.mimetype not in JSON_LINES:
        raise NotJsonError(f"send the file as JSON lines, with Content-Type: {JSON_LINES[0]}")
    request.max_content_length = MAX_BYTES
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE_NAME
        path.write_bytes(request.get_data(cache=False))
        try:
            report = import_prelabels(
                server().database, path, now=server().now(), by_person_id=person().person_id
            )
        except DatasetError as error:
            raise UnusableFileError(str(error).replace(f"{path}:", "line ")) from error
    return {
        "imported": report.imported,
        "already_here": report.present,
        "unknown_frames": len(report.unknown),
        "unknown_first": report.unknown[:UNKNOWN_SHOWN],
    }
