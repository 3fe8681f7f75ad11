"""Releases of published files, falsified one way at a time with every digest written anew."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from dataset_builder import tables
from dataset_builder.cli import main
from dataset_builder.errors import InputError
from dataset_builder.official.imported import import_official
from dataset_builder.verify import verify_release
from tests.dataset_builder.falsifying import change_file, change_rows, drop_first

FIRST = "landscape_1_12000-14000_purée-it"
CRACKED, BEATEN = "landscape_1_2000-6000_crack-egg", "landscape_1_5000-8000_beat-egg"


@pytest.fixture
def imported(publish, tmp_path) -> Path:
    import_official(publish(), tmp_path / "imported", repaired=True)
    return tmp_path / "imported"


def row_of(clip_id: str, at: int, **values):
    """Return a change of the row of one frame."""

    def change(rows) -> None:
        next(r for r in rows if (r["clip_id"], r["second"]) == (clip_id, at)).update(values)

    return change


def found(folder: Path, published: Path | None = None) -> set[tuple[str, str]]:
    return {(f.code, f.where) for f in verify_release(folder, published=published).findings}


@pytest.mark.parametrize("name", ["faithful", "repaired"])
def test_a_release_is_derived_anew_from_the_files_or_from_their_import(imported, tmp_path, name):
    for published in (imported, tmp_path / "published"):
        outcome = verify_release(imported / name, published=published)
        assert outcome.findings == ()
        assert not any("derivation" in t or "left_out" in t for t in outcome.not_checked)
    alone = verify_release(imported / name)
    assert alone.findings == ()
    assert any("pass the published files" in text for text in alone.not_checked)


TOLD_BY_ITS_RULES = [
    ("boxes", row_of(CRACKED, 3, x2=639 / 640), ("box_differs", f"{CRACKED}/3")),
    ("boxes", row_of(BEATEN, 7, x1=350 / 640), ("box_differs", f"{BEATEN}/7")),
    ("boxes", row_of(CRACKED, 3, y1=0.3001), ("box_differs", f"{CRACKED}/3")),
    ("boxes", row_of(CRACKED, 3, rule="as_published"), ("rule_differs", f"{CRACKED}/3")),
    ("boxes", row_of(CRACKED, 3, rule="side_cut+inverted"), ("rule_differs", f"{CRACKED}/3")),
    ("boxes", row_of(CRACKED, 3, rule="guessed"), ("rule_differs", f"{CRACKED}/3")),
    ("boxes", row_of(CRACKED, 2, rule="clipped"), ("rule_differs", f"{CRACKED}/2")),
    ("boxes", row_of(CRACKED, 2, rule="zero_length"), ("rule_differs", f"{CRACKED}/2")),
    ("boxes", row_of(CRACKED, 2, x2=480 / 640), ("rule_differs", f"{CRACKED}/2")),
    ("boxes", row_of(BEATEN, 6, rule="side_cut"), ("rule_differs", f"{BEATEN}/6")),
    ("frames", row_of(CRACKED, 3, mean_x=0.7), ("box_differs", f"{CRACKED}/3")),
    ("frames", row_of(CRACKED, 3, mean_x=None, mean_y=None), ("box_differs", f"{CRACKED}/3")),
]


@pytest.mark.parametrize(("table", "change", "expected"), TOLD_BY_ITS_RULES)
def test_an_edited_box_contradicts_its_rule(imported, table, change, expected):
    change_rows(imported / "repaired", table, change)
    assert expected in found(imported / "repaired")


TOLD_BY_THE_FILES = [
    ("faithful", "boxes", row_of(CRACKED, 2, y1=0.25), ("box_differs", f"{CRACKED}/2")),
    ("faithful", "frames", drop_first, ("frame_missing", f"{FIRST}/12")),
    ("repaired", "boxes", row_of(CRACKED, 2, y1=0.25), ("box_differs", f"{CRACKED}/2")),
    ("repaired", "frames", row_of(CRACKED, 4, reason="lost"), ("frame_differs", f"{CRACKED}/4")),
    ("repaired", "frames", row_of(CRACKED, 4, second=44), ("frame_unexpected", f"{CRACKED}/44")),
    ("repaired", "actions", drop_first, ("unreadable", "repaired")),
    (
        "repaired",
        "videos",
        lambda r: r[0].update(duration_s=99.0),
        ("video_differs", "landscape_1"),
    ),
]


@pytest.mark.parametrize(("name", "table", "change", "expected"), TOLD_BY_THE_FILES)
def test_what_the_rules_do_not_tell_the_files_do(imported, name, table, change, expected):
    change_rows(imported / name, table, change)
    assert expected in found(imported / name, imported_again(imported))


def imported_again(imported: Path) -> Path:
    return imported.parent / "published"


def test_a_box_that_was_dropped_is_found(imported):
    change_rows(imported / "repaired", "boxes", drop_first)
    expected = {("box_missing", f"{FIRST}/12"), ("kept_differs", f"{FIRST}/12")}
    assert expected <= found(imported / "repaired", imported_again(imported))


def test_other_files_than_those_of_the_manifest_are_told(imported):
    def edit(text: str) -> str:
        manifest = json.loads(text)
        manifest["settings"]["boxes_sha256"] = "0" * 64
        return tables.canonical_json(manifest)

    change_file(imported / "repaired", "manifest.json", edit)
    outcome = verify_release(imported / "repaired", published=imported_again(imported))
    assert ("source_differs", "settings: boxes_sha256 differ from what the files give") in [
        (f.code, f.message) for f in outcome.findings
    ]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('"derivation": "means"', '"derivation": "none"', "derivation_differs"),
        ('"rule": "repaired"', '"rule": "guessed"', "source_differs"),
        ('"rule": "repaired"', '"rule": "as_published"', "box_differs"),
    ],
)
def test_another_word_on_how_it_was_made_is_told(imported, old, new, code):
    change_file(imported / "repaired", "manifest.json", lambda text: text.replace(old, new))
    assert code in {c for c, _ in found(imported / "repaired", imported_again(imported))}


def test_a_folder_without_the_file_is_refused_in_one_line(imported, tmp_path):
    shutil.move(tmp_path / "published/GoundingYouTubeBox.json", tmp_path / "elsewhere.json")
    with pytest.raises(InputError, match=r"has no file GoundingYouTubeBox\.json"):
        verify_release(imported / "faithful", published=tmp_path / "published")
    arguments = ["verify", str(imported / "faithful"), "--published", str(tmp_path / "published")]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
