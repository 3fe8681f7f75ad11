from __future__ import annotations

import random
from dataclasses import replace

import pytest

from dataset_builder import tables
from dataset_builder.build import ASSISTED, build_release, release_pseudonym, write_built_release
from dataset_builder.errors import InputError, OutputError
from dataset_builder.fusion.tubes import tubes_of
from dataset_builder.release import read_release
from dataset_builder.settings import BuildSettings
from dataset_builder.snapshot import answers_by_frame, read_snapshot

NAMED = {"name": "demo", "version": "1.0.0"}


def test_a_release_reads_back_as_it_was_built(snapshot_folder, tmp_path):
    release = build_release(read_snapshot(snapshot_folder), **NAMED)
    digest = write_built_release(tmp_path / "release", release)
    assert read_release(tmp_path / "release") == replace(release, digest=digest)


@pytest.mark.parametrize("mode", ["paper", "robust"])
def test_the_order_of_rows_in_memory_changes_no_byte(make_snapshot, tmp_path, mode):
    snapshot = make_snapshot(n_clips=12)
    named = {**NAMED, "settings": BuildSettings(mode=mode)}
    shuffler = random.Random(0)
    names = ("videos", "actions", "clips", "frames", "answers")
    rows = {name: tuple(shuffler.sample(getattr(snapshot, name), len(getattr(snapshot, name))))
            for name in names}  # fmt: skip
    one = write_built_release(tmp_path / "a", build_release(snapshot, **named))
    two = write_built_release(tmp_path / "b", build_release(replace(snapshot, **rows), **named))
    assert one == two


def test_a_robust_release_reads_back_as_it_was_built(
    make_snapshot, write_snapshot_folder, tmp_path
):
    settings = BuildSettings(mode="robust", tube_gap="filled_linearly")
    folder = write_snapshot_folder(make_snapshot(n_clips=24), tmp_path / "snapshot")
    release = build_release(read_snapshot(folder), settings=settings, **NAMED)
    assert any(tube.filled_seconds for tube in release.tubes)
    assert any(annotator.scale for annotator in release.annotators)
    assert set(release.rules.values()) == {"robust_union"}
    assert release.beside
    digest = write_built_release(tmp_path / "release", release)
    assert read_release(tmp_path / "release") == replace(release, digest=digest)


def test_the_boxes_beside_the_robust_ones_are_those_of_paper_mode(make_snapshot):
    snapshot = make_snapshot(n_clips=12)
    paper = build_release(snapshot, **NAMED)
    robust = build_release(snapshot, settings=BuildSettings(mode="robust"), **NAMED)
    assert robust.beside == {(*key, "union_margin"): box for key, box in paper.boxes.items()}
    assert not paper.beside


def test_annotators_stand_under_the_pseudonyms_of_their_answers(make_snapshot):
    release = build_release(make_snapshot(), **NAMED)
    found = {a.annotator_id: (a.n_answers, a.n_clicks) for a in release.annotators}
    assert found == {
        name: (
            sum(a.annotator_id == name for a in release.answers),
            sum(a.annotator_id == name and a.point is not None for a in release.answers),
        )
        for name in {answer.annotator_id for answer in release.answers}
    }


@pytest.mark.parametrize("gap", ["unlabelled", "ends_the_tube", "filled_linearly"])
def test_tubes_follow_the_gap_rule_that_the_manifest_names(make_snapshot, tmp_path, gap):
    release = build_release(
        make_snapshot(n_clips=12), settings=BuildSettings(tube_gap=gap), **NAMED
    )
    write_built_release(tmp_path / "release", release)
    assert read_release(tmp_path / "release").tubes == tubes_of(release.boxes, gap)
    manifest = tables.read_json(tmp_path / "release/manifest.json")
    assert manifest["settings"]["tube_gap"] == gap


def test_no_file_of_a_release_names_a_person_of_the_snapshot(make_snapshot, tmp_path):
    write_built_release(tmp_path / "release", build_release(make_snapshot(), **NAMED))
    names = {answer.annotator_id for answer in read_release(tmp_path / "release").answers}
    assert names
    assert not any("person" in name for name in names)


def test_a_person_keeps_one_pseudonym_in_a_release_and_gets_another_in_the_next(make_snapshot):
    snapshot = make_snapshot()
    later = replace(snapshot, digest="00" * 32)
    first = {a.annotator_id for a in build_release(snapshot, **NAMED).answers}
    second = {a.annotator_id for a in build_release(later, **NAMED).answers}
    people = {a.annotator_id for a in snapshot.answers}
    assert len(first) == len(second) == len(people)
    assert not first & second
    assert release_pseudonym(snapshot.digest, "person-1") in first


