"""Crowd panels: who sends people here by a URL, and wants a completion code back.

Each provider is a module's `PANEL`; `find_panel` gives one by its name. A provider only reads and
writes what the panel and we agreed on: it never calls the panel over the network.
"""

from annot_server.providers.panel import Arrival, Panel
from annot_server.providers.prolific import PANEL as PROLIFIC
from annot_server.providers.url import PANEL as URL

PANELS: dict[str, Panel] = {panel.name: panel for panel in (PROLIFIC, URL)}

__all__ = ["PANELS", "Arrival", "Panel", "find_panel"]


def find_panel(name: str) -> Panel | None:
    """Return the panel of a name, None where there is none."""
    return PANELS.get(name)
