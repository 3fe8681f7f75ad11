"""The maintainers' pages on the whole work: progress, pace, agreement, audit.

The pages on people, frames and snapshots have modules of their own; all stand on one blueprint.
"""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, render_template, request
from sqlalchemy.orm import Session

from annot_server.agreement_overview import read_agreement
from annot_server.audit_log import kinds_of_change, read_log
from annot_server.figures import Figures, figures_to_show
from annot_server.listing import Wish, listed, paged
from annot_server.models import MAINTAINER, REVIEWER
from annot_server.pace import count_days, estimate, read_days
from annot_server.progress import ActionProgress, VideoProgress, progress_of, read_clips
from annot_server.views.access import open_to
from annot_server.views.current import server

ROWS = 50
ROOMS = {
    "Annotate": "/",
    "Progress": "/maintain",
    "Pace": "/maintain/pace",
    "People": "/maintain/people",
    "Review": "/review",
    "Clips": "/review/clips",
    "Agreement": "/maintain/agreement",
    "Snapshots": "/maintain/snapshots",
    "Audit": "/maintain/audit",
}
FOR_REVIEWERS = ("Annotate", "Review", "Clips")
NAVIGATION = {
    MAINTAINER: list(ROOMS.items()),
    REVIEWER: [(name, ROOMS[name]) for name in FOR_REVIEWERS],
}
SORTS = {
    "name": lambda row: row.video_id if isinstance(row, VideoProgress) else row.description,
    "frames": lambda row: row.frames,
    "retired": lambda row: row.retired,
    "answers": lambda row: row.answers,
    "share": lambda row: row.retired / row.frames if row.frames else 0.0,
}

blueprint = Blueprint("maintain", __name__)


@blueprint.app_context_processor
def navigation() -> dict[str, object]:
    """Give every page the names and addresses of the pages that its reader may open."""

    def here(role: str) -> str:
        """Return the address of the page whose part this one is."""
        mine = [path for _, path in NAVIGATION[role] if _is_within(request.path, path)]
        return max(mine, key=len, default="")

    return {"navigation": NAVIGATION, "navigation_here": here, "address": address}


def address(**changes: object) -> str:
    """Return this page's address with some arguments changed, and without those that are None."""
    values = request.args.to_dict() | changes
    kept = {name: value for name, value in values.items() if value not in (None, "")}
    return f"{request.path}?{urlencode(kept)}" if kept else request.path


def _is_within(path: str, room: str) -> bool:
    return path == room or (room != "/" and path.startswith(f"{room}/"))


@blueprint.get("/maintain")
@open_to(MAINTAINER)
def maintain() -> str:
    """Show how far the work is, and by video or by action."""
    now = server().now()
    by = "video" if request.args.get("by") == "video" else "action"
    with server().database.read() as session:
        clips = read_clips(session)
        days = count_days(session)
    found = progress_of(clips)
    rows: tuple[VideoProgress, ...] | tuple[ActionProgress, ...]
    rows = found.by_video if by == "video" else found.by_action
    missing = found.answers_wanted - found.answers_active
    return render_template(
        "maintain.html",
        progress=found,
        n_clips=len(clips),
        by=by,
        days=days,
        left=estimate(days, missing, now.date()),
        listing=listed(
            rows,
            Wish.of(request.args, sort="name"),
            size=ROWS,
            text=SORTS["name"],
            keys=SORTS,
        ),
    )


@blueprint.get("/maintain/pace")
@open_to(MAINTAINER)
def pace() -> str:
    """Show what answers take, day by day."""
    with server().database.read() as session:
        days = read_days(session)
    return render_template("maintain_pace.html", days=days)


@blueprint.get("/maintain/agreement")
@open_to(MAINTAINER)
def agreement() -> str:
    """Show how well people agree, and how far hints pull."""
    with server().database.read() as session:
        overview = read_agreement(session)
        figures = _figures(session)
    return render_template("maintain_agreement.html", overview=overview, figures=figures)


@blueprint.get("/maintain/audit")
@open_to(MAINTAINER)
def audit_page() -> str:
    """Show whether the promises hold, and who changed what."""
    wish = Wish.of(request.args, sort="")
    what = request.args.get("what", "")
    with server().database.read() as session:
        lines, total = read_log(session, what=what, words=wish.words, page=wish.page, size=ROWS)
        kinds = kinds_of_change(session)
        figures = _figures(session)
    return render_template(
        "maintain_audit.html",
        listing=paged(lines, total, wish, ROWS),
        what=what,
        kinds=kinds,
        figures=figures,
    )


def _figures(session: Session) -> Figures:
    this = server()
    return figures_to_show(session, window=this.config.gold_window, now=this.now())
