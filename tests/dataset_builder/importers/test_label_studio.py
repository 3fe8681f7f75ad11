from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.domain import Segment
from dataset_builder.errors import InputError
from dataset_builder.geometry import Point
from dataset_builder.importers.clip_csv import clip_of, read_clip_csv, write_clip_csv
from dataset_builder.importers.found_answers import FoundAnswer
from dataset_builder.importers.found_clips import FoundClip
from dataset_builder.importers.label_studio import (
    read_label_studio_answers,
    read_label_studio_clips,
    video_id_of,
)

FPS = Fraction(25)
FRAME = {"image": "images/1.jpg", "video_id": "v1", "second": 12, "action": "crack_egg"}


def timeline(*ranges: tuple[int, int], labels: object = ("Crack egg",)) -> dict[str, object]:
    spans = [{"start": first, "end": last} for first, last in ranges]
    return {"type": "timelinelabels", "value": {"ranges": spans, "timelinelabels": labels}}


def key_point(x: object = 25, y: object = 50, **more: object) -> dict[str, object]:
    value = {"x": x, "y": y, "width": 0.5, "keypointlabels": ["centre"]}
    return {"type": "keypointlabels", "value": value} | more


def handed_in(*regions: object, by: object = 3, **more: object) -> dict[str, object]:
    return {"completed_by": by, "result": list(regions)} | more


def task(*annotations: object, **data: object) -> dict[str, object]:
    return {"id": 7, "data": data, "annotations": list(annotations), "predictions": []}


@pytest.fixture
def write(tmp_path):
    def write_json(*tasks: object, name: str = "export.json") -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(tasks), encoding="utf-8")
        return path

    return write_json


def test_a_timeline_label_is_a_clip_that_holds_its_last_frame(write):
    path = write(task(handed_in(timeline((26, 75))), video="v1.mp4"))
    assert read_label_studio_clips(path, FPS).clips == (
        FoundClip(f"{path}: [0].annotations[0].result[0]", "v1", Segment(1, 3), "Crack egg"),
    )


def test_every_range_and_label_is_a_clip_and_the_same_of_two_people_is_one(write):
    ann = handed_in(timeline((1, 25), (51, 51), labels=["a", "b"]), by=1)
    path = write(task(ann, handed_in(timeline((1, 25), labels=["a"]), by=2), video_id="v1"))
    found = read_label_studio_clips(path, FPS)
    assert [(c.segment.start_s, c.segment.end_s, c.description) for c in found.clips] == [
        (0, 1, "a"),
        (0, 1, "b"),
        (2, 2.04, "a"),
        (2, 2.04, "b"),
    ]


@pytest.mark.parametrize(
    ("region", "problem"),
    [
        (timeline((0, 5)), "a range must be frames from 1 on, in order, got 0..5"),
        (timeline((6, 5)), "a range must be frames from 1 on, in order, got 6..5"),
        (timeline((1, 10**12)), "a range must be frames from 1 on, in order, got 1..1000000000000"),
        (timeline((1, 2.5)), "field 'end' must be int, got 2.5"),
        (timeline((1, 5), labels=None), "field 'timelinelabels' must be list, got None"),
        (timeline((1, 5), labels=[7]), "a label must be text, got 7"),
        (timeline((1, 5), labels=["?"]), "action '?' has no letter or digit"),
        ({"type": "timelinelabels"}, "field 'value' must be dict, got None"),
    ],
)
def test_a_bad_region_is_named_by_its_path_and_the_rest_goes_in(write, region, problem):
    path = write(task(handed_in(timeline((1, 25)), region, timeline((26, 50))), video="v1.mp4"))
    found = read_label_studio_clips(path, FPS)
    assert [clip.segment.start_s for clip in found.clips] == [0, 1]
    (refused,) = found.problems
    assert refused.startswith(f"{path}: [0].annotations[0].result[1]: {problem}")


@pytest.mark.parametrize("video", ["", "https://example.org/", "/data/upload/3/"])
def test_a_place_without_a_file_name_is_refused(video):
    with pytest.raises(InputError, match="names no file; add 'video_id' to the task's data"):
        video_id_of(video)


def test_a_key_point_is_a_click_in_fractions(write):
    region = key_point(original_width=640, original_height=480, image_rotation=0)
    path = write(task(handed_in(region), **FRAME))
    assert read_label_studio_answers(path).answers == (
        FoundAnswer(
            f"{path}: [0].annotations[0]",
            "v1",
            "crack egg",
            12,
            "3",
            Point(0.25, 0.5),
            size_px=(640, 480),
        ),
    )


def choices(*names: object) -> dict[str, object]:
    return {"type": "choices", "value": {"choices": list(names)}}


def test_the_choice_not_visible_says_so_and_other_choices_beside_a_click_nothing(write):
    regions = ([choices("Action not visible")], [choices(7, "not_visible")])
    path = write(
        *(task(handed_in(*found), **FRAME) for found in regions),
        task(handed_in(choices("clearly visible"), key_point()), **FRAME),
    )
    found = read_label_studio_answers(path)
    assert found.problems == ()
    assert [answer.point for answer in found.answers] == [None, None, Point(0.25, 0.5)]


def test_an_annotation_without_a_region_says_not_visible_and_a_skipped_task_nothing(write):
    path = write(task(handed_in(), handed_in(was_cancelled=True, by=4), **FRAME))
    (answer,) = read_label_studio_answers(path).answers
    assert (answer.point, answer.person) == (None, "3")


