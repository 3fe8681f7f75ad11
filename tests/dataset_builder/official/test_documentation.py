from __future__ import annotations

import re
from pathlib import Path

from dataset_builder.official.defects import CODES
from dataset_builder.official.layouts import FILES
from dataset_builder.official.repaired import OTHER_STEP, UNICODE, ZERO_LENGTH
from dataset_builder.official.repairs import CLIPPED, INVERTED, SIDE_CUT

PAGE = Path(__file__).parents[3] / "docs" / "official.md"


def test_the_page_names_every_file_code_and_rule():
    named = set(re.findall(r"`([\w]+)`", PAGE.read_text(encoding="utf-8")))
    rules = {SIDE_CUT, INVERTED, CLIPPED, ZERO_LENGTH, OTHER_STEP, UNICODE}
    assert {*FILES, *CODES, *rules} - named == set()
