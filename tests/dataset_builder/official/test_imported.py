from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from dataset_builder import tables
from dataset_builder.cli import main
from dataset_builder.errors import InputError, OutputError
from dataset_builder.official.imported import (
    DEFECTS,
    export_official,
    import_official,
    read_imported,
)
from dataset_builder.official.repair_table import REPAIRS, REPAIRS_OPTIONAL
from dataset_builder.official.repaired import repaired_release
from dataset_builder.release import read_release, write_release
from dataset_builder.verify import verify_release


@pytest.fixture
def imported(publish, tmp_path):
    out = tmp_path / "imported"
    import_official(publish(), out, repaired=True)
    return out


def run(*args):
    return CliRunner().invoke(main, [str(arg) for arg in args])


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_both_releases_are_read_and_verified(imported):
    for name, version in (("faithful", "1.0.0"), ("repaired", "2.0.0")):
        release = read_release(imported / name)
        assert release.version == version
        assert verify_release(imported / name).findings == ()


def test_the_official_repaired_release_is_read_and_verified(official_files, tmp_path):
    repaired = repaired_release(official_files, "GoundingYouTubeBox").release
    write_release(tmp_path / "out", repaired)
    outcome = verify_release(tmp_path / "out")
    assert outcome.is_ok
    assert len(outcome.release.clips) == 5_132


def test_the_same_files_give_the_same_bytes(publish, imported, tmp_path):
    import_official(publish(name="elsewhere"), tmp_path / "again", repaired=True)
    assert content(tmp_path / "again") == content(imported)


def test_the_repaired_release_is_derived_again_from_the_tables(imported):
    again = repaired_release(read_imported(imported), "GoundingYouTubeBox").release
    stored = read_release(imported / "repaired")
    for name in ("actions", "boxes", "rules", "left_out", "settings"):
        assert getattr(again, name) == getattr(stored, name)
    assert sorted(again.frames, key=lambda f: (f.clip_id, f.second)) == list(stored.frames)


def test_every_repair_and_every_defect_is_a_row(imported):
    repairs = tables.read_rows(imported / "reports/repairs.parquet", REPAIRS, REPAIRS_OPTIONAL)
    columns = ("clip_id", "second", "rule", "is_estimated")
    assert [tuple(row[name] for name in columns) for row in repairs] == [
        ("landscape_1_12000-14000_purée-it", 12, "unicode", False),
        ("landscape_1_2000-6000_crack-egg", 3, "side_cut", True),
        ("landscape_1_2000-6000_crack-egg", 5, "other_step", False),
        ("landscape_1_5000-8000_beat-egg", 5, "clipped", False),
        ("landscape_1_5000-8000_beat-egg", 6, "side_cut+inverted", True),
        ("landscape_1_5000-8000_beat-egg", 7, "side_cut", True),
        ("landscape_1_9000-10000_add-salt", 9, "zero_length", False),
    ]  # fmt: skip
    taken = repairs[2]
    assert (taken["old_x2_px"], taken["new_x2"], taken["mean_x_px"]) == (210, None, 200)
    boxes = read_release(imported / "repaired").boxes
    for row in repairs:
        box = boxes.get((row["clip_id"], row["second"]))
        assert row["new_x1"] == (box and box.x1)
    defects = tables.read_rows(imported / "reports/defects.parquet", DEFECTS)
    counted = json.loads((imported / "reports/defects.json").read_text())["defects"]
    assert sum(row["count"] for row in counted) == len(defects) > 50


def test_without_repaired_there_is_the_faithful_release_alone(publish, tmp_path):
    import_official(publish(), tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "manifest.json", "SHA256SUMS", "raw", "faithful", "reports",
    }  # fmt: skip
    assert not (tmp_path / "out/reports/repairs.json").exists()


def test_the_files_come_out_as_they_went_in(publish, imported, tmp_path):
    names = export_official(imported, tmp_path / "again")
    assert len(names) == 14
    assert content(tmp_path / "again") == content(publish(name="source"))


