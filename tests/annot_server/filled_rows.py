"""Rows for every table and column that there is, by the migration that brought them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

Rows = dict[str, list[dict[str, Any]]]

AT = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)
SHA = "0123456789abcdef" * 4
CLIP = {"video_id": "v", "action_id": "crack_egg", "split": "test", "priority": 3}
FRAME = {"timestamp_s": 0.04, "image_sha256": SHA, "is_middle_frame": False, "redundancy": 2}
ANSWER = {"created_at": AT, "person_id": 1, "lease_id": 1, "slot_id": 1, "frame_id": 1}

# What each revision has room for, table by table in an order that references allow. A table or
# column that a migration adds is filled under its revision.
NEW_ROWS: dict[str, Rows] = {
    "0001": {
        "people": [
            {"id": 1, "name": "Ada Lovelace", "role": "annotator", "created_at": AT},
            {
                "id": 2,
                "name": "Šárka 明",
                "role": "maintainer",
                "created_at": AT,
                "consented_at": AT,
            },
        ],
        "actions": [{"action_id": "crack_egg", "description": "crack egg"}],
        "videos": [
            {"video_id": "v", "width": 640, "height": 480, "duration_s": 9.5, "sha256": SHA}
        ],
        "snapshots": [{"snapshot_id": "s", "digest": SHA, "answers": 1, "created_at": AT}],
        "audit_log": [
            {"id": 1, "at": AT, "person_id": 2, "what": "invite", "subject": "person 1"},
            {"id": 2, "at": AT, "person_id": None, "what": "import_clips", "subject": "a.csv"},
        ],
        "clips": [
            {"clip_id": "c1", "start_s": 0.0, "end_s": 2.5, "is_benchmark": True, **CLIP},
            {"clip_id": "c2", "start_s": 3.0, "end_s": 4.0, "is_benchmark": False, **CLIP},
        ],
        "invites": [
            {"id": 1, "token_sha256": SHA, "person_id": 1, "created_at": AT, "used_at": AT}
        ],
        "frames": [
            {
                "id": 1,
                "clip_id": "c1",
                "second": 0,
                "hint_quota": 2,
                "retired_at": AT,
                "retired_reason": "enough_answers",
                **FRAME,
            },
            {"id": 2, "clip_id": "c2", "second": 3, "hint_quota": 0, **FRAME},
        ],
        "leases": [
            {
                "id": 1,
                "person_id": 1,
                "clip_id": "c1",
                "created_at": AT,
                "expires_at": AT,
                "released_at": AT,
            },
        ],
        "prelabels": [
            {
                "id": 1,
                "frame_id": 1,
                "file_sha256": SHA,
                "model": "m",
                "checkpoint_digest": "d",
                "x": 0.25,
                "y": 1.0,
                "score": -1.5,
                "imported_at": AT,
            }
        ],
        "lease_frames": [{"lease_id": 1, "frame_id": 1, "arm": "assisted", "prelabel_id": 1}],
        "slots": [
            {"id": 1, "frame_id": 1, "k": 0, "person_id": 1, "arm": "assisted", "prelabel_id": 1},
            {"id": 2, "frame_id": 1, "k": 1},
            {"id": 3, "frame_id": 2, "k": 0, "person_id": 1, "lease_id": 1},
        ],
        "skips": [
            {
                "id": 1,
                "frame_id": 2,
                "person_id": 1,
                "lease_id": 1,
                "reason": "other",
                "comment": "zu dunkel",
                "created_at": AT,
                "undone_at": AT,
            }
        ],
        "answers": [
            {"id": 1, "idempotency_key": "one", "superseded_at": AT, **ANSWER},
            {"id": 4, "idempotency_key": "four", "set_aside_at": AT, **ANSWER},
            {
                "id": 2,
                "idempotency_key": "two",
                "x": 0.1,
                "y": 1 / 3,
                "supersedes_id": 1,
                "ms_since_paint": 700,
                "ms_taken": 1200,
                "pointer": "pen",
                "display_width": 640,
                "display_height": 480,
                "device_pixel_ratio": 1.5,
                "arm": "assisted",
                "prelabel_id": 1,
                "hint_x": 0.25,
                "hint_y": 1.0,
                "hint_score": -1.5,
                "hint_taken_by_key": False,
                "hint_distance": 0.5,
                **ANSWER,
            },
        ],
    },
    "0002": {
        "people": [
            {
                "id": 3,
                "name": "Rev",
                "role": "reviewer",
                "created_at": AT,
                "email": "rev@example.org",
                "password_hash": "$argon2id$",
                "panel": "prolific",
                "panel_id": "p3",
                "session_version": 4,
                "introduced_at": AT,
                "qualified_at": AT,
                "paused_at": AT,
                "paused_reason": "gold",
                "forgotten_at": AT,
            },
            {"id": 4, "name": "A model", "role": "model", "created_at": AT},
        ],
        "videos": [
            {
                "video_id": "w",
                "width": 64,
                "height": 48,
                "duration_s": 1.0,
                "sha256": SHA,
                "source_path": "/videos/w.mp4",
                "mime": "video/mp4",
            }
        ],
        "clips": [
            {
                "clip_id": "gold",
                "start_s": 0.0,
                "end_s": 1.0,
                "is_benchmark": False,
                "is_gold": True,
                **CLIP,
            }
        ],
        "invites": [
            {"id": 2, "token_sha256": SHA[::-1], "person_id": 3, "created_at": AT, "expires_at": AT}
        ],
        "frames": [
            {
                "id": 3,
                "clip_id": "gold",
                "second": 0,
                "hint_quota": 0,
                "n_clicks": 2,
                "n_not_visible": 0,
                "n_close": 2,
                "pairwise_distance": 0.25,
                "disagreement": 0.5,
                "settled_at": AT,
                **FRAME,
            }
        ],
        "lease_frames": [{"lease_id": 1, "frame_id": 3}],
        "answers": [
            {
                "id": 3,
                "idempotency_key": "three",
                "set_aside_at": AT,
                "zoom": 2.5,
                "context_ms": 900,
                **ANSWER,
            }
        ],
        "sign_in_attempts": [{"id": 1, "key": SHA, "at": AT}],
        "api_tokens": [
            {
                "id": 1,
                "person_id": 4,
                "name": "nightly",
                "token_sha256": SHA,
                "scopes": "prelabels",
                "created_at": AT,
                "expires_at": AT,
                "last_used_at": AT,
                "revoked_at": AT,
            }
        ],
        "jobs": [
            {
                "id": 1,
                "kind": "snapshot",
                "arguments": "{}",
                "state": "done",
                "created_at": AT,
                "created_by": 2,
                "started_at": AT,
                "worked_at": AT,
                "finished_at": AT,
                "n_done": 3,
                "n_total": 3,
                "message": "done",
                "result": "{}",
            }
        ],
        "panel_visits": [
            {
                "id": 1,
                "person_id": 3,
                "panel": "prolific",
                "study_id": "s",
                "submission_id": "x",
                "arrived_at": AT,
                "ended_at": AT,
                "ended_as": "completed",
            }
        ],
        "gold_frames": [
            {
                "frame_id": 3,
                "purpose": "hidden",
                "x": 0.5,
                "y": 0.5,
                "tolerance": 0.08,
                "note": "the egg",
                "created_at": AT,
                "withdrawn_at": AT,
            }
        ],
        "qualification_answers": [
            {
                "id": 1,
                "person_id": 3,
                "attempt": 1,
                "frame_id": 3,
                "x": 0.5,
                "y": 0.5,
                "is_right": True,
                "distance": 0.0,
                "created_at": AT,
            }
        ],
        "gold_answers": [
            {
                "id": 1,
                "frame_id": 3,
                "person_id": 1,
                "lease_id": 1,
                "idempotency_key": "gold",
                "created_at": AT,
                "superseded_at": AT,
                "x": 0.5,
                "y": 0.25,
                "is_right": False,
                "distance": 0.5,
                "ms_since_paint": 1,
                "ms_taken": 2,
                "pointer": "touch",
            }
        ],
    },
    "0003": {
        "people": [
            {"id": 5, "name": "Five", "role": "annotator", "created_at": AT, "judged_from": AT}
        ]
    },
    "0004": {
        "people": [
            {"id": 6, "name": "Six", "role": "annotator", "created_at": AT, "consent_version": "2"}
        ]
    },
    "0007": {
        "invites": [
            {
                "id": 3,
                "token_sha256": SHA[1:] + "0",
                "person_id": 1,
                "created_at": AT,
                "used_at": AT,
                "browser_sha256": SHA,
            }
        ],
        "panel_visits": [
            {
                "id": 3,
                "person_id": 3,
                "panel": "prolific",
                "study_id": "s",
                "submission_id": "x3",
                "arrived_at": AT,
                "browser_sha256": SHA,
            }
        ],
    },
}
