from __future__ import annotations

import json

import pytest
import yaml

from dataset_builder.exporters.huggingface import dataset_card, write_huggingface
from dataset_builder.official.imported import import_official
from dataset_builder.release import read_release
from dataset_builder.verify import verify_release

PAPERS = ("README.md", "CITATION.cff", "CHANGELOG.md", "croissant.json", "SHA256SUMS")


@pytest.fixture
def imported(publish, tmp_path):
    out = tmp_path / "imported"
    import_official(publish(), out, repaired=True)
    return out


@pytest.mark.parametrize("name", ["faithful", "repaired"])
def test_a_release_of_published_files_is_a_whole_one(imported, name):
    for paper in PAPERS:
        assert (imported / name / paper).is_file(), paper
    assert not (imported / name / "LICENSE").exists()
    card = (imported / name / "README.md").read_text()
    block = yaml.safe_load(card.split("---\n")[1])
    paths = {config["data_files"][0]["path"] for config in block["configs"]}
    found = {p.relative_to(imported / name).as_posix() for p in imported.glob(f"{name}/data/*")}
    # `datasets` cannot load a table without rows.
    assert found - paths == {"data/answers.parquet", "data/annotators.parquet"}
    assert "not_visible`; empty here." in card
    assert "license" not in block
    assert "answers in the snapshot" not in card


def test_the_card_of_the_repaired_release_counts_every_rule(imported):
    card = dataset_card(read_release(imported / "repaired"))
    rows = [line.split(" | ") for line in card.splitlines() if line.startswith("| `")]
    counts = {cells[0].strip("| `"): cells[-1].strip(" |") for cells in rows}
    assert counts == {
        "side_cut": "3", "inverted": "1", "clipped": "1", "zero_length": "1", "unicode": "1",
    }  # fmt: skip
    assert "10 of 16 boxes stand `as_published`" in card
    for name in ("GoundingYouTubeBox.json", "seg.json", "id2wh.json"):
        assert f"`{name}`" in card


def test_the_card_of_the_faithful_release_repairs_nothing(imported):
    card = dataset_card(read_release(imported / "faithful"))
    assert "as the public loader takes them" in card
    assert "side_cut" not in card
    assert not (imported / "faithful/compat").exists()
    assert (imported / "repaired/compat/grounding-youtube/GoundingYouTubeBox.json").is_file()


def test_the_paper_is_cited_and_the_repairs_stand_in_the_changelog(imported):
    for name in ("faithful", "repaired"):
        cited = yaml.safe_load((imported / name / "CITATION.cff").read_text())
        assert cited["references"][0]["authors"] == cited["authors"]
        assert cited["authors"][0] == {"given-names": "Brian", "family-names": "Chen"}
    assert "`side_cut`, 3 boxes:" in (imported / "repaired/CHANGELOG.md").read_text()
    assert "side_cut" not in (imported / "faithful/CHANGELOG.md").read_text()


def test_a_stated_licence_stands_in_both_releases(publish, tmp_path):
    out = tmp_path / "out"
    import_official(publish(), out, repaired=True, licence="CC-BY-4.0")
    for name in ("faithful", "repaired"):
        assert "license: cc-by-4.0" in (out / name / "README.md").read_text()
        assert "CC-BY-4.0" in (out / name / "LICENSE").read_text()
        assert read_release(out / name).licence == "CC-BY-4.0"


def test_the_repaired_release_names_the_faithful_one_as_its_parent(imported):
    faithful, repaired = (read_release(imported / name) for name in ("faithful", "repaired"))
    assert repaired.parent == {
        "name": "GroundingYouTube", "version": "1.0.0", "digest": faithful.digest,
    }  # fmt: skip
    assert verify_release(imported / "repaired", parent=imported / "faithful").is_ok
    described = json.loads((imported / "repaired/croissant.json").read_text())
    names = {file["name"] for file in described["distribution"]}
    assert "reports/diff-from-1.0.0.json" in names
    assert "`reports/diff-from-1.0.0.json`" in (imported / "repaired/CHANGELOG.md").read_text()


def test_the_folder_for_the_hub_is_the_release_but_for_what_lists_its_files(imported, tmp_path):
    (tmp_path / "hub").mkdir()
    write_huggingface(read_release(imported / "repaired"), tmp_path / "hub")
    (tmp_path / "hub/croissant.json").unlink()
    for path in (tmp_path / "hub").rglob("*.*"):
        ours = imported / "repaired" / path.relative_to(tmp_path / "hub")
        assert path.read_bytes() == ours.read_bytes(), path
