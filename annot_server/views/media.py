"""The frame images, for people who are signed in; an image's name is its content's hash."""

from __future__ import annotations

import re

from flask import Blueprint, Response, send_file, url_for

from annot_server.errors import NotFoundError
from annot_server.views.access import PEOPLE, open_to
from annot_server.views.current import server
from dataset_builder.frames import image_path

SHA256 = re.compile(r"[0-9a-f]{64}")
FOR_EVER = "private, max-age=31536000, immutable"

blueprint = Blueprint("media", __name__, url_prefix="/media")


@blueprint.get("/frames/<image_sha256>.jpg")
@open_to(*PEOPLE)
def frame_image(image_sha256: str) -> Response:
    """Send a frame's image."""
    if not SHA256.fullmatch(image_sha256):
        raise NotFoundError("there is no such image")
    path = image_path(server().home.frame_store.resolve(), image_sha256)
    if not path.is_file():
        raise NotFoundError("there is no such image")
    response = send_file(path, mimetype="image/jpeg", etag=False)
    response.headers["Cache-Control"] = FOR_EVER
    return response


def image_url(image_sha256: str) -> str:
    """Return where an image is."""
    return url_for("media.frame_image", image_sha256=image_sha256)
