"""Every rule that is cited, as R12, stands in docs/rules.md, and every one there is cited."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("annot_server", "dataset_builder", "stg_model", "static", "tests", "examples", "docs")
CITED = re.compile(r"(?<![\w-])R\d{1,2}(?![\w-])")
HOME = ROOT / "docs" / "rules.md"


def test_cited_rules_are_the_listed_ones():
    listed = Counter(re.findall(r"^- \*\*(R\d+)\*\*", HOME.read_text(encoding="utf-8"), re.M))
    files = [path for name in FOLDERS for path in (ROOT / name).rglob("*.*")]
    text = "\n".join(
        path.read_text(encoding="utf-8")
        for path in [*files, *ROOT.glob("*.md")]
        if path.suffix in (".py", ".js", ".md", ".html") and path not in (HOME, Path(__file__))
    )
    assert set(CITED.findall(text)) == set(listed)
    assert set(listed.values()) == {1}
