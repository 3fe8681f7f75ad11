"""Prolific: the study's URL, its completion address, and the words of its export.

Study link: https://HOST/panel/prolific?PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}
&SESSION_ID={{%SESSION_ID%}}; the session is what Prolific's export calls "Submission id".
"""

from __future__ import annotations

from annot_server.providers.panel import Panel

PANEL = Panel(
    name="prolific",
    title="Prolific",
    parameters=("PROLIFIC_PID", "STUDY_ID", "SESSION_ID"),
    completion_url="https://app.prolific.com/submissions/complete?cc={code}",
    id_column="Submission id",
    status_column="Status",
    endings={
        "reserved": None,
        "active": None,
        "awaiting review": "completed",
        "approved": "completed",
        "partially approved": "completed",
        "screened out": "returned",
        "returned": "returned",
        "timed out": "timed_out",
        "rejected": "rejected",
    },
)
