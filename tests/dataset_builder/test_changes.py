from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder import tables
from dataset_builder.build import build_release
from dataset_builder.changes import KEYS, Table, box_ious, compare_releases
from dataset_builder.changes import _compare_tables as compare_tables
from dataset_builder.cli import main
from dataset_builder.domain import Action, clip_id_for
from dataset_builder.errors import InputError
from dataset_builder.release import write_release
from dataset_builder.settings import BuildSettings
from dataset_builder.version_steps import version_step


@pytest.fixture
def write(tmp_path, make_snapshot):
    """Write the release of a snapshot: `write(version, snapshot=..., settings=..., **changed)`."""

    def written(version: str, *, snapshot=None, settings=None, **changed) -> Path:
        snapshot = snapshot or make_snapshot()
        release = build_release(snapshot, name="demo", version=version, settings=settings)
        path = tmp_path / f"release-{version}"
        write_release(path, replace(release, **changed))
        return path

    return written


def step_of(before: Path, after: Path) -> tuple[str, list[str]]:
    step = version_step(compare_releases(before, after))
    return step.needed, [text for _, text in step.reasons]


def change_table(folder: Path, table: str, change) -> None:
    path = folder / f"data/{table}.parquet"
    pq.write_table(change(pq.read_table(path)), path)
    tables.write_sums(folder)


def test_a_release_does_not_differ_from_itself(write):
    changes = compare_releases(write("1.0.0"), write("1.0.1"))
    assert changes.is_same
    assert version_step(changes).needed == "none"
    assert all(t.contents[0] == t.contents[1] != "" for t in changes.tables.values())
    assert set(changes.tables) == set(KEYS)


def test_a_moved_click_is_a_patch_and_names_every_row_that_follows(write, make_snapshot):
    snapshot = make_snapshot()
    boxed = build_release(snapshot, name="demo", version="1.0.0").boxes
    index = next(
        i
        for i, a in enumerate(snapshot.answers)
        if a.point and not a.prelabel_shown and (a.clip_id, a.second) in boxed
    )
    moved = snapshot.answers[index]
    far = 0.0 if moved.point.x > 0.5 else 1.0
    moved = replace(moved, point=replace(moved.point, x=far))
    answers = (*snapshot.answers[:index], moved, *snapshot.answers[index + 1 :])
    changes = compare_releases(
        write("1.0.0"), write("1.0.1", snapshot=replace(snapshot, answers=answers))
    )
    frame = (moved.clip_id, moved.second)
    (answer,) = changes.tables["answers"].changed
    assert answer.key[:2] == frame
    assert set(answer.values) == {"x"}
    assert [row.key for row in changes.tables["boxes"].changed] == [(*frame, "main")]
    assert frame in [row.key for row in changes.tables["frames"].changed]
    (iou,) = box_ious(changes)
    assert 0 <= iou < 1
    step = version_step(changes)
    assert (step.needed, step.stated, step.is_enough) == ("patch", "patch", True)


def test_answers_of_two_snapshots_are_the_same_though_their_people_have_other_names(
    write, make_snapshot
):
    snapshot = make_snapshot()
    later = replace(snapshot, digest="00" * 32)
    changes = compare_releases(write("1.0.0"), write("1.0.1", snapshot=later))
    assert changes.tables["answers"].compared_by == "frame and content"
    assert changes.tables["answers"].contents[0] != changes.tables["answers"].contents[1]
    assert changes.tables["annotators"].compared_by == "number only"
    assert changes.is_same


def test_of_two_snapshots_a_dropped_answer_is_one_removed(write, make_snapshot):
    snapshot = make_snapshot()
    benchmark = {clip.clip_id for clip in snapshot.clips if clip.is_benchmark}
    dropped = next(a for a in snapshot.answers if a.clip_id in benchmark and not a.prelabel_shown)
    answers = tuple(a for a in snapshot.answers if a is not dropped)
    later = replace(snapshot, digest="00" * 32, answers=answers)
    found = compare_releases(write("1.0.0"), write("1.0.1", snapshot=later)).tables["answers"]
    assert [key[:2] for key in found.removed] == [(dropped.clip_id, dropped.second)]
    assert found.added == ()


def test_a_setting_is_a_major_step(write):
    needed, texts = step_of(write("1.0.0"), write("1.1.0", settings=BuildSettings(min_clicks=2)))
    assert needed == "major"
    assert "setting min_clicks was 3, is 2" in texts


def test_robust_boxes_change_the_rule_and_leave_the_papers_beside(write):
    changes = compare_releases(
        write("1.0.0"), write("2.0.0", settings=BuildSettings(mode="robust"))
    )
    boxes = changes.tables["boxes"]
    assert "rules of main boxes were union_margin, are robust_union" in [
        text for _, text in version_step(changes).reasons
    ]
    assert {key[2] for key in boxes.added} == {"union_margin"}
    assert all("rule" in row.values for row in boxes.changed)
    assert version_step(changes).is_enough


