"""Against what other people's evaluators say: ActivityNet's for AVA, and pycocotools.

The stored numbers are in the folder of SHARED_DATA; pycocotools runs here as well, with our IoUs.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from dataset_builder.geometry import Box, box_iou
from dataset_builder.predictions import Predictions, System, TubePrediction
from stg_model.evaluation.average_precision import Detections, mean_average_precision
from stg_model.evaluation.matching import Pairs, match
from stg_model.evaluation.measures import Case, value_of
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import TrueClip, VideoTruth
from stg_model.evaluation.tube_overlap import flatten, tube_ious
from stg_model.evaluation.video_map import judged_tubes, score

ORACLES = Path(os.environ.get("SHARED_DATA", "../shared/data")) / "oracles"
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)
needs_oracles = pytest.mark.skipif(
    not ORACLES.is_dir(), reason=f"no {ORACLES}; set SHARED_DATA to run this"
)


@pytest.fixture(scope="module")
def stored():
    return json.loads((ORACLES / "case_unique.json").read_text())


def box_of(corners):
    x1, y1, x2, y2 = corners
    return Box(x1 / 640, y1 / 480, x2 / 640, y2 / 480)


def rows_of(tubes, score=None):
    """Return every box of the stored tubes: (video, frame, class, box, score)."""
    return [
        (tube["video"], frame, tube["cls"], box_of(corners), tube[score][n] if score else None)
        for tube in tubes
        for n, (frame, corners) in enumerate(zip(tube["frames"], tube["boxes"], strict=True))
    ]


def frame_average_precision(stored, threshold, *, annotated_frames_only, **rules):
    """Return the average precision of each class, each frame being matched by itself."""
    settings = EvaluationSettings(iou_comparison=">=", **rules)
    true, found = rows_of(stored["gt"]), rows_of(stored["det"], "frame_scores")
    if annotated_frames_only:
        annotated = {row[:2] for row in true}
        found = [row for row in found if row[:2] in annotated]
    pairs = [
        (d, t, box_iou(one[3], other[3]))
        for d, one in enumerate(found)
        for t, other in enumerate(true)
        if one[:3] == other[:3]
    ]
    detections, truths, ious = zip(*pairs, strict=True)
    scores = np.array([row[4] for row in found])
    is_true = match(
        Pairs(np.array(detections), np.array(truths), np.array(ious)), scores, threshold, settings
    )
    videos = [stored["videos"].index(row[0]) for row in found]
    n_true = np.zeros((len(stored["classes"]), len(stored["videos"])))
    for video, _, action, *_ in true:
        n_true[action, stored["videos"].index(video)] += 1
    actions = np.array([row[2] for row in found])
    measure = mean_average_precision(
        Detections(actions, np.array(videos), scores, is_true), n_true, settings
    )
    return measure.per_action(stored["classes"]), value_of(measure, len(stored["videos"]))


@needs_oracles
@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_frame_average_precision_is_that_of_avas_evaluator(stored, threshold):
    theirs = json.loads((ORACLES / "ava_activitynet" / "unique.json").read_text())
    theirs = theirs[f"iou>={threshold:g}"]
    by_class, mean = frame_average_precision(stored, threshold, annotated_frames_only=True)
    assert by_class == pytest.approx(theirs["ap"], abs=1e-12)
    assert mean == pytest.approx(theirs["mAP"], abs=1e-12)


@needs_oracles
@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_frame_average_precision_is_that_of_pycocotools(stored, threshold):
    theirs = json.loads((ORACLES / "coco" / "unique.json").read_text())["box_ap"]
    theirs = theirs[f"iou>={threshold:g}"]
    by_class, mean = frame_average_precision(
        stored,
        threshold,
        annotated_frames_only=False,
        detection_matching="best_unused",
        average_precision="recall_101",
    )
    assert by_class == pytest.approx(theirs["ap101"], abs=1e-12)
    assert mean == pytest.approx(theirs["mAP"], abs=1e-12)


@needs_oracles
def test_tube_volumes_are_those_of_masks(stored):
    theirs = json.loads((ORACLES / "coco" / "unique.json").read_text())
    name = "pairs_[det,gt,volume_iou,volume_iou_missing_gt_frames_ignored]"
    numbers = {}

    def flat(tubes, *, gaps):
        groups = [numbers.setdefault((t["video"], t["cls"]), len(numbers)) for t in tubes]
        boxes = []
        for tube in tubes:
            own = dict(zip(tube["frames"], map(box_of, tube["boxes"]), strict=True))
            between = range(min(own), max(own)) if gaps else ()
            boxes.append(dict.fromkeys(between) | own)
        return flatten(groups, boxes)

    predicted, true = flat(stored["det"], gaps=False), flat(stored["gt"], gaps=True)
    for column, rule in ((2, "background"), (3, "ignored")):
        found = tube_ious(predicted, true, rule)
        pairs = zip(found.predicted_P.tolist(), found.true_P.tolist(), strict=True)
        ours = dict(zip(pairs, found.volume_P.tolist(), strict=True))
        assert ours == pytest.approx({(row[0], row[1]): row[column] for row in theirs[name]})


def random_world(rng):
    """Return truths and tubes of four videos and three actions, with holes and wrong tubes."""
    truths, tubes = [], []
    for video in ("a", "b", "c", "d"):
        clips = []
        for n in range(rng.integers(1, 7)):
            action, start = f"action-{rng.integers(3)}", int(rng.integers(0, 30))
            seconds = range(start, start + int(rng.integers(1, 9)))
            x1, y1 = rng.uniform(0, 0.6, 2)
            boxes = {s: Box(x1, y1, x1 + 0.3, y1 + 0.3) for s in seconds if rng.random() < 0.8}
            clips.append(TrueClip(f"{video}{n}", action, frozenset(seconds), boxes))
            for _ in range(rng.integers(0, 4)):
                near = {s + int(rng.integers(-1, 2)): moved(b, rng) for s, b in boxes.items()}
                if near and min(near) >= 0:
                    tubes.append(TubePrediction(video, action, float(rng.random()), near))
        truths.append(VideoTruth(video, 50, tuple(clips)))
    return tuple(truths), tuple(tubes)


def moved(box, rng):
    x, y = rng.uniform(0, 0.1, 2)
    return Box(box.x1 + x, box.y1 + y, box.x2 + x, box.y2 + y)


def average_precision_of_pycocotools(case):
    """Return the recall_101 average precision by threshold and action: tubes as its boxes.

    A video is its image, and it is told our IoUs: it matches and integrates.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    actions = sorted({c.action_id for truth in case.truths for c in truth.clips if c.boxes})
    true = [(t.video_id, c) for t in case.truths for c in t.clips if c.boxes]
    judged = judged_tubes(case.predictions.tubes, case)
    found = [tube for tube in judged if tube.action_id in actions]

    def indexed(records):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": video} for video in range(len(case.truths))],
            "categories": [{"id": n, "name": name} for n, name in enumerate(actions)],
            "annotations": [
                {
                    "id": n + 1,
                    "image_id": case.video_ids.index(video_id),
                    "category_id": actions.index(action_id),
                    "score": tube_score,
                    "area": 1,
                    "iscrowd": 0,
                }
                for n, (video_id, action_id, tube_score) in enumerate(records)
            ],
        }
        coco.createIndex()
        return coco

    truth_file = indexed([(video_id, c.action_id, None) for video_id, c in true])
    found_file = indexed([(t.video_id, t.action_id, t.score) for t in found])
    unlabelled = [dict.fromkeys(c.seconds) | dict(c.boxes) for _, c in true]
    ious = tube_ious(
        flatten([0] * len(found), [t.boxes for t in found]),
        flatten([0] * len(true), unlabelled),
        case.settings.unlabelled_tube_seconds,
    ).volume_P.reshape(len(found), len(true))

    class WithTubes(COCOeval):
        def computeIoU(self, image, category):  # noqa: N802 - overridden
            mine = sorted(self._dts[image, category], key=lambda d: -d["score"])
            rows = [d["id"] - 1 for d in mine]
            columns = [g["id"] - 1 for g in self._gts[image, category]]
            return ious[np.ix_(rows, columns)] if rows and columns else []

    evaluation = WithTubes(truth_file, found_file, "bbox")
    evaluation.params.iouThrs = np.array(case.settings.tube_iou_thresholds)
    evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
    evaluation.params.maxDets = [1000]
    evaluation.evaluate()
    evaluation.accumulate()
    areas_of = evaluation.eval["precision"][:, :, :, 0, 0].mean(axis=1)
    return {
        threshold: dict(zip(actions, areas.tolist(), strict=True))
        for threshold, areas in zip(case.settings.tube_iou_thresholds, areas_of, strict=True)
    }


@pytest.mark.parametrize("rule", ["ignored", "background"])
@pytest.mark.parametrize("seed", range(8))
def test_video_average_precision_is_that_of_pycocotools(seed, rule):
    truths, tubes = random_world(np.random.default_rng(seed))
    settings = EvaluationSettings(
        iou_comparison=">=",
        detection_matching="best_unused",
        average_precision="recall_101",
        score_ties="by_key",
        unlabelled_tube_seconds=rule,
    )
    case = Case(truths, (), Predictions(System("x"), tubes=tubes), settings)
    ours = score(case).per_action
    theirs = average_precision_of_pycocotools(case)
    for threshold, by_action in theirs.items():
        assert ours[f"video_map_volume@{threshold:g}"] == pytest.approx(by_action, abs=1e-12)
    assert 0 < sum(theirs[0.3].values()) < len(theirs[0.3])
