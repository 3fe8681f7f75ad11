"""What a crowd panel is to the server: parameters in, a completion address out, states of a visit.

    the panel sends somebody to   /panel/NAME?<parameters>
    they finish here and go to    the completion address, which holds the code
    the panel's export says       how each submission ended

What stands in such a URL is no authentication: anybody can write one (see `panels`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from annot_server.errors import PanelUrlError, marked

IDENTIFIER = re.compile(r"[A-Za-z0-9._-]{1,100}\Z")


@dataclass(frozen=True, slots=True)
class Arrival:
    """Whom a panel sends, for which study, and under which submission."""

    person_key: str
    study_id: str
    submission_id: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One kind of panel.

    Args:
        name: as in `/panel/NAME` and in the settings.
        title: as people read it.
        parameters: the URL's names of person, study and submission.
        completion_url: where people go in the end, `{code}` standing for the code; empty where the
            settings give it.
        endings: the panel's own words for how a submission ended, in small letters; None for one
            that goes on.
        id_column, status_column: of the table that the panel exports.
    """

    name: str
    title: str
    parameters: tuple[str, str, str]
    completion_url: str
    id_column: str
    status_column: str
    endings: Mapping[str, str | None] = field(default_factory=dict)

    def arrival(self, given: Mapping[str, str]) -> Arrival:
        """Read who arrives from the parameters of the URL.

        Raises:
            PanelUrlError: one is missing, or is still the panel's placeholder.
        """
        values = [given.get(name, "") for name in self.parameters]
        if not all(IDENTIFIER.match(value) for value in values):
            raise PanelUrlError(
                marked("This address is not complete. Please open the study from the panel again.")
            )
        return Arrival(*values)

    def completed_at(self, code: str, url: str) -> str:
        """Return the address that tells the panel of a completed visit, empty where none is set."""
        pattern = url or self.completion_url
        if not pattern or ("{code}" in pattern and not code):
            return ""
        return pattern.replace("{code}", quote(code, safe=""))

    def ending(self, status: str) -> str | None:
        """Return how a visit ended by the panel's word for it; None while it goes on.

        Raises:
            KeyError: the word is not known.
        """
        return self.endings[" ".join(status.replace("_", " ").replace("-", " ").lower().split())]
