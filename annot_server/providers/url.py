"""Any panel that can put three values into a link: /panel/url?participant=..&study=..&submission=..

Where people go in the end is the setting `panel_completion_url`.
"""

from __future__ import annotations

from annot_server.models import PANEL_ENDINGS
from annot_server.providers.panel import Panel

PANEL = Panel(
    name="url",
    title="the panel",
    parameters=("participant", "study", "submission"),
    completion_url="",
    id_column="submission",
    status_column="status",
    endings={"active": None, **{ending.replace("_", " "): ending for ending in PANEL_ENDINGS}},
)
