"""Whether a release's files are those that its lists name, and its parent the one it says."""

from __future__ import annotations

import importlib.metadata
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dataset_builder import tables
from dataset_builder.changes import compare_releases, read_content
from dataset_builder.changes_report import parent_link, report_of, report_path
from dataset_builder.errors import InputError
from dataset_builder.exporters import croissant
from dataset_builder.exporters.citation import write_papers
from dataset_builder.exporters.grounding_youtube import FOLDER, grounding_youtube_files
from dataset_builder.exporters.huggingface import write_card
from dataset_builder.findings import Finding
from dataset_builder.release import (
    TABLES,
    Release,
    counts_of,
    row_that_points_nowhere,
    table_contents,
)
from dataset_builder.version_steps import STEPS, stated_step, step_text, version_step

README = "README.md"
_MADE_WITH = f"grounding-circle {importlib.metadata.version('grounding-circle')}"


def file_findings(path: Path) -> Iterator[Finding]:
    """Yield each file that is not the one of `SHA256SUMS`."""
    for problem in tables.check_sums(path):
        name, _, message = problem.partition(": ")
        yield Finding("file_differs", name, message)


def count_findings(path: Path, release: Release) -> Iterator[Finding]:
    """Yield each count of the manifest that is not that of the tables."""
    stated = tables.read_json(path / "manifest.json").get("counts")
    for name, count in counts_of(release).items():
        found = stated.get(name) if isinstance(stated, Mapping) else None
        if found != count:
            message = f"manifest counts {found!r} {name}, the tables hold {count}"
            yield Finding("counts_differ", "manifest.json", message)


def content_findings(path: Path, not_checked: list[str]) -> Iterator[Finding]:
    """Yield each table whose rows are not those of which the manifest has the digest."""
    stated = tables.read_json(path / "manifest.json").get("tables")
    if stated is None:
        not_checked.append("contents of tables: the manifest is older and has no digests of them")
        return
    stated = stated if isinstance(stated, Mapping) else {}
    try:
        found = table_contents(path)
    except InputError as error:
        yield Finding("content_differs", "manifest.json", str(error))
        return
    for name in sorted({*stated, *found}):
        if stated.get(name) != found.get(name):
            message = (
                f"manifest says {_short(stated.get(name))}, the table {_short(found.get(name))}"
            )
            yield Finding("content_differs", f"data/{name}.parquet", message)


def parent_findings(
    path: Path, release: Release, parent: Path | None, not_checked: list[str]
) -> Iterator[Finding]:
    """Yield what is wrong with the parent that a release names; `parent` is its folder."""
    link = dict(release.parent)
    if not link:
        if parent is not None:
            yield Finding("parent_differs", "manifest.json", "the release names no parent")
        return
    if stated_step(link["version"], release.version) not in STEPS[1:]:
        message = f"{release.version} does not come after {link['version']}, that of the parent"
        yield Finding("version_not_later", "manifest.json", message)
    report = report_path(path, link["version"])
    where = report.relative_to(path).as_posix()
    if not report.is_file():
        yield Finding("changes_missing", where, "the release names a parent; the file is not there")
    if parent is None:
        name = f"{link['name']} {link['version']}"
        not_checked.append(f"what changed since the parent {name}: pass its folder as --parent")
        return
    found = parent_link(read_content(parent))
    if found != link:
        message = f"the manifest names {_link(link)}; the folder given is {_link(found)}"
        yield Finding("parent_differs", "manifest.json", message)
    elif report.is_file():
        yield from _change_findings(path, parent, report, where)


def _change_findings(path: Path, parent: Path, report: Path, where: str) -> Iterator[Finding]:
    try:
        changes = compare_releases(parent, path)
    except InputError as error:
        yield Finding("changes_differ", where, f"cannot be made anew ({error})")
        return
    step = version_step(changes)
    if not step.is_enough:
        yield Finding("version_too_small", "manifest.json", step_text(changes, step))
    if report.read_bytes() != tables.canonical_json(report_of(changes)).encode():
        yield Finding("changes_differ", where, "the two releases give other content")


def text_findings(path: Path, release: Release, not_checked: list[str]) -> Iterator[Finding]:
    """Yield each text that the tables would give otherwise, and each file that no release has.

    A release of tables only has no texts at all.
    """
    if row_that_points_nowhere(release):
        not_checked.append("README.md and its like: a row of the tables points nowhere")
        return
    with tempfile.TemporaryDirectory() as temporary:
        write_card(release, Path(temporary) / README)
        write_papers(release, Path(temporary))
        texts = {file.name: file.read_bytes() for file in Path(temporary).iterdir()}
    yield from _unexpected_files(path, release, texts)
    if not any((path / name).is_file() for name in (*texts, croissant.FILE)):
        return
    if release.made_with != _MADE_WITH:
        names = ", ".join(sorted({*texts, croissant.FILE}))
        not_checked.append(f"{names}: {release.made_with!r} wrote them, this is {_MADE_WITH!r}")
        return
    texts[croissant.FILE] = tables.canonical_json(croissant.croissant(release, path)).encode()
    for name, expected in sorted(texts.items()):
        if not (path / name).is_file():
            yield Finding("text_missing", name, "the file is not there, others of its kind are")
        elif (path / name).read_bytes() != expected:
            yield Finding("text_differs", name, "the tables and the manifest give other content")


def _unexpected_files(
    path: Path, release: Release, texts: Mapping[str, bytes]
) -> Iterator[Finding]:
    known = {"manifest.json", tables.SUMS_NAME, croissant.FILE, *texts}
    known |= {f"data/{name}.parquet" for name in TABLES}
    known |= {f"{FOLDER}/{name}" for name in grounding_youtube_files(release)}
    if release.parent:
        report = report_path(path, release.parent["version"])
        known.add(report.relative_to(path).as_posix())
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        if not file.is_dir() and name not in known:
            yield Finding("file_unexpected", name, "no release has a file of this name")


def compat_findings(path: Path, release: Release) -> Iterator[Finding]:
    """Compare the exported JSON with what the tables give; a release need not have it at all."""
    folder = path / FOLDER
    if release.derivation != "clicks" and not folder.is_dir():
        return
    for name, expected in grounding_youtube_files(release).items():
        where = f"{FOLDER}/{name}"
        file = folder / name
        if not file.is_file():
            yield Finding("compat_missing", where, "the file is not there")
        elif file.read_bytes() != expected.encode():
            message = f"the tables give other content{_first_difference(file, expected)}"
            yield Finding("compat_differs", where, message)


def _first_difference(file: Path, expected: str) -> str:
    found = _loaded(file)
    wanted: dict[str, Any] = json.loads(expected)
    videos = [v for v in sorted({*found, *wanted}) if found.get(v) != wanted.get(v)]
    return f", first for video {videos[0]!r} ({len(videos)} such)" if videos else ""


def _loaded(file: Path) -> dict[str, Any]:
    try:
        value = tables.read_json(file)
    except InputError:
        return {}
    return value if isinstance(value, dict) else {}


def _short(content: object) -> str:
    if not isinstance(content, Mapping):
        return "nothing"
    return f"{content.get('rows')} rows of {str(content.get('content_sha256'))[:12]}"


def _link(link: Mapping[str, str]) -> str:
    return f"{link['name']} {link['version']} ({link['digest'][:12]})"
