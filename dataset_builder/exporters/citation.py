"""How to cite a release, and what changed in it: `CITATION.cff`, `CHANGELOG.md`, `LICENSE`.

The first is of the Citation File Format 1.2.0. It has no date, since the same release gives the
same bytes on any day; whoever publishes adds one. A licence is never made up: `LICENSE` is written
only where the release states one.
"""

from __future__ import annotations

import json
from pathlib import Path

from dataset_builder.exporters.published import changelog_entry, is_published
from dataset_builder.release import Release, counts_of

_SPDX = (
    "Apache-2.0",
    "CC-BY-4.0",
    "CC-BY-NC-4.0",
    "CC-BY-NC-ND-4.0",
    "CC-BY-NC-SA-4.0",
    "CC-BY-ND-4.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "MIT",
    "ODbL-1.0",
    "PDDL-1.0",
)
"""Identifiers that the format takes; another licence stands in `LICENSE` alone."""

_AUTHORS = (
    ("Brian", "Chen"),
    ("Nina", "Shvetsova"),
    ("Andrew", "Rouditchenko"),
    ("Daniel", "Kondermann"),
    ("Samuel", "Thomas"),
    ("Shih-Fu", "Chang"),
    ("Rogerio", "Feris"),
    ("James", "Glass"),
    ("Hilde", "Kuehne"),
)
_PAPER = (
    "What, when, and where? Self-Supervised Spatio-Temporal Grounding in Untrimmed Multi-Action "
    "Videos from Narrated Instructions"
)


def write_papers(release: Release, folder: Path) -> None:
    """Write the files into a release's folder."""
    papers = {"CITATION.cff": citation(release), "CHANGELOG.md": changelog(release)}
    if release.licence:
        papers["LICENSE"] = f"The data of {release.name} {release.version}: {release.licence}\n"
    for name, text in papers.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")


def citation(release: Release) -> str:
    """Return the text of `CITATION.cff`."""
    paper = " and the paper that it comes from" if is_published(release) else ""
    people = _people() if is_published(release) else [f"- name: {_text(_makers(release))}"]
    lines = [
        "cff-version: 1.2.0",
        f"message: If you use this data set, please cite it{paper}.",
        "type: dataset",
        f"title: {_text(release.name)}",
        f"version: {_text(release.version)}",
        *([f"license: {release.licence}"] if release.licence in _SPDX else ()),
        "authors:",
        *people,
    ]
    if is_published(release):
        lines += [
            "references:",
            "- type: conference-paper",
            f"  title: {_text(_PAPER)}",
            "  conference:",
            '    name: "CVPR 2024"',
            "  year: 2024",
            "  url: https://arxiv.org/abs/2303.16990",
            "  authors:",
            *(f"  {line}" for line in people),
        ]
    return "\n".join(lines) + "\n"


def changelog(release: Release) -> str:
    """Return the text of `CHANGELOG.md`, which tells of this version."""
    entry = changelog_entry(release) if is_published(release) else _built(release)
    return f"# Changelog of {release.name}\n\n## {release.version}\n\n{entry}"


def _built(release: Release) -> str:
    counts = counts_of(release)
    names = ("videos", "clips", "frames", "answers", "boxes", "tubes")
    text = ", ".join(f"{counts[name]:,} {name}" for name in names)
    snapshot = release.snapshot.get("snapshot_id")
    source = f"From snapshot `{snapshot}`" if snapshot else "Given from outside"
    return f"- {source}: {text}.\n{_since_parent(release)}"


def _since_parent(release: Release) -> str:
    if not release.parent:
        return ""
    name, version = release.parent["name"], release.parent["version"]
    return f"- Since {name} {version}: `reports/diff-from-{version}.json` counts what changed.\n"


def _makers(release: Release) -> str:
    return f"The makers of {release.name}"


def _people() -> list[str]:
    return [
        line
        for given, family in _AUTHORS
        for line in (f"- given-names: {given}", f"  family-names: {family}")
    ]


def _text(text: str) -> str:
    """Return text as YAML, of which JSON is a part."""
    return json.dumps(text)
