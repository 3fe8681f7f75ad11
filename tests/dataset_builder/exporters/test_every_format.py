from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from dataset_builder.build import build_release, write_built_release
from dataset_builder.cli import main
from dataset_builder.commands.exporting import EXPORTS, PICTURE_EXPORTS
from tests.dataset_builder.exporters.pictured import pictured_release

GOLDEN = Path(__file__).parents[2] / "golden/exports"
TEXT_FORMATS = ("activitynet", "ava", "coco", "cvat", "label-studio")


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def export(*arguments):
    return CliRunner().invoke(main, ["export", *(str(argument) for argument in arguments)])


@pytest.fixture(scope="module")
def release_folder(pictured, tmp_path_factory):
    folder = tmp_path_factory.mktemp("built") / "release"
    write_built_release(folder, pictured[0])
    return folder


@pytest.mark.parametrize("format_name", TEXT_FORMATS)
def test_the_files_are_the_golden_ones(make_snapshot, tmp_path, format_name):
    """Set REGENERATE_GOLDEN=1 to write them anew, and read the diff."""
    snapshot = make_snapshot(n_clips=3, assisted=0.1, not_visible=0.1)
    EXPORTS[format_name](build_release(snapshot, name="golden", version="1.0.0"), tmp_path)
    found = files_of(tmp_path)
    golden = GOLDEN / format_name
    if os.environ.get("REGENERATE_GOLDEN"):
        golden.mkdir(parents=True, exist_ok=True)
        for name, content in found.items():
            (golden / name).write_bytes(content)
    assert found == files_of(golden)


@pytest.mark.parametrize("format_name", sorted(EXPORTS))
def test_the_order_of_a_release_s_rows_does_not_matter(full_release, tmp_path, format_name):
    backwards = replace(
        full_release,
        **{
            table: tuple(reversed(getattr(full_release, table)))
            for table in ("videos", "actions", "clips", "frames", "answers", "annotators", "tubes")
        },
        boxes=dict(reversed(full_release.boxes.items())),
    )
    outs = []
    for name, release in (("one", full_release), ("two", backwards)):
        (tmp_path / name).mkdir()
        EXPORTS[format_name](release, tmp_path / name)
        outs.append(files_of(tmp_path / name))
    assert outs[0] == outs[1] != {}


def test_every_format_gives_the_same_bytes_elsewhere_and_at_another_time(
    release_folder, pictured, tmp_path
):
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from dataset_builder.commands.exporting import EXPORTS, PICTURE_EXPORTS\n"
        "from dataset_builder.release import read_release\n"
        "release = read_release(Path(sys.argv[1]))\n"
        "for formats, more in ((EXPORTS, ()), (PICTURE_EXPORTS, (Path(sys.argv[2]),))):\n"
        "    for name, write in formats.items():\n"
        "        folder = Path(f'{name}-{len(more)}')\n"
        "        folder.mkdir()\n"
        "        write(release, folder, *more)\n"
    )
    outs = []
    for place, zone, seed, language in (
        ("a", "UTC", "0", "C"),
        ("b", "Asia/Tokyo", "7", "C.UTF-8"),
    ):
        (tmp_path / place).mkdir()
        subprocess.run(
            [sys.executable, "-c", program, str(release_folder), str(pictured[1])],
            cwd=tmp_path / place,
            env={**os.environ, "TZ": zone, "PYTHONHASHSEED": seed, "LC_ALL": language},
            check=True,
            capture_output=True,
        )
        outs.append(files_of(tmp_path / place))
    assert outs[0] == outs[1]
    formats = {name.split("/")[0] for name in outs[0]}
    assert formats == {f"{n}-0" for n in EXPORTS} | {f"{n}-1" for n in PICTURE_EXPORTS}


@pytest.mark.parametrize("format_name", sorted({*EXPORTS, *PICTURE_EXPORTS}))
def test_the_command_writes_every_format(release_folder, pictured, tmp_path, format_name):
    out = tmp_path / "out"
    pictures = ["--frames", pictured[1]] if format_name in PICTURE_EXPORTS else []
    result = export(release_folder, out, "--format", format_name, *pictures)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{out}: ")
    assert files_of(out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--format", "webdataset"), "webdataset is made of pictures; pass --frames STORE"),
        (("--format", "ava", "--frames", "."), "ava holds no pictures; leave --frames out"),
        (("--format", "avi"), "'avi' is not one of"),
    ],
)
def test_formats_and_pictures_that_do_not_go_together_are_usage_errors(
    release_folder, tmp_path, arguments, message
):
    result = export(release_folder, tmp_path / "out", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_failed_export_leaves_nothing_behind(release_folder, tmp_path):
    (tmp_path / "store").mkdir()
    more = ("--format", "coco", "--frames", tmp_path / "store")
    result = export(release_folder, tmp_path / "out", *more)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "is it the right frame store?" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_an_export_is_replaced_by_force_only(release_folder, tmp_path):
    out = tmp_path / "out"
    arguments = (release_folder, out, "--format", "cvat")
    assert export(*arguments).exit_code == 0
    (out / "video0.xml").write_text("older")
    assert "exists already" in export(*arguments).stderr
    assert export(*arguments, "--force").exit_code == 0
    assert (out / "video0.xml").read_text() != "older"


@pytest.mark.parametrize("format_name", sorted(EXPORTS))
def test_a_release_of_boxes_from_outside_can_be_exported(full_release, tmp_path, format_name):
    given = replace(full_release, derivation="none", answers=(), annotators=(), agreement={})
    EXPORTS[format_name](given, tmp_path)
    assert files_of(tmp_path)


def test_pictures_lie_under_the_name_of_their_video_and_second(make_snapshot, tmp_path):
    release = pictured_release(make_snapshot(n_clips=2), tmp_path / "store")
    for format_name in ("coco", "label-studio"):
        folder = tmp_path / format_name
        folder.mkdir()
        PICTURE_EXPORTS[format_name](release, folder, tmp_path / "store")
        names = {p.relative_to(folder).as_posix() for p in folder.rglob("*.jpg")}
        assert "images/video0/000001.jpg" in names
