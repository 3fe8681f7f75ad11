"""Releases that name the one before: the link, the report of changes, and the version."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from dataset_builder import tables
from dataset_builder.build import build_release, write_built_release
from dataset_builder.changes import read_content
from dataset_builder.cli import main
from dataset_builder.errors import InputError
from dataset_builder.release import read_release
from dataset_builder.settings import BuildSettings
from dataset_builder.verify import verify_release
from tests.dataset_builder.falsifying import change_file, change_rows, put


@pytest.fixture(scope="module")
def family(make_snapshot, tmp_path_factory) -> Path:
    """Return a folder with releases 1.0.0 and 1.1.0, which has a clip more and names it."""
    folder = tmp_path_factory.mktemp("family")
    first = build_release(make_snapshot(n_clips=6), name="demo", version="1.0.0")
    write_built_release(folder / "first", first)
    second = build_release(make_snapshot(n_clips=7), name="demo", version="1.1.0")
    write_built_release(folder / "second", second, parent=read_content(folder / "first"))
    return folder


@pytest.fixture
def folder(family, tmp_path) -> Path:
    return Path(shutil.copytree(family, tmp_path / "family"))


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def codes(folder: Path) -> set[str]:
    outcome = verify_release(folder / "second", parent=folder / "first")
    return {finding.code for finding in outcome.findings}


def test_a_release_names_its_parent_and_tells_what_changed(family):
    release = read_release(family / "second")
    digest = tables.read_sums_digest(family / "first")
    assert release.parent == {"name": "demo", "version": "1.0.0", "digest": digest}
    report = tables.read_json(family / "second/reports/diff-from-1.0.0.json")
    assert report["parent"] == release.parent
    assert report["step"]["needed"] == report["step"]["stated"] == "minor"
    assert report["tables"]["clips"]["added"] == 1
    assert report["tables"]["clips"]["removed"] == 0
    assert report["main_boxes_moved"]["count"] == 0
    contents = tables.read_json(family / "first/manifest.json")["tables"]
    assert report["tables"]["clips"]["content_sha256"][0] == contents["clips"]["content_sha256"]


def test_a_release_without_a_parent_says_so(family):
    assert read_release(family / "first").parent == {}
    assert not (family / "first/reports").exists()


def test_a_release_with_parent_and_licence_is_replaced_by_one_without(folder, make_snapshot):
    second = replace(read_release(folder / "second"), licence="CC0-1.0")
    write_built_release(
        folder / "second", second, parent=read_content(folder / "first"), force=True
    )
    assert (folder / "second/LICENSE").is_file()
    plain = build_release(make_snapshot(n_clips=7), name="demo", version="1.1.0")
    write_built_release(folder / "second", plain, force=True)
    names = {path.name for path in (folder / "second").iterdir()}
    assert names == {path.name for path in (folder / "first").iterdir()}
    assert verify_release(folder / "second").findings == ()


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("1.0.0", "version 1.0.0 does not come after 1.0.0, that of the parent demo 1.0.0"),
        ("0.9.0", "version 0.9.0 does not come after 1.0.0"),
        ("1.0.1", r"a minor step is needed, but .* 1.0.0 -> 1.0.1, a step of patch \(clips that"),
    ],
)
def test_a_version_that_the_changes_do_not_allow_leaves_nothing_behind(
    family, make_snapshot, tmp_path, version, message
):
    release = build_release(make_snapshot(n_clips=7), name="demo", version=version)
    with pytest.raises(InputError, match=message):
        write_built_release(tmp_path / "out", release, parent=read_content(family / "first"))
    assert list(tmp_path.iterdir()) == []


def test_other_settings_need_a_major_step(family, make_snapshot, tmp_path):
    settings = BuildSettings(splits="train=1,test=1")
    release = build_release(make_snapshot(), name="demo", version="1.9.0", settings=settings)
    parent = read_content(family / "first")
    with pytest.raises(InputError, match="a major step is needed"):
        write_built_release(tmp_path / "out", release, parent=parent)
    write_built_release(tmp_path / "out", replace(release, version="2.0.0"), parent=parent)
    texts = [
        reason["text"]
        for reason in tables.read_json(tmp_path / "out/reports/diff-from-1.0.0.json")["step"][
            "reasons"
        ]
    ]
    assert 'setting splits was "", is "train=1,test=1"' in texts
    assert any(text.startswith("clips of another split: ") for text in texts)


def test_a_parent_that_does_not_know_a_setting_had_its_default(folder, make_snapshot, tmp_path):
    def forget(text: str) -> str:
        manifest = json.loads(text)
        for name in ("splits", "split_salt", "benchmark_splits"):
            del manifest["settings"][name]
        del manifest["tables"], manifest["parent"]
        return tables.canonical_json(manifest)

    change_file(folder / "first", "manifest.json", forget)
    assert read_release(folder / "first").parent == {}
    release = build_release(make_snapshot(n_clips=7), name="demo", version="1.1.0")
    write_built_release(tmp_path / "out", release, parent=read_content(folder / "first"))
    outcome = verify_release(folder / "first")
    assert {f.code for f in outcome.findings} <= {"text_differs"}
    assert any("has no digests of them" in text for text in outcome.not_checked)


def test_verify_makes_the_report_anew_where_the_parent_is_at_hand(family):
    assert codes(family) == set()
    alone = verify_release(family / "second")
    assert alone.is_ok
    assert any("pass its folder as --parent" in text for text in alone.not_checked)


def test_another_parent_is_found(folder):
    assert "parent_differs" in {
        f.code for f in verify_release(folder / "first", parent=folder / "second").findings
    }
    change_rows(folder / "first", "videos", put(duration_s=99.0))
    assert codes(folder) == {"parent_differs"}


EDITS = [
    ('"version": "1.1.0"', '"version": "1.0.0"', "version_not_later"),
    ('"version": "1.1.0"', '"version": "1.0.9"', "version_too_small"),
    ('"digest"', '"dugest"', "unreadable"),
]


@pytest.mark.parametrize(("old", "new", "code"), EDITS)
def test_an_edited_link_is_found(folder, old, new, code):
    change_file(folder / "second", "manifest.json", lambda text: text.replace(old, new))
    assert code in codes(folder)


def test_an_edited_or_missing_report_is_found(folder):
    name = "reports/diff-from-1.0.0.json"
    change_file(folder / "second", name, lambda text: text.replace('"added": 1', '"added": 0'))
    assert codes(folder) == {"changes_differ", "text_differs"}
    (folder / "second" / name).unlink()
    tables.write_sums(folder / "second")
    assert codes(folder) == {"changes_missing", "text_differs"}


def test_the_command_names_the_parent_and_refuses_a_version_in_one_line(
    family, make_snapshot, write_snapshot_folder, tmp_path
):
    snapshot = write_snapshot_folder(make_snapshot(n_clips=7), tmp_path / "snapshot")
    named = ("--name", "demo", "--parent", family / "first", "--version")
    refused = run("build", snapshot, tmp_path / "out", *named, "1.0.1")
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert "a minor step is needed" in refused.stderr
    early = run("build", snapshot, tmp_path / "out", *named, "1.0.0")
    assert "does not come after 1.0.0" in early.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["snapshot"]
    built = run("build", snapshot, tmp_path / "out", *named, "1.1.0", "--json")
    assert json.loads(built.stdout)["parent"]["version"] == "1.0.0"
    again = run("build", snapshot, tmp_path / "again", *named, "1.1.0")
    assert "parent: demo 1.0.0; what changed: " in again.stdout
    verified = run("verify", tmp_path / "out", "--parent", family / "first", "--json")
    assert (verified.exit_code, json.loads(verified.stdout)["findings"]) == (0, [])
