"""Frame images, what moves around them, and source videos, for people who are signed in.

An image's name is its content's hash. Strips and videos belong to frames: annotators get those of
frames that were handed out to them, reviewers and maintainers all.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable
from pathlib import Path

from flask import Blueprint, Response, current_app, request, send_file, url_for
from flask.sansio.app import App
from flask.sansio.blueprints import BlueprintSetupState
from werkzeug.datastructures import ContentRange
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from annot_server.context import get_strip, get_video
from annot_server.errors import BusyError, NotFoundError
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
DEFAULT_THREADS = 8
ROOMS, VIDEO, STRIP = "media_rooms", "video", "strip"

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
    response = _one_of_few(
        STRIP,
        lambda: Response(
            get_strip(server().home, source, second).read_bytes(), mimetype="image/jpeg"
        ),
    )
    return _kept(response, f"{source.sha256}-{second}")


@blueprint.get("/videos/<video_id>")
@open_to(*PEOPLE, scope=ANNOTATE)
def source_video(video_id: str) -> Response:
    """Send a piece of a source video: what the Range header asks for, or its beginning."""
    with server().database.read() as session:
        source = source_of_video(session, video_id, _leased_to())
    if source.mime is None:
        raise NotFoundError(f"browsers do not play video {video_id!r} as it is")
    response = _one_of_few(VIDEO, lambda: _piece(get_video(source), source.sha256))
    response.mimetype = source.mime.split(";")[0]
    return _kept(response, source.sha256)


def _kept(response: Response, etag: str) -> Response:
    """Let browsers keep a reply for a while, and ask afterwards whether it still holds."""
    response.headers["Cache-Control"] = FOR_AN_HOUR
    response.set_etag(etag)
    response.make_conditional(request)
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


def _piece(path: Path, etag: str) -> Response:
    """Return the piece of a file that the request asks for, or its first one.

    Raises:
        RequestedRangeNotSatisfiable: it begins behind the file's end.
    """
    size = path.stat().st_size
    start, end = _asked_for(size, etag)
    if start >= size:
        raise RequestedRangeNotSatisfiable(length=size)
    end = min(end, start + PIECE_BYTES, size)
    with path.open("rb") as file:
        file.seek(start)
        response = Response(file.read(end - start))
    response.accept_ranges = "bytes"
    if "Range" in request.headers or end < size:
        response.status_code = 206
        response.content_range = ContentRange("bytes", start, end, size)
    return response


def _asked_for(size: int, etag: str) -> tuple[int, int]:
    """Return where the bytes that are asked for begin and end, in a file of so many bytes.

    Of several ranges it is the first one. One that was to be of another file is not looked at.
    """
    asked, only_of = request.range, request.if_range.etag
    if asked is None or asked.units != "bytes" or only_of not in (None, etag):
        return 0, size
    start, end = asked.ranges[0]
    if start < 0:
        return max(0, size + start), size
    return start, size if end is None else end


def limit_slow_replies(app: App, *, n_threads: int) -> None:
    """Leave threads for others however slowly videos and strips are read.

    A thread sends until its reader has taken all. Beyond a few at once of each kind people are told
    503: the page then shows the strip in the video's place.

    Args:
        app: whose replies.
        n_threads: of each of its processes.
    """
    app.extensions[ROOMS] = {
        VIDEO: threading.BoundedSemaphore(max(1, n_threads * 3 // 8)),
        STRIP: threading.BoundedSemaphore(max(1, n_threads // 4)),
    }


@blueprint.record
def _limit_at_first(state: BlueprintSetupState) -> None:
    limit_slow_replies(state.app, n_threads=DEFAULT_THREADS)


def _one_of_few(kind: str, make: Callable[[], Response]) -> Response:
    """Return a reply that takes one of its kind's places until it is sent.

    Raises:
        BusyError: all are taken.
    """
    room = current_app.extensions[ROOMS][kind]
    if not room.acquire(blocking=False):
        raise BusyError("others are being sent; try again in a second")
    with contextlib.ExitStack() as place:
        place.callback(room.release)
        response = make()
        response.call_on_close(place.pop_all().close)  # gives it back once, however often called
    return response
