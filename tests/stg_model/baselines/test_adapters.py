"""Other programs' answers, in files of the layouts that their code writes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from dataset_builder.domain import Action, Clip, Segment, Video
from dataset_builder.exporters.coco import FILE, write_coco
from dataset_builder.geometry import Box
from dataset_builder.predictions import read_predictions
from dataset_builder.release import Consensus, Release, write_release
from stg_model.baselines.detections import box_from, detections
from stg_model.baselines.question_tubes import question_tubes
from stg_model.cli import main
from stg_model.evaluation import EvaluationSettings, evaluate

FPS, N_SECONDS, WIDTH, HEIGHT = 25.0, 6, 200, 100
TRUE = Box(0.2, 0.2, 0.5, 0.6)


@pytest.fixture(scope="module")
def release():
    """One video: "cut" at seconds 0..2, "stir" at 3..5, each with the same box."""
    clips = (Clip("c-1", "v1", "cut", Segment(0, 3)), Clip("c-2", "v1", "stir", Segment(3, 6)))
    frames = tuple(
        Consensus(c.clip_id, s, float(s), "", WIDTH, HEIGHT, 5, 5, 5, None, None, None, True, "")
        for c in clips
        for s in range(int(c.segment.start_s), int(c.segment.end_s))
    )
    boxes = {(frame.clip_id, frame.second): TRUE for frame in frames}
    return Release(
        name="asked", version="1.0.0", derivation="none",
        videos=(Video("v1", WIDTH, HEIGHT, float(N_SECONDS), ""),),
        actions=(Action("cut", "cut"), Action("stir", "stir")),
        clips=clips, frames=frames, answers=(), boxes=boxes,
        rules=dict.fromkeys(boxes, "exact"), tubes=(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def images(release, tmp_path_factory):
    folder = tmp_path_factory.mktemp("coco")
    write_coco(release, folder)
    return folder / FILE


def metrics(release, found):
    (row,) = evaluate(release, found, EvaluationSettings(clips="all")).systems
    return row.metrics


def write(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def results_on(images):
    """Perfect results: on every image the action that is true there, 30 of 60 by 40 pixels."""
    data = json.loads(images.read_text(encoding="utf-8"))
    category = {one["action_id"]: one["id"] for one in data["categories"]}
    return [
        {
            "image_id": image["id"],
            "category_id": category["cut" if image["second"] < 3 else "stir"],
            "bbox": [40.0, 20.0, 60.0, 40.0],
            "score": 0.9,
        }
        for image in data["images"]
    ]


def test_perfect_detections_score_one(release, images, tmp_path):
    results = results_on(images)
    weaker = [{**one, "bbox": [0.0, 0.0, 9.0, 9.0], "score": 0.2} for one in results]
    path = write(tmp_path / "bbox.json", [*weaker, *results, *weaker])
    found = detections("glip", path, images, release, 0.5)
    scores = metrics(release, found)
    assert scores["pointing"] == scores["iou_pointing"] == scores["video_map_volume@0.5"] == 1
    assert found.system.name == "GLIP"


def test_a_second_without_a_sure_box_names_no_action(release, images, tmp_path):
    path = write(tmp_path / "r.json", [{**one, "score": 0.4} for one in results_on(images)])
    found = detections("regionclip", path, images, release, 0.5)
    assert {second.action_id for second in found.seconds.values()} == {None}
    assert metrics(release, found)["pointing"] == 1  # given the action


def tube_answers(program, box):
    """Answers of both questions, on every fourth frame (TubeDETR) or on every one (STCAT)."""
    n_frames = int(N_SECONDS * FPS)
    spans = {"11": [0, 75], "12": [75, 150]}
    videos = {item: {"sted": span, "qtype": "declarative"} for item, span in spans.items()}
    if program == "tubedetr":
        boxes = {
            f"{item}_{frame}": {"boxes": [box]} for item in spans for frame in range(0, n_frames, 4)
        }
    else:
        boxes = {item: {frame: [box] for frame in range(n_frames)} for item in spans}
    return {"predictions": boxes, "video_predictions": videos}


ITEMS = {"11": {"clip_id": "c-1", "fps": FPS}, "12": {"clip_id": "c-2", "fps": FPS}}
PERFECT = [40.0, 20.0, 100.0, 60.0]


@pytest.mark.parametrize("program", ["tubedetr", "stcat"])
def test_perfect_tubes_score_one(program, release, tmp_path):
    path = write(tmp_path / "answers.json", tube_answers(program, PERFECT))
    found = question_tubes(program, path, write(tmp_path / "items.json", ITEMS), release)
    scores = metrics(release, found)
    assert scores["m_tiou"] == scores["m_viou"] == scores["gt_viou"] == 1
    assert {tube.clip_id for tube in found.tubes} == {"c-1", "c-2"}


def test_a_span_and_a_size_are_the_questions_own(release, tmp_path):
    answers = tube_answers("stcat", [80.0, 40.0, 200.0, 120.0])  # of frames twice as large
    answers["video_predictions"]["11"]["sted"] = [25, 75]
    items = {item: {**said, "width": 400, "height": 200} for item, said in ITEMS.items()}
    path = write(tmp_path / "answers.json", answers)
    found = question_tubes("stcat", path, write(tmp_path / "items.json", items), release)
    tube = next(tube for tube in found.tubes if tube.clip_id == "c-1")
    assert dict(tube.boxes) == {1: TRUE, 2: TRUE}
    assert metrics(release, found)["gt_viou"] == 1  # second 0 has a point with its box


def test_stcats_torch_file_is_read_and_code_in_one_is_not_run(release, tmp_path):
    path = tmp_path / "test_results.pt"
    content = tube_answers("stcat", PERFECT) | {"vid_metrics": {"11": {"viou": np.float64(0.5)}}}
    torch.save(content, path)
    items = write(tmp_path / "items.json", ITEMS)
    assert len(question_tubes("stcat", path, items, release).tubes) == 2

    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"predictions": Hostile()}, path)
    with pytest.raises(
        Exception, match=r"torch file of plain values \(Weights only load failed\);"
    ):
        question_tubes("stcat", path, items, release)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        ([-20.0, 10.0, 220.0, 90.0], Box(0, 0.1, 1, 0.9)),
        ([210.0, 10.0, 220.0, 90.0], None),
        ([50.0, 50.0, 50.0, 90.0], None),
    ],
)
def test_boxes_are_cut_at_the_frame(pixels, expected):
    assert box_from(pixels, WIDTH, HEIGHT) == expected


def test_files_of_another_layout_are_named(release, images, tmp_path):
    items = write(tmp_path / "items.json", ITEMS)
    other = write(tmp_path / "other.json", {"boxes": {}})
    good = write(tmp_path / "good.json", tube_answers("stcat", PERFECT))
    result = results_on(images)[0]
    runs = [
        (lambda: question_tubes("stcat", other, items, release), "is no file of STCAT's answers"),
        (lambda: question_tubes("tubedetr", good, items, release), "is no file of TubeDETR's"),
        (lambda: question_tubes("stcat", good, other, release), "item '11': lacks or does not fit"),
        (lambda: detections("glip", other, images, release, 0.5), "expected a list of results"),
        (lambda: detections("glip", good, other, release, 0.5), "is no data set file"),
    ]
    for change in ({"image_id": 99}, {"bbox": [1, 2]}, {"bbox": [1, 2, float("nan"), 4]}):
        path = write(tmp_path / f"r{len(runs)}.json", [{**result, **change}])
        runs.append((lambda p=path: detections("glip", p, images, release, 0.5), "result 0"))
    for run, message in runs:
        with pytest.raises(Exception, match=message):
            run()


def test_one_command_adapts_each(release, images, tmp_path):
    write_release(tmp_path / "truth", release)
    files = {
        "glip": (write(tmp_path / "g.json", results_on(images)), "--images", images),
        "stcat": (
            write(tmp_path / "s.json", tube_answers("stcat", PERFECT)),
            "--items",
            write(tmp_path / "items.json", ITEMS),
        ),
    }
    for program, (path, option, value) in files.items():
        out = tmp_path / f"{program}.jsonl"
        command = ["adapt", program, path, "--release", tmp_path / "truth", "--output", out]
        lacks = CliRunner().invoke(main, [str(a) for a in command])
        assert lacks.exit_code == 1
        assert f"{program} needs {option}" in lacks.output
        done = CliRunner().invoke(main, [str(a) for a in [*command, option, value]])
        assert done.exit_code == 0, done.output
        assert len(read_predictions(out).points) >= N_SECONDS
