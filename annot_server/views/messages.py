"""What somebody is told who gets no frames now, in their language."""

from __future__ import annotations

from flask_babel import gettext as _

from annot_server.quality.standing import PAUSED, TO_QUALIFY


def message_for(reason: str) -> str | None:
    """Return the sentence for a reason of `POST /leases`; None where the page says it all."""
    if reason == PAUSED:
        return str(
            _(
                "Thank you for your work so far. Before you go on we would like to look at your "
                "answers together with you; the person who invited you will be in touch. What you "
                "have answered is saved."
            )
        )
    if reason == TO_QUALIFY:
        return str(_("Before the first frames there is a short exercise with feedback."))
    return None
