"""The reviewers' pages: the queue of disagreements, the clips, and one frame with its answers."""

from __future__ import annotations

from flask import Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Reply

from annot_server.disagreements import KINDS, TO_LOOK_AT, read_queue
from annot_server.frame_view import fused, read_clip
from annot_server.heatmap_picture import heatmap_png
from annot_server.listing import Wish, listed, paged
from annot_server.models import MAINTAINER
from annot_server.progress import ClipProgress, read_clips
from annot_server.views.access import REVIEWERS, open_to
from annot_server.views.current import person, server
from annot_server.views.media import image_url
from annot_server.views.work_pages import ROWS, blueprint
from dataset_builder.settings import MODES, BuildSettings

QUEUE_ROWS = 24
CLIP_SORTS = {
    "clip": lambda clip: clip.clip_id,
    "action": lambda clip: clip.description,
    "frames": lambda clip: clip.frames,
    "share": lambda clip: clip.retired / clip.frames,
    "answers": lambda clip: clip.answers,
    "not_visible": lambda clip: clip.not_visible,
    "disagreement": lambda clip: clip.disagreement,
    "worst": lambda clip: clip.worst,
}


@blueprint.get("/review")
@open_to(*REVIEWERS)
def review_queue() -> str:
    """Show the frames that need a look, the least agreed first."""
    wish = Wish.of(request.args, sort="")
    kind = request.args.get("kind", "")
    kind = kind if kind in KINDS else TO_LOOK_AT
    with server().database.read() as session:
        rows, numbers = read_queue(
            session, kind=kind, words=wish.words, page=wish.page, size=QUEUE_ROWS
        )
    return render_template(
        "review.html",
        listing=paged(rows, numbers[kind], wish, QUEUE_ROWS),
        kind=kind,
        numbers=numbers,
        kinds=KINDS,
        image_url=image_url,
    )


@blueprint.get("/review/clips")
@open_to(*REVIEWERS)
def review_clips() -> str:
    """List the clips, to be searched and sorted."""
    with server().database.read() as session:
        clips = read_clips(session)
    listing = listed(
        clips,
        Wish.of(request.args, sort="clip"),
        size=ROWS,
        text=_clip_text,
        keys=CLIP_SORTS,
    )
    return render_template("review_clips.html", listing=listing)


def _clip_text(clip: ClipProgress) -> str:
    return f"{clip.description} {clip.clip_id} {clip.split}"


@blueprint.get("/review/clips/<clip_id>")
@open_to(*REVIEWERS)
def review_clip(clip_id: str) -> Reply:
    """Go to the first frame of a clip."""
    with server().database.read() as session:
        first = read_clip(session, clip_id).frames[0]
    return redirect(url_for("maintain.review_frame", clip_id=clip_id, second=first.second), 302)


@blueprint.get("/review/clips/<clip_id>/<int:second>")
@open_to(*REVIEWERS)
def review_frame(clip_id: str, second: int) -> str:
    """Show one frame of a clip, everything that was said of it, and its place in the clip."""
    mode = wanted_mode()
    with server().database.read() as session:
        clip = read_clip(session, clip_id)
    clip = fused(clip, BuildSettings(mode=mode))
    frame = clip.frame_at(second)
    at = clip.frames.index(frame)
    return render_template(
        "review_frame.html",
        clip=clip,
        frame=frame,
        before=clip.frames[at - 1] if at else None,
        after=clip.frames[at + 1] if at + 1 < len(clip.frames) else None,
        mode=mode,
        modes=MODES,
        image_url=image_url,
        is_maintainer=person().role == MAINTAINER,
    )


@blueprint.get("/review/clips/<clip_id>/<int:second>/heatmap.png")
@open_to(*REVIEWERS)
def review_heatmap(clip_id: str, second: int) -> Response:
    """Send the heatmap of the clicks that count."""
    with server().database.read() as session:
        clip = read_clip(session, clip_id)
    picture = heatmap_png(
        clip.frame_at(second).clicks,
        (clip.width, clip.height),
        BuildSettings(mode=wanted_mode()),
    )
    return Response(picture, mimetype="image/png")


def wanted_mode() -> str:
    """Return the way of fusing that the address names, the first where it names none."""
    mode = request.args.get("mode", "")
    return mode if mode in MODES else MODES[0]