def test_an_answer_that_began_as_a_prediction_is_assisted(write):
    path = write(
        task(handed_in(key_point()), **FRAME),
        task(handed_in(key_point(origin="prediction-changed")), **FRAME),
        task(handed_in(key_point(), parent_prediction=5), **FRAME),
    )
    answers = read_label_studio_answers(path).answers
    assert [answer.prelabel_shown for answer in answers] == [False, True, True]


def test_a_person_has_an_address_or_a_number_and_nobodys_answers_are_so_many_peoples(write):
    named = {"id": 3, "email": "ann@example.org"}
    path = write(*(task(handed_in(by=by), **FRAME) for by in (3, named, {"id": 3}, None, None)))
    people = [answer.person for answer in read_label_studio_answers(path).answers]
    assert people[:3] == ["3", "ann@example.org", "3"]
    assert people[3] != people[4]


@pytest.mark.parametrize(
    ("annotation", "data", "problem"),
    [
        (handed_in(key_point(), key_point()), {}, "one key point or none, got keypointlabels, "),
        (handed_in(key_point(), choices("not visible")), {}, "got keypointlabels, choices"),
        (handed_in(choices("visible")), {}, "one key point or none, got choices"),
        (handed_in({"type": "brushlabels"}), {}, "one key point or none, got brushlabels"),
        (handed_in(key_point(100.5)), {}, "point must satisfy 0 <= x <= 1"),
        (handed_in(key_point(None)), {}, "x must be a finite number, got None"),
        (handed_in(key_point(image_rotation=90)), {}, "the picture was turned by 90 degrees"),
        (handed_in(key_point()), {"second": "12"}, "field 'second' must be int, got '12'"),
        (handed_in(key_point()), {"second": -1}, "second must be 0 or more, got -1"),
        (handed_in(key_point()), {"action": None}, "field 'action' must be str, got None"),
        (handed_in(key_point()), {"video_id": 1}, "field 'video_id' must be str, got 1"),
        ({"result": None}, {}, "field 'result' must be list, got None"),
        (7, {}, "should be an object, got 7"),
    ],
)
def test_a_bad_annotation_is_named_by_its_path_and_the_rest_goes_in(
    write, annotation, data, problem
):
    path = write(task(annotation, handed_in(), **FRAME | data), task(handed_in(), **FRAME))
    found = read_label_studio_answers(path)
    assert {answer.second for answer in found.answers} == {12}
    assert found.problems[0].startswith(f"{path}: [0].annotations[0]: ")
    assert problem in found.problems[0]


def test_a_key_point_of_no_known_frame_is_refused(write):
    path = write(task(handed_in(key_point()), image="1.jpg"), task(handed_in(), image="2.jpg"))
    assert read_label_studio_answers(path).problems == (
        f"{path}: [0].annotations[0]: the task's data lacks video_id, second, action; "
        "say which frame this is",
    )


def test_a_bad_task_is_named_and_the_rest_goes_in(write):
    path = write(7, {"data": {}}, task(handed_in(timeline((1, 5))), video="v1.mp4"))
    found = read_label_studio_clips(path, FPS)
    assert len(found.clips) == 1
    assert found.problems == (
        f"{path}: [0]: should be an object, got 7",
        f"{path}: [1]: field 'annotations' must be list, got None",
    )


def test_a_folder_is_read_file_by_file(write, tmp_path):
    write(task(handed_in(), **FRAME), name="b.json")
    write(task(handed_in(timeline((1, 5))), video="v1.mp4"), name="a.json")
    assert len(read_label_studio_clips(tmp_path, FPS).clips) == 1
    assert len(read_label_studio_answers(tmp_path).answers) == 1


def test_what_is_no_list_of_tasks_is_refused(tmp_path):
    path = tmp_path / "export.json"
    path.write_text('{"tasks": []}')
    with pytest.raises(InputError, match=r"export\.json: should be a list of tasks"):
        read_label_studio_answers(path)


names = ["data", "annotations", "result", "value", "second", "action", "video_id", "video", "type"]
values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(names), inner),
    max_leaves=6,
)
numbers = st.integers(-2, 60) | values
regions = (
    values
    | st.builds(lambda a, b, label: timeline((a, b), labels=[label]), numbers, numbers, values)
    | st.builds(key_point, st.floats(-1, 101), numbers)
)
annotations = values | st.lists(regions, max_size=3).map(lambda found: handed_in(*found))
data = st.fixed_dictionaries(
    {},
    optional={
        "video_id": st.just("v1") | values,
        "video": st.just("a/v2.mp4") | values,
        "second": numbers,
        "action": st.text(max_size=5) | values,
    },
)
tasks = values | st.builds(
    lambda given, found: task(*found, **given), data, st.lists(annotations, max_size=3)
)


@given(st.lists(tasks, max_size=3))
def test_anything_becomes_clips_and_answers_or_problems(tmp_path_factory, found_tasks):
    folder = tmp_path_factory.mktemp("any")
    path = folder / "export.json"
    path.write_text(json.dumps(found_tasks), encoding="utf-8")
    clips = read_label_studio_clips(path, FPS)
    write_clip_csv(folder / "clips.csv", clips.clips)
    table = read_clip_csv(folder / "clips.csv")
    assert table.problems == ()
    assert [clip_of(row, "test", False).clip_id for row in table.rows] == [
        clip.clip_id for clip in clips.clips
    ]
    answers = read_label_studio_answers(path)
    for line in (*clips.problems, *answers.problems):
        assert line.startswith(f"{path}: [")
    assert all(answer.second >= 0 for answer in answers.answers)