def test_new_clips_are_a_minor_step_and_an_action_that_goes_a_major_one(write, make_snapshot):
    few, many = make_snapshot(n_clips=6), make_snapshot(n_clips=7)
    small, large = write("1.0.0", snapshot=few), write("1.0.1", snapshot=many)
    needed, texts = step_of(small, large)
    assert needed == "minor"
    assert "clips that came: 1" in texts
    assert "clips that went: 1" in step_of(large, small)[1]
    more = write("1.2.0", snapshot=few, actions=(*few.actions, Action("hop", "hop")))
    assert step_of(small, more) == ("minor", ["actions that came: 1"])
    assert step_of(more, small) == ("major", ["actions that are gone: 1"])


def change_clips(snapshot, change):
    """Return the snapshot with `change(clip)` for each clip, its frames and answers renamed."""
    clips = [change(clip) for clip in snapshot.clips]
    clips = [
        replace(clip, clip_id=clip_id_for(clip.video_id, clip.segment, clip.action_id))
        for clip in clips
    ]
    named = {old.clip_id: new.clip_id for old, new in zip(snapshot.clips, clips, strict=True)}
    frames, answers = (
        tuple(replace(row, clip_id=named[row.clip_id]) for row in rows)
        for rows in (snapshot.frames, snapshot.answers)
    )
    return replace(snapshot, clips=tuple(clips), frames=frames, answers=answers)


@pytest.mark.parametrize(
    ("changed", "major"),
    [
        ({}, []),
        ({"split": "train"}, ["clips of another split: 2", "videos of another split: 1"]),
        ({"is_benchmark": False}, ["clips of another split: 2", "videos of another split: 1"]),
    ],
)
def test_a_clip_with_another_action_is_a_corrected_label_unless_its_split_is_another_too(
    write, make_snapshot, changed, major
):
    snapshot = make_snapshot()
    actions = [action.action_id for action in snapshot.actions]

    def corrected(clip):
        if clip.video_id != "video0":
            return clip
        action = actions[(actions.index(clip.action_id) + 1) % len(actions)]
        return replace(clip, action_id=action, **changed)

    later = change_clips(snapshot, corrected)
    step = version_step(compare_releases(write("1.0.0"), write("1.0.1", snapshot=later)))
    assert step.needed == ("major" if major else "patch")
    assert [text for size, text in step.reasons if size == "major"] == major
    assert "clips with another action: 2" in [text for _, text in step.reasons]
    assert step.is_enough == (not major)


def test_a_video_whose_clips_all_have_other_bounds_may_be_of_another_split(write, make_snapshot):
    snapshot = make_snapshot()

    def moved(clip, split):
        segment = replace(clip.segment, end_s=clip.segment.end_s + 0.5)
        return replace(clip, segment=segment, split=split) if clip.video_id == "video0" else clip

    same = change_clips(snapshot, lambda clip: moved(clip, clip.split))
    other = change_clips(snapshot, lambda clip: moved(clip, "train"))
    before = write("1.0.0")
    assert step_of(before, write("1.1.0", snapshot=same))[0] == "minor"
    needed, texts = step_of(before, write("1.1.1", snapshot=other))
    assert (needed, texts[0]) == ("major", "videos of another split: 1")


def test_of_two_labels_at_one_place_the_scored_one_stays_the_scored_one(write, make_snapshot):
    snapshot = make_snapshot()
    first = snapshot.clips[0]
    actions = [action.action_id for action in snapshot.actions]

    def doubled(names, scored):
        """Return two clips at the first one's place, without frames."""
        clips = [
            replace(
                first,
                action_id=name,
                clip_id=clip_id_for(first.video_id, first.segment, name),
                is_benchmark=is_scored,
            )
            for name, is_scored in zip(names, scored, strict=True)
        ]
        return replace(
            snapshot,
            clips=(*clips, *snapshot.clips[1:]),
            frames=tuple(f for f in snapshot.frames if f.clip_id != first.clip_id),
            answers=tuple(a for a in snapshot.answers if a.clip_id != first.clip_id),
        )

    before = write("1.0.0", snapshot=doubled(actions[:2], (True, False)))
    for version, scored in (("1.0.1", (False, True)), ("1.0.2", (True, False))):
        same = write(version, snapshot=doubled(actions[2:4], scored))
        assert step_of(before, same) == ("patch", ["clips with another action: 2"])
    both = write("1.0.3", snapshot=doubled(actions[2:4], (True, True)))
    assert step_of(before, both)[1][0] == "clips of another split: 1"


