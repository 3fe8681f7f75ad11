from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from dataset_builder.exporters.citation import changelog, citation, write_papers


def test_a_built_release_is_cited_by_name_and_version_without_a_day(full_release):
    found = yaml.safe_load(citation(full_release))
    assert found["cff-version"] == "1.2.0"
    assert (found["title"], found["version"]) == (full_release.name, full_release.version)
    assert found["authors"] == [{"name": f"The makers of {full_release.name}"}]
    assert found.keys() >= {"message", "type"}
    assert not {"date-released", "references"} & found.keys()


def test_a_name_that_yaml_would_read_otherwise_stays_text(full_release):
    found = yaml.safe_load(citation(replace(full_release, name="1.0", version="1e3")))
    assert (found["title"], found["version"]) == ("1.0", "1e3")


@pytest.mark.parametrize(
    ("licence", "stated"), [("CC-BY-4.0", "CC-BY-4.0"), ("ask us", None), ("", None)]
)
def test_a_licence_is_never_made_up(full_release, tmp_path, licence, stated):
    release = replace(full_release, licence=licence)
    write_papers(release, tmp_path)
    assert yaml.safe_load((tmp_path / "CITATION.cff").read_text()).get("license") == stated
    assert (tmp_path / "LICENSE").is_file() == bool(licence)
    if licence:
        assert licence in (tmp_path / "LICENSE").read_text()


def test_the_changelog_tells_of_the_version(full_release):
    text = changelog(full_release)
    assert f"## {full_release.version}" in text
    assert f"{len(full_release.boxes):,} boxes" in text
    assert full_release.snapshot["snapshot_id"] in text
    parent = {"name": "demo", "version": "0.9.0", "digest": ""}
    assert "Since demo 0.9.0: `reports/diff-from-0.9.0.json`" in changelog(
        replace(full_release, parent=parent)
    )
    assert "Since" not in text
    assert "Given from outside" in changelog(replace(full_release, snapshot={}))
