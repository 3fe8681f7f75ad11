"""The files of a study: study.md, study.json, study.png."""

from __future__ import annotations

from pathlib import Path

from dataset_builder import tables
from stg_model.study.conduct import Results
from stg_model.study.plot import plot_study
from stg_model.study.report import study_json, study_markdown
from stg_model.study.settings import Study


def write_study(study: Study, results: Results, out: Path) -> list[Path]:
    """Write what was found and return the files."""
    found = [out / "study.md", out / "study.json"]
    texts = [study_markdown(study, results), tables.canonical_json(study_json(study, results))]
    for path, text in zip(found, texts, strict=True):
        with tables.replaced_file(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    picture = out / "study.png"
    return [*found, picture] if plot_study(study, results, picture) else found