def test_benchmark_clips_are_built_from_blind_answers_only(make_snapshot):
    snapshot = make_snapshot()
    benchmark = {clip.clip_id for clip in snapshot.clips if clip.is_benchmark}
    release = build_release(snapshot, **NAMED)
    assisted = [a for a in snapshot.answers if a.prelabel_shown and a.clip_id in benchmark]
    assert not any(a.prelabel_shown for a in release.answers if a.clip_id in benchmark)
    assert release.left_out == {ASSISTED: len(assisted)}
    assert len(release.answers) == len(snapshot.answers) - len(assisted)


def test_other_clips_keep_their_assisted_answers(make_snapshot):
    snapshot = make_snapshot()
    others = {clip.clip_id for clip in snapshot.clips if not clip.is_benchmark}
    release = build_release(snapshot, **NAMED)
    assert any(a.prelabel_shown for a in release.answers if a.clip_id in others)


def test_assisted_answers_count_where_the_settings_say_so(make_snapshot):
    snapshot = make_snapshot()
    settings = BuildSettings(benchmark_answers="all")
    release = build_release(snapshot, settings=settings, **NAMED)
    assert len(release.answers) == len(snapshot.answers)
    assert release.left_out == {}


def test_every_frame_of_the_snapshot_stands_in_the_release_with_its_answers_counted(make_snapshot):
    snapshot = make_snapshot(assisted=0.0)
    release = build_release(snapshot, **NAMED)
    answers = answers_by_frame(snapshot.answers)
    assert {(f.clip_id, f.second): f.n_answers for f in release.frames} == {
        (f.clip_id, f.second): len(answers.get((f.clip_id, f.second), [])) for f in snapshot.frames
    }


def test_each_clip_with_a_box_has_one_tube_of_all_its_boxes(make_snapshot):
    release = build_release(make_snapshot(), **NAMED)
    boxes = {(tube.clip_id, s): box for tube in release.tubes for s, box in tube.boxes.items()}
    assert boxes == release.boxes
    assert len({tube.clip_id for tube in release.tubes}) == len(release.tubes)


def test_the_manifest_names_settings_snapshot_and_program(make_snapshot, tmp_path):
    settings = BuildSettings(min_clicks=2)
    snapshot = make_snapshot()
    release = build_release(snapshot, settings=settings, licence="CC-BY-4.0", **NAMED)
    write_built_release(tmp_path / "release", release)
    manifest = tables.read_json(tmp_path / "release/manifest.json")
    assert manifest["settings"] == settings.to_mapping()
    assert manifest["snapshot"]["digest"] == snapshot.digest
    assert manifest["licence"] == "CC-BY-4.0"
    assert manifest["made_with"].startswith("grounding-circle ")


def test_a_snapshot_without_answers_still_gives_a_release(make_snapshot, tmp_path):
    snapshot = replace(make_snapshot(), answers=())
    release = build_release(snapshot, **NAMED)
    write_built_release(tmp_path / "release", release)
    assert {frame.reason for frame in release.frames} == {"unanswered"}
    assert not release.boxes


def test_boxes_that_the_youtube_files_cannot_hold_are_counted(make_snapshot, tmp_path, caplog):
    snapshot = make_snapshot(assisted=0.0, not_visible=0.0, unanswered=0.0)
    write_built_release(tmp_path / "release", build_release(snapshot, **NAMED))
    assert "1 boxes of later clips are not in it" in caplog.text


@pytest.mark.parametrize("name", ["", "../x", "a b", ".hidden"])
def test_a_name_that_cannot_be_a_file_name_is_refused(make_snapshot, name):
    with pytest.raises(InputError, match="release name"):
        build_release(make_snapshot(), name=name, version="1.0.0")


@pytest.mark.parametrize("version", ["1", "1.0", "v1.0.0", "1.0.0-rc1", "01.0.0"])
def test_a_version_of_another_form_is_refused(make_snapshot, version):
    with pytest.raises(InputError, match=r"must look like 1\.0\.0"):
        build_release(make_snapshot(), name="demo", version=version)


def test_an_existing_release_is_never_overwritten_unasked(make_snapshot, tmp_path):
    release = build_release(make_snapshot(), **NAMED)
    write_built_release(tmp_path / "release", release)
    (tmp_path / "release/mine.txt").write_text("kept")
    with pytest.raises(OutputError, match="exists already"):
        write_built_release(tmp_path / "release", release)
    with pytest.raises(OutputError, match="not replaced even with --force"):
        write_built_release(tmp_path / "release", release, force=True)
    assert (tmp_path / "release/mine.txt").read_text() == "kept"
    (tmp_path / "release/mine.txt").unlink()
    write_built_release(tmp_path / "release", release, force=True)


def test_a_changed_snapshot_is_not_built_from(snapshot_folder):
    path = snapshot_folder / "data/answers.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(InputError, match="take the snapshot again"):
        read_snapshot(snapshot_folder)
