"""A video of any length, block by block: the same answers, and no more memory."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from dataset_builder.domain import Action
from dataset_builder.errors import VideoError
from stg_model.features.store import read_features
from stg_model.inference import streaming
from stg_model.inference.grounding import (
    heat_at,
    point_predictions,
    score_video,
    second_predictions,
)
from stg_model.inference.streaming import ground_streamed
from stg_model.training.checkpoint import Checkpoint, save_checkpoint

ACTIONS = (Action("cut-carrot", "cut carrot"), Action("stir-soup", "stir soup"))
UNHEARD = Action("bake-bread", "bake bread")


@pytest.fixture(scope="module")
def video(film, tmp_path_factory):
    return film(tmp_path_factory.mktemp("video") / "v1.mp4", 21.75)


@pytest.mark.parametrize(
    "changes",
    [
        ("inference.heatmap_from=rollout", "inference.window_s=4"),
        ("inference.point_from=mask_centroid", "inference.box_width=0.2"),
        ("inference.smoothing_s=5", "inference.background_threshold=0.0"),
    ],
)
def test_blocks_say_what_the_whole_video_says(checkpoint_of, video, changes, monkeypatch):
    monkeypatch.setattr(streaming, "BLOCK_S", 8)
    checkpoint = checkpoint_of(*changes)
    inference = checkpoint.settings.inference
    found = ground_streamed(checkpoint, video, "v1", (*ACTIONS, UNHEARD), with_heat=True)
    features = read_features(video, "v1", checkpoint.encoder)
    assert features.n_past > 0  # the last window holds a second past the end
    scores = score_video(checkpoint, features, (*ACTIONS, UNHEARD))
    seconds = second_predictions(scores, inference.background_threshold)
    named = [(s.second, s.action_id) for s in seconds if s.action_id is not None]
    points = point_predictions(scores, named, inference)
    assert [s.action_id for s in found.seconds] == [s.action_id for s in seconds]
    assert len({second // 8 for second, _ in named}) > 1  # in several blocks
    for mine, whole in zip(found.seconds, seconds, strict=True):
        assert mine.scores == pytest.approx(whole.scores, abs=1e-5)
        assert mine.background == pytest.approx(whole.background, abs=1e-5)
    for mine, whole in zip(found.points, points, strict=True):
        assert (mine.second, mine.action_id) == (whole.second, whole.action_id)
        assert (mine.point, mine.box) == (whole.point, whole.box)
        assert mine.score == pytest.approx(whole.score, abs=1e-5)
    assert np.allclose(found.heat, heat_at(scores, points), atol=2e-3)


def test_an_unheard_action_is_told_once_and_scored_lowest(
    checkpoint_of, video, caplog, monkeypatch
):
    monkeypatch.setattr(streaming, "BLOCK_S", 4)
    found = ground_streamed(checkpoint_of(), video, "v1", (*ACTIONS, UNHEARD))
    assert caplog.text.count("has no word of the training narration") == 1
    assert {s.scores["bake-bread"] for s in found.seconds} == {-1.0}
    assert found.heat is None


def test_of_a_pool_without_a_known_word_every_second_is_background(checkpoint_of, video):
    found = ground_streamed(checkpoint_of(), video, "v1", (UNHEARD,), with_heat=True)
    assert {s.action_id for s in found.seconds} == {None}
    assert (len(found.seconds), found.points, found.heat) == (22, [], None)


def test_a_video_that_lost_its_end_is_refused(checkpoint_of, film, tmp_path):
    path = film(tmp_path / "v1.mkv", 8)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(VideoError, match=r"v1\.mkv: is cut off at \d\.\d+ s of 8\.00 s"):
        ground_streamed(checkpoint_of(), path, "v1", ACTIONS)


@pytest.mark.parametrize("codec", ["libx264", "libvpx-vp9"])
def test_a_short_video_is_read_in_one_pass_after_a_first_second(
    checkpoint_of, film, tmp_path, monkeypatch, codec
):
    path = film(tmp_path / "v.webm" if "vpx" in codec else tmp_path / "v.mp4", 20, codec)
    monkeypatch.setattr(streaming, "BLOCK_S", 8)
    checkpoint = checkpoint_of("inference.window_s=8")
    reads = []

    class Watched:
        def __getattr__(self, name):
            return getattr(checkpoint.encoder, name)

        def read(self, path, seconds, duration_s):
            reads.append(len(seconds))
            return checkpoint.encoder.read(path, seconds, duration_s)

    watched = Checkpoint(
        checkpoint.model, checkpoint.settings, Watched(), checkpoint.trained_on, checkpoint.digest
    )
    found = ground_streamed(watched, path, "v", ACTIONS)
    assert len(found.seconds) == 20
    assert reads[0] == 1
    assert len(reads) == 2


MEASURED = """
import json, resource, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from dataset_builder.domain import Action
from stg_model.inference.one_video import ground_into
from stg_model.training.checkpoint import load_checkpoint

actions = [Action("cut-carrot", "cut carrot"), Action("stir-soup", "stir soup")]
model, video, out = map(Path, sys.argv[1:])
found = ground_into(load_checkpoint(model), video, actions, out)
peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"n_seconds": found.n_seconds, "peak_mb": peak_kb / 1024}))
"""


def test_twenty_times_the_video_needs_hardly_more_memory(checkpoint_of, film, tmp_path):
    save_checkpoint(tmp_path / "model", checkpoint_of("inference.background_threshold=-1.0"))
    peak_mb = {}
    for n_seconds in (32, 640):
        video = film(tmp_path / f"v{n_seconds}.mp4", n_seconds)
        command = [sys.executable, "-c", MEASURED, tmp_path / "model", video, tmp_path / video.stem]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        assert found["n_seconds"] == n_seconds
        peak_mb[n_seconds] = found["peak_mb"]
    # Whole, the longer video needs 12 MB of pixels and 100 MB of what is made of them.
    assert peak_mb[640] - peak_mb[32] < 30, peak_mb