def test_an_imported_folder_is_exported_in_no_other_format(imported, tmp_path):
    done = run("export", imported, tmp_path / "coco", "--format", "coco")
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert "such as " in done.output
    done = run("report", imported, tmp_path / "page.html")
    assert (done.exit_code, "such as " in done.output) == (1, True)
    done = run("export", imported / "repaired", tmp_path / "coco", "--format", "coco")
    assert done.exit_code == 0


def test_a_changed_table_is_not_exported(imported, tmp_path):
    path = imported / "raw/id2wh.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(InputError, match=r"raw/id2wh\.parquet: content differs.*import the pub"):
        export_official(imported, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_another_folder_is_no_imported_one(publish, imported):
    with pytest.raises(InputError, match=r"manifest\.json"):
        read_imported(publish(name="source"))
    with pytest.raises(InputError, match="grounding-official"):
        read_imported(imported / "faithful")


def test_a_folder_is_replaced_only_where_asked_and_nothing_is_left_half_written(publish, tmp_path):
    folder, out = publish(), tmp_path / "out"
    import_official(folder, out)
    with pytest.raises(OutputError, match="exists already"):
        import_official(folder, out)
    import_official(folder, out, force=True, boxes="id2xy_box")
    assert json.loads((out / "manifest.json").read_text())["boxes"] == "id2xy_box.json"
    (folder / "seg.json").write_text("{")
    with pytest.raises(InputError, match=r"seg\.json: cannot be read as JSON"):
        import_official(folder, tmp_path / "other")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "published"]


def test_a_folder_without_boxes_is_refused(publish, tmp_path):
    folder = publish()
    for path in folder.glob("*box*"):
        path.unlink()
    (folder / "GoundingYouTubeBox.json").unlink()
    with pytest.raises(InputError, match=r"published: a release needs a box file"):
        import_official(folder, tmp_path / "out")


def test_the_commands_import_and_export(publish, tmp_path):
    folder, out = publish(), tmp_path / "out"
    done = run("import-official", folder, out, "--repaired")
    assert done.exit_code == 0
    assert "14 files" in done.output
    assert "repaired: 8 clips, 24 frames, 16 boxes, 7 tubes" in done.output
    assert "mean click of its people in the box" in done.output
    done = run("export", out, tmp_path / "again", "--format", "grounding-youtube")
    assert (done.exit_code, "14 files" in done.output) == (0, True)
    assert content(tmp_path / "again") == content(folder)
    done = run("import-official", folder, out, "--repaired", "--force", "--json")
    assert json.loads(done.stdout)["repaired"]["boxes"] == 16
    done = run("import-official", folder, tmp_path / "plain", "--json")
    assert json.loads(done.stdout)["repaired"] is None
    done = run("import-official", folder, out)
    assert (done.exit_code, "exists already" in done.output) == (1, True)
    done = run("import-official", folder, tmp_path / "b", "--boxes", "seg")
    assert done.exit_code == 2


def test_the_check_exits_1_where_it_finds_defects_and_0_where_not(publish, tmp_path):
    folder = publish()
    done = run("check-official", folder)
    assert done.exit_code == 1
    assert "side_cut: the right side was cut at 480" in done.output
    done = run("check-official", folder, "--json")
    assert done.exit_code == 1
    codes = {defect["code"] for defect in json.loads(done.stdout)["defects"]}
    assert {"inverted_box", "label_overwritten", "zero_length"} <= codes
    (tmp_path / "fine").mkdir()
    (tmp_path / "fine/id2xy_box.json").write_text('{"v": {"7": [1, 2, 202, 302]}}')
    assert run("check-official", tmp_path / "fine").exit_code == 0
    (tmp_path / "fine/id2xy_box.json").write_text("[]")
    done = run("check-official", tmp_path / "fine")
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
