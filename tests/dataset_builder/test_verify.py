"""Each way to falsify a release, done once; the sums are written anew, so they tell nothing."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dataset_builder import tables, verify
from dataset_builder.build import build_release, write_built_release
from dataset_builder.errors import InputError
from dataset_builder.geometry import Box
from dataset_builder.release import (
    Release,
    read_release,
    tubes_of,
    write_release,
)
from dataset_builder.settings import BuildSettings
from dataset_builder.verify import verify_release
from tests.dataset_builder.falsifying import (
    Rows,
    add_a_box_beside,
    answer_again,
    blind_grid,
    change_file,
    change_rows,
    codes,
    crowd_a_frame,
    drop_a_box_beside,
    drop_first,
    forget_what_was_filled,
    move_click,
    move_every_click,
    put,
    repeat_first,
    repeat_tube_second,
    shift_tube,
    show_a_hint,
)

COMPAT = "compat/grounding-youtube"


@pytest.fixture(scope="module")
def built(make_snapshot, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("built") / "release"
    release = build_release(make_snapshot(not_visible=0.1), name="demo", version="1.0.0")
    write_built_release(folder, release)
    return folder


@pytest.fixture
def folder(built, tmp_path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "release"))


@pytest.fixture(scope="module")
def built_robustly(make_snapshot, tmp_path_factory) -> Path:
    """Return a release of more clips, so that people have clicked often enough for a scale."""
    folder = tmp_path_factory.mktemp("built-robustly") / "release"
    settings = BuildSettings(mode="robust", tube_gap="filled_linearly")
    snapshot = make_snapshot(n_clips=24, not_visible=0.1, assisted=0.0)
    write_built_release(
        folder, build_release(snapshot, name="demo", version="1.0.0", settings=settings)
    )
    return folder


@pytest.fixture
def robust_folder(built_robustly, tmp_path) -> Path:
    return Path(shutil.copytree(built_robustly, tmp_path / "release"))


FALSIFIED = [
    ("frames", put(n_answers=9), "n_answers_differs"),
    ("frames", put(n_clicks=9), "n_clicks_differs"),
    ("frames", put(mean_x=0.123), "mean_differs"),
    ("frames", put(peak_y=0.123), "peak_differs"),
    ("frames", put(spread=0.5), "spread_differs"),
    ("frames", put(kept=False), "kept_differs"),
    ("frames", put(reason="too_few_clicks"), "reason_differs"),
    ("frames", put(n_not_visible=9), "n_not_visible_differs"),
    ("frames", put(p_visible=0.123), "p_visible_differs"),
    ("frames", put(agreement="unsure"), "agreement_differs"),
    ("frames", put(n_agreeing=1), "n_agreeing_differs"),
    ("frames", put(robust_x=0.5, robust_y=0.5), "robust_differs"),
    ("frames", put(robust_rule="student_t"), "robust_rule_differs"),
    ("frames", put(scale=0.5), "scale_differs"),
    ("frames", put(width=333), "spread_differs"),
    ("frames", put(clip_id="unknown"), "frame_without_clip"),
    ("frames", put(second=1000), "second_outside_clip"),
    ("frames", put(second=1000), "answer_without_frame"),
    ("frames", put(second=1000), "box_without_frame"),
    ("frames", put(redundancy=1), "too_many_answers"),
    ("frames", repeat_first, "frame_twice"),
    ("answers", move_click, "mean_differs"),
    ("answers", move_every_click, "box_differs"),
    ("answers", answer_again, "answer_twice"),
    ("answers", crowd_a_frame, "too_many_answers"),
    ("answers", show_a_hint, "assisted_answer"),
    ("answers", drop_first, "n_answers_differs"),
    ("answers", drop_first, "counts_differ"),
    ("boxes", put(x1=0.0), "box_differs"),
    ("boxes", put(rule="guessed"), "rule_differs"),
    ("boxes", add_a_box_beside, "beside_differs"),
    ("boxes", repeat_first, "unreadable"),
    ("boxes", drop_first, "box_missing"),
    ("boxes", drop_first, "tube_differs"),
    ("annotators", put(n_clicks=9), "annotator_differs"),
    ("annotators", put(visibility_accuracy=0.123), "annotator_differs"),
    ("annotators", put(scale=1.0), "annotator_differs"),
    ("annotators", put(annotator_id="somebody"), "annotator_differs"),
    ("annotators", drop_first, "annotator_differs"),
    ("annotators", repeat_first, "unreadable"),
    ("tubes", shift_tube, "tube_differs"),
    ("tubes", repeat_first, "unreadable"),
    ("tubes", repeat_tube_second, "unreadable"),
    ("tubes", drop_first, "tube_missing"),
    ("tubes", put(tube_id="unknown"), "tube_unexpected"),
    ("tubes", put(clip_id="unknown"), "tube_without_clip"),
    ("clips", put(split="other"), "video_in_two_splits"),
    ("actions", put(description="something else"), "compat_differs"),
    ("videos", put(width=2), "compat_differs"),
]
EDITED = [
    ("manifest.json", lambda t: t.replace('"min_clicks": 3', '"min_clicks": 4'), "box_unexpected"),
    ("manifest.json", lambda t: t.replace('"min_clicks": 3', '"min_clicks": 1'), "box_missing"),
    ("manifest.json", lambda t: t.replace('"sigma": 0.03', '"sigma": 0.2'), "peak_differs"),
    ("manifest.json", lambda t: t.replace('"sigma"', '"sgima"'), "settings_unreadable"),
    ("manifest.json", lambda t: t.replace('"mode": "paper"', '"mode": "robust"'), "rule_differs"),
    ("manifest.json", lambda t: t.replace('"unlabelled"', '"ends_the_tube"'), "tube_missing"),
    (
        "manifest.json",
        lambda t: t.replace('"alpha_places": 0', '"alpha_places": 1'),
        "agreement_differs",
    ),
    ("manifest.json", blind_grid, "settings_unreadable"),
    (
        "manifest.json",
        lambda t: t.replace('"splits": ""', '"splits": "train=1,test=1"'),
        "split_differs",
    ),
    (
        "manifest.json",
        lambda t: t.replace('"content_sha256": "', '"content_sha256": "0', 1),
        "content_differs",
    ),
    ("manifest.json", lambda t: t.replace('"tables": {', '"tables": 1, "x": {'), "content_differs"),
    ("manifest.json", lambda t: t.replace('"parent": {}', '"parent": []'), "unreadable"),
    ("manifest.json", lambda t: re.sub('"frames": .*,', '"frames": 1,', t), "counts_differ"),
    ("manifest.json", lambda t: t.replace('"counts": {', '"counts": [], "x": {'), "counts_differ"),
    ("manifest.json", lambda t: t.replace('"clicks"', '"guesses"'), "unreadable"),
    ("manifest.json", lambda t: t.replace(': "clicks"', ': "none"'), "derivation_differs"),
    ("manifest.json", lambda t: t.replace(': "clicks"', ': "means"'), "derivation_differs"),
    ("manifest.json", lambda t: t.replace('"settings"', '"x"'), "unreadable"),
    ("manifest.json", lambda t: "[]", "unreadable"),
    (f"{COMPAT}/id2xy_box.json", lambda t: t.replace("[", "[1", 1), "compat_differs"),
    (f"{COMPAT}/id2xy_box.json", lambda t: "no JSON", "compat_differs"),
    (f"{COMPAT}/seg.json", lambda t: t + "\n", "compat_differs"),
]


def test_a_fresh_release_has_no_difference(folder):
    outcome = verify_release(folder)
    assert outcome.is_ok
    assert outcome.release is not None
    assert outcome.release.digest == tables.read_sums_digest(folder)


@pytest.mark.parametrize(("table", "change", "code"), FALSIFIED)
def test_a_falsified_table_is_found(folder, table, change, code):
    change_rows(folder, table, change)
    assert code in codes(folder)


ROBUST_FALSIFIED = [
    ("frames", put(robust_x=0.123), "robust_differs"),
    ("frames", put(robust_x=None, robust_y=None), "robust_differs"),
    ("frames", put(robust_rule="guessed"), "robust_rule_differs"),
    ("frames", put(scale=0.9), "scale_differs"),
    ("frames", put(peak_y=0.123), "peak_differs"),
    ("annotators", put(scale=9.0), "annotator_differs"),
    ("answers", move_click, "robust_differs"),
    ("boxes", put(x1=0.0), "box_differs"),
    ("boxes", put(rule="union_margin", is_main=False), "unreadable"),
    ("boxes", drop_a_box_beside, "beside_differs"),
    ("tubes", forget_what_was_filled, "tube_differs"),
]


def test_a_fresh_robust_release_has_no_difference(robust_folder):
    outcome = verify_release(robust_folder)
    assert outcome.is_ok
    assert outcome.release is not None
    assert any(annotator.scale for annotator in outcome.release.annotators)
    assert any(tube.filled_seconds for tube in outcome.release.tubes)
    assert outcome.release.beside.keys() >= {
        (*key, "union_margin") for key in outcome.release.boxes
    }


@pytest.mark.parametrize(("table", "change", "code"), ROBUST_FALSIFIED)
def test_a_falsified_table_of_a_robust_release_is_found(robust_folder, table, change, code):
    change_rows(robust_folder, table, change)
    assert code in codes(robust_folder)


@pytest.mark.parametrize(
    "setting", ['"robust_margin": 0.125', '"min_p_visible": 0.5', '"sigma_floor": 0.015']
)
def test_another_robust_setting_derives_other_numbers(robust_folder, setting):
    name, value = setting.split(": ")
    changed = f"{name}: {0.99 if 'p_visible' in name else float(value) * 2}"
    change_file(robust_folder, "manifest.json", lambda t: t.replace(setting, changed))
    found = codes(robust_folder)
    assert found & {"box_differs", "box_unexpected", "peak_differs"}


@pytest.mark.parametrize(("name", "change", "code"), EDITED)
def test_an_edited_file_is_found(folder, name, change, code):
    before = (folder / name).read_text()
    change_file(folder, name, change)
    assert (folder / name).read_text() != before
    assert code in codes(folder)


def test_a_box_on_a_frame_that_should_have_none_is_found(folder):
    frame = next(f for f in read_release(folder).frames if not f.kept)
    row = {"clip_id": frame.clip_id, "second": frame.second, "rule": "union_margin"}
    row["is_main"] = True
    corners = {"x1": 0.1, "y1": 0.1, "x2": 0.2, "y2": 0.2}
    change_rows(folder, "boxes", lambda rows: rows.append(row | corners))
    assert "box_unexpected" in codes(folder)


def test_answers_that_no_box_is_derived_from_are_not_denied(folder):
    change_file(folder, "manifest.json", lambda t: t.replace(': "clicks"', ': "none"'))
    outcome = verify_release(folder)
    assert {f.code for f in outcome.findings} == {"derivation_differs", "text_differs"}
    assert not any("there are no clicks" in text for text in outcome.not_checked)


def test_a_missing_export_is_found(folder):
    (folder / COMPAT / "seg.json").unlink()
    tables.write_sums(folder)
    assert codes(folder) == {"compat_missing", "text_differs"}


def test_a_list_of_sums_that_is_no_text_is_found(folder):
    (folder / tables.SUMS_NAME).write_bytes(b"\xff\xfe\n")
    assert codes(folder) == {"file_differs"}


@pytest.mark.parametrize("sums", ["as they were", "written anew"])
@pytest.mark.parametrize(
    ("change", "code"),
    [("altered", "text_differs"), ("removed", "text_missing"), ("added", "file_unexpected")],
)
def test_a_file_that_the_sums_do_not_cover_is_found(folder, change, code, sums):
    readme = folder / "README.md"
    if change == "altered":
        readme.write_text("other text")
    elif change == "removed":
        readme.unlink()
    else:
        (folder / "extra.txt").write_text("more")
    (file,) = {f.where for f in verify_release(folder).findings} - {"croissant.json"}
    assert file == ("extra.txt" if change == "added" else "README.md")
    if sums == "written anew":
        tables.write_sums(folder)
    assert code in codes(folder)
    assert ("file_differs" in codes(folder)) == (sums == "as they were")


def test_texts_of_another_version_of_the_program_are_not_compared(folder):
    change_file(folder, "manifest.json", lambda t: re.sub('grounding-circle [^"]*', "older", t))
    outcome = verify_release(folder)
    assert outcome.is_ok
    assert any("'older' wrote them" in text for text in outcome.not_checked)


def test_a_damaged_table_is_reported_and_not_raised(folder):
    (folder / "data/boxes.parquet").write_bytes(b"no table")
    outcome = verify_release(folder)
    assert {"file_differs", "unreadable"} == {f.code for f in outcome.findings}
    assert outcome.release is None


def test_a_folder_that_is_no_release_is_refused(tmp_path):
    with pytest.raises(InputError, match="has no SHA256SUMS"):
        verify_release(tmp_path)


def test_every_difference_names_its_frame(folder):
    moved = []

    def move_all(rows: Rows) -> None:
        for row in rows:
            row["y1"] = round(row["y1"] + 0.001, 6)
            moved.append(f"{row['clip_id']}/{row['second']}")

    change_rows(folder, "boxes", move_all)
    found = [f for f in verify_release(folder).findings if f.code == "box_differs"]
    assert [f.where for f in found] == moved
    assert "answers give" in found[0].message


def given_boxes(release: Release) -> Release:
    """Return a release of the same frames whose boxes came from outside, without any answers."""
    nothing = {"n_answers": 0, "n_clicks": 0, "n_not_visible": 0, "n_agreeing": 0, "agreement": ""}
    undefined = dict.fromkeys(("mean", "peak", "spread", "p_visible"))
    frames = tuple(replace(f, **nothing, **undefined) for f in release.frames)
    boxes = {(f.clip_id, f.second): Box(0.2, 0.2, 0.4, 0.4) for f in frames if f.kept}
    return replace(
        release,
        derivation="none",
        frames=frames,
        answers=(),
        annotators=(),
        agreement={},
        boxes=boxes,
        rules=dict.fromkeys(boxes, "exact"),
        tubes=tubes_of(boxes),
        left_out={},
    )


def test_given_boxes_verify_as_far_as_they_can_and_the_rest_is_named(folder, tmp_path):
    write_release(tmp_path / "given", given_boxes(read_release(folder)))
    outcome = verify_release(tmp_path / "given")
    assert outcome.is_ok
    assert "no clicks to derive them from" in outcome.not_checked[0]


def test_given_boxes_must_still_agree_with_frames_and_tubes(folder, tmp_path):
    release = given_boxes(read_release(folder))
    first = min(release.boxes)
    fewer = {key: box for key, box in release.boxes.items() if key != first}
    write_release(tmp_path / "given", replace(release, boxes=fewer))
    found = codes(tmp_path / "given")
    assert "kept_differs" in found
    assert found & {"tube_differs", "tube_unexpected"}


def test_every_code_that_verify_promises_is_broken_here_once():
    _, table, _ = (verify.__doc__ or "").split("\n\n")[1:4]
    promised = set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b|\bunreadable\b", table))
    broken = {code for *_, code in (*FALSIFIED, *EDITED)}
    broken |= {"file_differs", "compat_missing"}  # tested by name above
    broken |= {"file_unexpected", "text_missing", "text_differs"}
    broken |= {"parent_differs", "changes_missing", "changes_differ"}  # and in test_parents.py
    broken |= {"version_not_later", "version_too_small"}
    # ... and in official/test_verify_published.py
    broken |= {"source_differs", "frame_differs", "frame_missing", "frame_unexpected"}
    assert broken == promised
