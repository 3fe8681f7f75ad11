"""The text that people agree to and its version change together."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import annot_server
from annot_server.consent import VERSION

TEXTS = {"2026-11": "07bf4f1542fe2bbc"}


def test_a_changed_text_has_a_new_version() -> None:
    path = Path(annot_server.__file__).parent / "templates" / "consent_text.html"
    sentences = re.findall(r'_\("([^"]*)"\)', path.read_text(encoding="utf-8"))
    assert len(sentences) > 5
    digest = hashlib.sha256("\n".join(sentences).encode()).hexdigest()[:16]
    assert TEXTS.get(VERSION) == digest, (
        "the text has changed: give consent.VERSION a new value, and note it here with its digest"
    )
