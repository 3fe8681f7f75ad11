"""What goes into FiftyOne, compared with a golden file; the library itself is not asked (R22)."""

from __future__ import annotations

import json
import os
import runpy
from dataclasses import asdict
from pathlib import Path

import pytest

from dataset_builder.exporters.coco import write_coco
from tests.dataset_builder.exporters.pictured import pictured_release

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden/exports"


@pytest.fixture(scope="module")
def read_export():
    return runpy.run_path(str(ROOT / "examples/load_fiftyone.py"))["read_export"]


def test_the_golden_export_gives_the_golden_samples(read_export):
    """Set REGENERATE_GOLDEN=1 to write them anew, and read the diff."""
    folder = GOLDEN / "coco"
    samples = [asdict(picture) for picture in read_export(folder)]
    for sample in samples:
        sample["path"] = sample["path"].relative_to(folder).as_posix()
    golden = GOLDEN / "fiftyone/samples.json"
    if os.environ.get("REGENERATE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(json.dumps(samples, indent=1) + "\n")
    assert samples == json.loads(golden.read_text())


def test_boxes_and_clicks_come_back_as_the_release_has_them(read_export, make_snapshot, tmp_path):
    store, folder = tmp_path / "store", tmp_path / "coco"
    release = pictured_release(make_snapshot(n_clips=12), store)
    folder.mkdir()
    write_coco(release, folder, store)
    pictures = read_export(folder)
    assert all(picture.path.is_file() for picture in pictures)
    found = {(f.clip_id, p.second): f for p in pictures for f in p.found}
    assert found.keys() == release.boxes.keys()
    answers = {}
    for answer in release.answers:
        if answer.point:
            answers.setdefault((answer.clip_id, answer.second), []).append(answer.point)
    for key, box in release.boxes.items():
        x, y, width, height = found[key].box
        corners = (x, y, x + width, y + height)
        assert corners == pytest.approx((box.x1, box.y1, box.x2, box.y2), abs=2e-5)
        for ours, click in zip(found[key].clicks, answers[key], strict=True):
            assert ours == pytest.approx([click.x, click.y], abs=2e-5)
