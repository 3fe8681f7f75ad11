"""What is written never lands in a snapshot or release, or in the place of what is read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from dataset_builder.cli import main
from dataset_builder.commands.exporting import EXPORTS
from dataset_builder.release import read_release, write_release
from dataset_builder.tables import check_sums
from tests.conftest import save_snapshot
from tests.dataset_builder.exporters.pictured import pictured_release

NAMED = ("--name", "demo", "--version")


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def made(make_snapshot, tmp_path_factory):
    path = tmp_path_factory.mktemp("made")
    save_snapshot(make_snapshot(), path / "snapshot")
    assert run("build", path / "snapshot", path / "release", *NAMED, "1.0.0").exit_code == 0
    (path / "store").mkdir()
    (path / "v1.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nhop\n")
    (path / "clips.json").write_text("{}")
    return path


@pytest.fixture
def folders(made, tmp_path):
    """A snapshot and its release, both with sums, a store, and files to import."""
    return Path(shutil.copytree(made, tmp_path / "folders"))


def is_intact(folders) -> bool:
    return not check_sums(folders / "snapshot") and not check_sums(folders / "release")


WRITING = {
    "build": ("build", "snapshot", "OUT", *NAMED, "1.0.1"),
    "report": ("report", "release", "OUT"),
    "export": ("export", "release", "OUT", "--format", "coco"),
    "contact-sheet": ("contact-sheet", "release", "OUT", "--frames", "store"),
    "cut-frames": ("cut-frames", "store", "OUT"),
    "import-official": ("import-official", "store", "OUT"),
    "report-official": ("report-official", "store", "OUT"),
    "import-clips mining-youtube": ("import-clips", "mining-youtube", "v1.srt", "OUT"),
    "import-clips activitynet": ("import-clips", "activitynet", "clips.json", "OUT"),
    "import-clips grounding-youtube": ("import-clips", "grounding-youtube", "clips.json", "OUT"),
    "import-clips cvat": ("import-clips", "cvat", "store", "OUT", "--fps", "1"),
    "import-clips label-studio": ("import-clips", "label-studio", "store", "OUT", "--fps", "1"),
    "import-answers cvat": (
        *("import-answers", "cvat", "store", "OUT", "--fps", "1", "--frames", "store"),
    ),
    "import-answers label-studio": (
        *("import-answers", "label-studio", "store", "OUT", "--fps", "1", "--frames", "store"),
    ),
}


def with_paths(arguments, folders, out):
    known = {"snapshot", "release", "store", "v1.srt", "clips.json"}
    return [out if a == "OUT" else folders / a if a in known else a for a in arguments]


def commands(group: click.Group, prefix: str = ""):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield prefix + name, command


def test_every_command_that_writes_to_a_named_place_is_held_here():
    found = {
        name
        for name, command in commands(main)
        if {"out", "store"} & {p.name for p in command.params if isinstance(p, click.Argument)}
    }
    assert found == set(WRITING)


@pytest.mark.parametrize(
    ("sealed", "place"), [("snapshot", "inside"), ("release", "data/deep/inside")]
)
@pytest.mark.parametrize("name", WRITING)
def test_nothing_is_written_inside_a_folder_with_sums(folders, name, sealed, place):
    out = folders / sealed / place
    result = run(*with_paths(WRITING[name], folders, out))
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1), result.stderr
    assert f"lies inside {folders / sealed}, whose SHA256SUMS" in result.stderr
    assert is_intact(folders)


def test_a_way_round_by_a_link_leads_to_the_same_refusal(folders):
    (folders / "link").symlink_to(folders / "release/data")
    result = run("report", folders / "release", folders / "link/page.html")
    assert "lies inside" in result.stderr
    assert is_intact(folders)


@pytest.mark.parametrize("name", ["build", "report", "export", "contact-sheet"])
def test_what_is_read_is_not_replaced_even_with_force(folders, name):
    source = "snapshot" if name == "build" else "release"
    out = folders / source
    result = run(*with_paths(WRITING[name], folders, out), "--force")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert f"{out}: is what is read here" in result.stderr
    assert is_intact(folders)


def test_neither_the_parent_nor_a_hub_exports_release_is_replaced(folders):
    release = folders / "release"
    forced = (release, "--force")
    build = ("build", folders / "snapshot", *forced, *NAMED, "1.0.1", "--parent", release)
    export = ("export", release, *forced, "--format", "huggingface")
    for arguments in (build, export):
        assert "is what is read here" in run(*arguments).stderr
    assert is_intact(folders)


def test_beside_them_and_over_an_older_output_all_goes_on(folders):
    page = folders / "release.html"
    assert run("report", folders / "release", page).exit_code == 0
    assert run("report", folders / "release", page, "--force").exit_code == 0
    again = ("build", folders / "snapshot", folders / "release", *NAMED, "1.0.1", "--force")
    assert run(*again).exit_code == 0
    assert read_release(folders / "release").version == "1.0.1"


@pytest.mark.parametrize("format_name", EXPORTS)
def test_an_export_names_its_files_as_json(folders, format_name):
    out = folders / "out"
    result = run("export", folders / "release", out, "--format", format_name, "--json")
    found = json.loads(result.stdout)
    written = {p.relative_to(out).as_posix(): p for p in out.rglob("*") if p.is_file()}
    assert found == {
        "folder": str(out),
        "n_files": len(written),
        "bytes": sum(path.stat().st_size for path in written.values()),
        "files": sorted(written),
    }
    assert written


def test_a_contact_sheet_counts_its_frames_as_json(make_snapshot, tmp_path):
    release = pictured_release(make_snapshot(), tmp_path / "store")
    write_release(tmp_path / "release", release)
    out = tmp_path / "sheet.png"
    most = ("--frames", tmp_path / "store", "--max-frames", 3, "--json")
    found = json.loads(run("contact-sheet", tmp_path / "release", out, *most).stdout)
    assert found == {"file": str(out), "drawn": 3, "frames": len(release.frames)}
    assert out.is_file()
