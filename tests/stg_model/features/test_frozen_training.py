"""Learning on a frozen backbone, from videos to grounding, with small files of the real layouts."""

import json

import numpy as np
import pytest

from stg_model.training.checkpoint import load_checkpoint
from tests.stg_model.features.test_extracting import run, write_video
from tests.stg_model.features.tiny_weights import (
    openai_clip,
    save_merges,
    save_s3d,
    save_torchscript,
)

pytest.importorskip("transformers")

SHORT = (
    *("--set", "training.steps=2", "--set", "training.batch=2", "--set", "training.local_batch=2"),
    *("--set", "training.window_s=4", "--set", "selection.n_frames=2"),
    *("--set", "inference.heatmap_from=rollout", "--set", "inference.window_s=4"),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    for number in range(2):
        save_torchscript(openai_clip(seed=number), folder / f"clip{number}.pt")
    save_merges(folder / "bpe.txt.gz")
    save_s3d(folder)
    (folder / "videos").mkdir()
    narration = {}
    for number in range(2):
        write_video(folder / "videos" / f"v{number}.mp4", 3)
        narration[f"v{number}"] = {
            "start": [0, 1],
            "end": [1, 3],
            "text": ["cut the egg", "stir the soup"],
        }
    (folder / "narration.json").write_text(json.dumps(narration))
    return folder


def files(home, backbone):
    if backbone == "clip":
        return ("--weights", home / "clip0.pt", "--vocabulary", home / "bpe.txt.gz")
    return ("--weights", home / "s3d_howto100m.pth", "--vocabulary", home / "s3d_dict.npy")


@pytest.mark.parametrize("backbone", ["clip", "s3d"])
def test_train_and_ground_on_a_frozen_backbone(home, tmp_path, backbone):
    out, found = tmp_path / "out", tmp_path / "found.jsonl"
    data = ("--videos", home / "videos", "--transcripts", home / "narration.json")
    chosen = ("--set", f"features.backbone={backbone}", *files(home, backbone))
    result = run("train", out, *data, *chosen, *SHORT)
    assert result.exit_code == 0, result.output
    kept = sorted(file.name for file in (out / "features").iterdir())
    assert [name for name in kept if name.startswith("v")] == [
        f"v{n}.safetensors" for n in range(2)
    ]
    assert len(kept) == (3 if backbone == "clip" else 2), "CLIP's texts are kept beside the videos"
    config = json.loads((out / "config.json").read_text())
    assert config["encoder"]["backbone"] == backbone

    video = ("--video", home / "videos" / "v0.mp4", "--actions", "cut egg,stir soup")
    refused = run("ground", out, *video, "--output", found)
    assert refused.exit_code == 1
    assert f"backbone {backbone} needs --weights" in refused.stderr
    if backbone == "clip":
        other = ("--weights", home / "clip1.pt", "--vocabulary", home / "bpe.txt.gz")
        refused = run("ground", out, *video, "--output", found, *other)
        assert refused.exit_code == 1
        assert "--weights: the checkpoint was trained with other files" in refused.stderr
    result = run("ground", out, *video, "--output", found, *files(home, backbone))
    assert result.exit_code == 0, result.output
    records = [json.loads(line) for line in found.read_text().splitlines()]
    assert "frozen" in records[0]["system"]["backbone"]
    seconds = [record for record in records if record["kind"] == "second"]
    assert [record["second"] for record in seconds] == list(range(3))
    assert all(np.isfinite(list(record["scores"].values())).all() for record in seconds)


def test_weights_of_a_checkpoint_may_lie_in_any_file(home, tmp_path):
    """The digest is of values: a folder made of the archive is the same backbone."""
    from stg_model.features.clip_weights import load_clip
    from stg_model.features.clip_words import load_words
    from stg_model.features.paths import BackbonePaths
    from tests.stg_model.features.tiny_weights import save_folder

    data = ("--videos", home / "videos", "--transcripts", home / "narration.json")
    chosen = ("--set", "features.backbone=clip", *files(home, "clip"))
    assert run("train", tmp_path / "out", *data, *chosen, *SHORT).exit_code == 0
    weights = load_clip(home / "clip0.pt")
    folder = save_folder(
        weights.model, load_words(home / "bpe.txt.gz", weights.n_tokens), tmp_path / "folder"
    )
    checkpoint = load_checkpoint(tmp_path / "out", BackbonePaths(folder))
    assert checkpoint.encoder.weights.digest == weights.digest
