from __future__ import annotations

import random
from dataclasses import replace

import pytest

from dataset_builder.domain import Clip, Segment
from dataset_builder.frames import read_video_frames
from dataset_builder.geometry import Point
from dataset_builder.importers.found_answers import FoundAnswer, clips_of_csv, snapshot_parts
from dataset_builder.importers.found_clips import FoundClip
from dataset_builder.snapshot import AnswerRow, FrameRow, read_snapshot

EGG = FoundClip("a:1", "v1", Segment(1, 3), "Crack egg")
CLICK = FoundAnswer("a:2", "v1", "crack egg", 1, "ann", Point(0.25, 0.5))


@pytest.fixture
def parts_of(store):
    def make(clips, answers):
        return snapshot_parts(clips, answers, store, split="test", is_benchmark=True)

    return make


def test_a_snapshot_holds_every_frame_of_the_clips_and_the_answers_to_them(
    parts_of, store, tmp_path
):
    unseen = replace(CLICK, second=2, point=None, prelabel_shown=True)
    parts = parts_of([EGG], [CLICK, unseen])
    parts.write(tmp_path / "snapshot")
    found = read_snapshot(tmp_path / "snapshot")
    cut = read_video_frames(store, "v1")
    assert parts.problems == []
    assert found.videos == (cut.video,)
    clip_id = "v1_1000-3000_crack-egg"
    assert found.clips == (Clip(clip_id, "v1", "crack-egg", Segment(1, 3), "test", True),)
    assert found.frames == tuple(
        FrameRow(clip_id, image.second, image.timestamp_s, image.image_sha256, 192, 108, 5)
        for image in cut.frames[1:3]
    )
    assert found.answers == (
        AnswerRow(clip_id, 1, "annotator-1", Point(0.25, 0.5)),
        AnswerRow(clip_id, 2, "annotator-1", None, prelabel_shown=True),
    )


def test_more_people_than_are_asked_here_make_a_snapshot_that_is_read(parts_of, tmp_path):
    answers = [replace(CLICK, where=f"a:{n}", person=f"person {n}") for n in range(7)]
    parts = parts_of([EGG], answers)
    assert parts.problems == []
    assert sorted({frame.redundancy for frame in parts.frames.values()}) == [5, 7]
    parts.write(tmp_path / "snapshot")
    assert len(read_snapshot(tmp_path / "snapshot").answers) == 7


def test_people_are_numbered_and_the_order_of_files_changes_nothing(parts_of, tmp_path):
    answers = [replace(CLICK, person=name) for name in ("zoe", "ann", "12", "bob")]
    one = parts_of([EGG], answers)
    assert [a.annotator_id for a in one.answers.values()] == [
        f"annotator-{n}" for n in (4, 2, 1, 3)
    ]
    random.Random(0).shuffle(answers)
    two = parts_of([EGG, EGG], answers)
    assert one.snapshot_id == two.snapshot_id
    assert one.write(tmp_path / "one") == two.write(tmp_path / "two")
    other = parts_of([EGG], [*answers[1:], replace(answers[0], point=Point(0.25, 0.500001))])
    assert other.snapshot_id != one.snapshot_id


def test_an_answer_goes_to_every_clip_of_its_action_that_holds_its_second(parts_of):
    longer, other = replace(EGG, segment=Segment(0, 2)), replace(EGG, description="stir")
    parts = parts_of([EGG, longer, other], [CLICK])
    assert {key[0] for key in parts.answers} == {
        "v1_1000-3000_crack-egg",
        "v1_0-2000_crack-egg",
    }


def test_a_clip_without_a_whole_second_has_the_frame_of_its_middle(parts_of):
    parts = parts_of([replace(EGG, segment=Segment(1.25, 1.75))], [CLICK])
    ((_, frame),) = parts.frames.items()
    assert (frame.second, frame.is_middle_frame) == (1, True)
    assert len(parts.answers) == 1


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"second": 3}, "no clip of 'crack egg' in video 'v1' holds second 3"),
        ({"description": "stir"}, "no clip of 'stir' in video 'v1' holds second 1"),
        ({"video_id": "v2"}, "no clip of 'crack egg' in video 'v2' holds second 1"),
        ({"size_px": (480, 640)}, "was given to a picture of 480x640 pixels, but the video is"),
        ({"point": None}, "a second answer of this person to second 1"),
    ],
)
def test_an_answer_that_has_no_place_is_named_and_the_rest_goes_in(parts_of, change, problem):
    later = replace(CLICK, second=2, size_px=(640, 480))
    parts = parts_of([EGG], [CLICK, replace(CLICK, where="a:9", **change), later])
    assert {key[1] for key in parts.answers} == {1, 2}
    (refused,) = parts.problems
    assert refused.startswith(f"a:9: {problem}")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"video_id": "v9"}, "video 'v9' is not in"),
        ({"segment": Segment(4, 9)}, "second 6 of the clip was not cut from video 'v1'"),
    ],
)
def test_a_clip_without_pictures_is_named_and_the_rest_goes_in(parts_of, change, problem):
    parts = parts_of([replace(EGG, where="a:9", **change), EGG], [CLICK])
    assert list(parts.clips) == [EGG.clip_id]
    (refused,) = parts.problems
    assert refused.startswith(f"a:9: {problem}")


def test_clips_come_from_a_table_with_its_lines(tmp_path):
    path = tmp_path / "clips.csv"
    path.write_text("video_id,start_s,end_s,action\nv1,1,3,Crack egg\nv1,3,1,stir\n")
    found = clips_of_csv(path)
    assert found.clips == (replace(EGG, where=f"{path}:2"),)
    assert found.problems[0].startswith(f"{path}:3: segment must satisfy")


def test_answers_to_a_video_that_was_not_cut_say_so_and_not_that_no_clip_holds_them(parts_of):
    clip, answer = replace(EGG, video_id="v9"), replace(CLICK, video_id="v9")
    problems = [str(problem) for problem in parts_of([EGG, clip], [CLICK, answer]).problems]
    assert len(problems) == 2
    assert "video 'v9' is not in" in problems[0]
    assert problems[1].startswith("a:2: video 'v9' is not in")
