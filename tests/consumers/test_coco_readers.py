"""pycocotools and `supervision`: the COCO file, and the pictures beside it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


@pytest.fixture
def folder(exported):
    return exported("coco", pictures=True)


@pytest.fixture
def coco(folder):
    return COCO(str(folder / "annotations.json"))


def test_pycocotools_finds_every_box_and_our_own_fields(coco, release):
    found = coco.loadAnns(coco.getAnnIds())
    assert {(a["clip_id"], a["second"]) for a in found} == set(release.boxes)
    phrases = {action.description for action in release.actions}
    assert {category["name"] for category in coco.loadCats(coco.getCatIds())} == phrases
    n_clicks = {(f.clip_id, f.second): f.n_clicks for f in release.frames}
    assert all(len(a["clicks"]) == n_clicks[a["clip_id"], a["second"]] for a in found)


def test_pycocotools_scores_the_boxes_themselves_as_perfect(coco, folder):
    truth = json.loads((folder / "annotations.json").read_text())["annotations"]
    fields = ("image_id", "category_id", "bbox")
    guesses = [{**{name: a[name] for name in fields}, "score": 0.5} for a in truth]
    assert average_precision(coco, guesses) == pytest.approx(1.0)


def test_pycocotools_scores_moved_boxes_as_worse(coco, folder):
    truth = json.loads((folder / "annotations.json").read_text())["annotations"]
    moved = [
        {
            "image_id": a["image_id"],
            "category_id": a["category_id"],
            "bbox": [a["bbox"][0] + a["bbox"][2], *a["bbox"][1:]],
            "score": 0.5,
        }
        for a in truth
    ]
    assert average_precision(coco, moved) == pytest.approx(0.0)


def average_precision(coco, guesses):
    scorer = COCOeval(coco, coco.loadRes(guesses), "bbox")
    scorer.evaluate()
    scorer.accumulate()
    scorer.summarize()
    return scorer.stats[0]


def test_supervision_reads_pictures_boxes_and_classes(folder, release):
    import supervision

    dataset = supervision.DetectionDataset.from_coco(
        images_directory_path=str(folder / "images"),
        annotations_path=str(folder / "annotations.json"),
    )
    content = json.loads((folder / "annotations.json").read_text())
    assert len(dataset) == len(content["images"])
    assert sorted(dataset.classes) == sorted(action.description for action in release.actions)
    sizes = {image["file_name"]: (image["height"], image["width"]) for image in content["images"]}
    numbers = {image["id"]: image["file_name"] for image in content["images"]}
    names = {category["id"]: category["name"] for category in content["categories"]}
    expected = sorted(
        (numbers[a["image_id"]], names[a["category_id"]], *corners(a["bbox"]))
        for a in content["annotations"]
    )
    found = []
    for path, picture, detections in dataset:
        name = path.removeprefix(f"{folder}/images/")
        assert picture.shape[:2] == sizes[name]
        for xyxy, number in zip(detections.xyxy, detections.class_id, strict=True):
            found.append((name, dataset.classes[number], *np.round(xyxy, 1).tolist()))
    for ours, theirs in zip(expected, sorted(found), strict=True):
        assert ours[:2] == theirs[:2]
        assert ours[2:] == pytest.approx(theirs[2:], abs=0.2)


def corners(bbox):
    x, y, width, height = bbox
    return x, y, x + width, y + height