def test_another_format_compares_by_the_columns_that_both_have(write):
    older, newer = write("1.0.0"), write("2.0.0")
    change_table(older, "boxes", lambda t: t.drop_columns(["is_main"]))
    change_table(older, "frames", lambda t: t.drop_columns(["agreement"]))
    (older / "data/annotators.parquet").unlink()
    tables.write_sums(older)
    needed, texts = step_of(older, newer)
    assert needed == "major"
    assert texts == [
        "columns of frames: agreement",
        "the table annotators came",
        "columns of boxes: is_main",
    ]


def test_other_texts_of_the_manifest_are_a_patch_and_the_name_is_nothing(write):
    plain = write("1.0.0")
    assert step_of(plain, write("1.0.1", licence="CC0-1.0"))[0] == "patch"
    assert step_of(plain, write("1.0.2", made_with="a test"))[0] == "none"


def without_a_number(table: pa.Table) -> pa.Table:
    place = table.schema.get_field_index("end_s")
    return table.set_column(place, "end_s", pa.array([float("nan")] * len(table)))


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        ("boxes", lambda t: pa.concat_tables([t, t.slice(0, 1)]), "two rows have the key"),
        ("frames", lambda t: t.drop_columns(["second"]), "has no column 'second'"),
        ("boxes", lambda t: t.drop_columns(["x2"]), "has no column 'x2'"),
        ("clips", without_a_number, r"row 1 has no JSON .*video0_0-5000_crack-egg"),
    ],
)
def test_a_table_that_cannot_be_compared_is_refused_in_one_line(
    write, tmp_path, table, change, message
):
    whole = write("1.0.0")
    broken = Path(shutil.copytree(whole, tmp_path / "broken"))
    change_table(broken, table, change)
    with pytest.raises(InputError, match=message):
        compare_releases(whole, broken)


def test_what_is_no_release_or_not_what_its_sums_say_is_refused(write, snapshot_folder):
    release = write("1.0.0")
    with pytest.raises(InputError, match="is not the manifest of a release"):
        compare_releases(release, snapshot_folder)
    (release / "data/clips.parquet").unlink()
    with pytest.raises(InputError, match=r"clips\.parquet: listed in SHA256SUMS but missing"):
        compare_releases(release, release)


ROWS = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 2))


@given(ROWS, ROWS)
def test_added_removed_and_changed_lead_from_one_table_to_the_other(old, new):
    found = compare_tables("actions", *map(table_of, (old, new)), same_people=True)
    made = {k: v for k, v in old.items() if (k,) not in found.removed}
    made |= {row.key[0]: row.values["n"][1] for row in found.changed}
    made |= {key[0]: new[key[0]] for key in found.added}
    assert made == new
    assert all(old[row.key[0]] == row.values["n"][0] != row.values["n"][1] for row in found.changed)
    assert found.is_same == (old == new)


@given(ROWS, ROWS)
def test_by_content_the_same_answers_under_other_names_are_no_change(old, new):
    one, two = (
        Table(
            {"annotator_id": "string", "n": "int64"},
            {("clip", 0, who): {"annotator_id": who, "n": n} for who, n in side.items()},
            repr(sorted(side.items())),
        )
        for side in (old, new)
    )
    found = compare_tables("answers", one, two, same_people=False)
    assert found.is_same == (sorted(old.values()) == sorted(new.values()))
    assert len(found.added) - len(found.removed) == len(new) - len(old)


def table_of(values: dict[str, int]) -> Table:
    rows = {(name,): {"action_id": name, "n": n} for name, n in values.items()}
    return Table({"action_id": "string", "n": "int64"}, rows, repr(sorted(values.items())))


def diff(*arguments: object):
    return CliRunner().invoke(main, ["diff", *map(str, arguments)])


def test_the_command_tells_rows_and_the_step(write):
    result = diff(write("1.0.0"), write("1.0.1", settings=BuildSettings(margin_x=0.2)))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "demo 1.0.0 -> demo 1.0.1"
    assert any(line.split()[:1] == ["boxes"] and "key" in line for line in lines)
    assert any("main boxes moved: IoU of old and new" in line for line in lines)
    assert lines[-1] == (
        "a major step is needed, but the versions are 1.0.0 -> 1.0.1, a step of patch"
    )


def test_the_command_prints_one_json_object_with_every_row(write):
    found = json.loads(diff(write("1.0.0"), write("1.0.1", licence="CC0-1.0"), "--json").stdout)
    assert found["step"] == {
        "needed": "patch",
        "stated": "patch",
        "enough": True,
        "reasons": [{"step": "patch", "text": 'licence was "", is "CC0-1.0"'}],
    }
    assert found["manifest"] == {"licence": ["", "CC0-1.0"]}
    assert found["same"] is False
    assert found["tables"]["boxes"]["changed"] == []


def test_the_command_says_in_one_line_what_is_no_release(write, tmp_path):
    result = diff(write("1.0.0"), tmp_path)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "has no SHA256SUMS" in result.stderr
