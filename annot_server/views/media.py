"""Frame images, what moves around them, and source videos, for people who are signed in.

An image's name is its content's hash. Strips and videos belong to frames: annotators get those of
frames that were handed out to them, reviewers and maintainers all.
"""

from __future__ import annotations

import re

import werkzeug.utils
import werkzeug.wrappers
from flask import Blueprint, Response, request, send_file, url_for

from annot_server.context import get_strip, get_video
from annot_server.errors import NotFoundError
from annot_server.models import ANNOTATOR
from annot_server.sources import source_of_frame, source_of_video
from annot_server.tokens import ANNOTATE
from annot_server.views.access import PEOPLE, open_to
from annot_server.views.current import person, server
from annot_server.views.schemas import MAX_INTEGER
from dataset_builder.frames import image_path

SHA256 = re.compile(r"[0-9a-f]{64}")
FOR_EVER = "private, max-age=31536000, immutable"
FOR_AN_HOUR = "private, max-age=3600"
PIECE_BYTES = 1024 * 1024
"""Most bytes of a video in one reply. Browsers ask for "the rest" and read it as they play: a
thread that had promised them all of it would wait for each."""

blueprint = Blueprint("media", __name__, url_prefix="/media")


@blueprint.get("/frames/<image_sha256>.jpg")
@open_to(*PEOPLE, scope=ANNOTATE)
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


@blueprint.get(f"/context/<int(max={MAX_INTEGER}):frame_id>.jpg")
@open_to(*PEOPLE, scope=ANNOTATE)
def context_strip(frame_id: int) -> Response:
    """Send a frame's strip: a second before to a second after it, eleven tiles side by side."""
    with server().database.read() as session:
        source, second = source_of_frame(session, frame_id, _leased_to())
    response = send_file(
        get_strip(server().home, source, second),
        mimetype="image/jpeg",
        etag=f"{source.sha256}-{second}",
    )
    response.headers["Cache-Control"] = FOR_AN_HOUR
    return response


@blueprint.get("/videos/<video_id>")
@open_to(*PEOPLE, scope=ANNOTATE)
def source_video(video_id: str) -> werkzeug.wrappers.Response:
    """Send a source video, or the piece of it that the Range header asks for."""
    with server().database.read() as session:
        source = source_of_video(session, video_id, _leased_to())
    if source.mime is None:
        raise NotFoundError(f"browsers do not play video {video_id!r} as it is")
    response = werkzeug.utils.send_file(
        get_video(source),
        {**request.environ, **_short_range()},
        mimetype=source.mime.split(";")[0],
        etag=source.sha256,
        response_class=Response,
    )
    response.headers["Cache-Control"] = FOR_AN_HOUR
    return response


def image_url(image_sha256: str) -> str:
    """Return where an image is."""
    return url_for("media.frame_image", image_sha256=image_sha256)


def context_url(frame_id: int) -> str:
    """Return where a frame's strip is."""
    return url_for("media.context_strip", frame_id=frame_id)


def video_url(video_id: str, mime: str | None) -> str | None:
    """Return where a source video is, None where browsers do not play it as it is."""
    return None if mime is None else url_for("media.source_video", video_id=video_id)


def _leased_to() -> int | None:
    """Return whose leases open a frame to the person: their own, or None where they need none."""
    who = person()
    return who.person_id if who.role == ANNOTATOR else None


def _short_range() -> dict[str, str]:
    """Return the Range header of the request, cut to one piece."""
    asked = request.range
    if asked is None or len(asked.ranges) != 1:
        return {}
    start, end = asked.ranges[0]
    if start < 0:
        return {}  # the last bytes: browsers look there for an index, and it is short
    end = min(end or start + PIECE_BYTES, start + PIECE_BYTES)
    return {"HTTP_RANGE": f"bytes={start}-{end - 1}"}
