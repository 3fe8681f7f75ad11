"""The commands extract-features and import-checkpoint with small files of the published layouts."""

import json
import pickle
import shutil

import av
import numpy as np
import pytest
import safetensors
import torch
from click.testing import CliRunner

from dataset_builder.errors import InputError
from stg_model.cli import main
from stg_model.commands.extracting import _extract
from stg_model.config import load_settings
from stg_model.features.encoders import encoder_for
from stg_model.features.estimate import Estimate, estimated
from stg_model.features.paths import NO_PATHS, BackbonePaths
from stg_model.features.store import extract_features
from stg_model.settings import Settings
from stg_model.training.checkpoint import load_checkpoint
from tests.stg_model.features.test_released import Published, old_names
from tests.stg_model.features.tiny_weights import (
    DIM,
    openai_clip,
    save_merges,
    save_s3d,
    save_torchscript,
)

pytest.importorskip("transformers")


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def write_video(path, n_seconds):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=4)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for number in range(4 * n_seconds):
            image = np.full((32, 48, 3), 10 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    save_torchscript(openai_clip(), folder / "clip.pt")
    save_merges(folder / "bpe.txt.gz")
    save_s3d(folder)
    (folder / "videos").mkdir()
    for number in range(3):
        write_video(folder / "videos" / f"v{number}.mp4", 3)
    return folder


@pytest.fixture(scope="module")
def clip(home):
    return ("--weights", home / "clip.pt", "--vocabulary", home / "bpe.txt.gz")


CLIP = ("--set", "features.backbone=clip")


def test_clip_tokens_are_extracted_with_an_estimate_first_and_not_again(home, clip, tmp_path):
    result = run("extract-features", home / "videos", tmp_path, *CLIP, *clip)
    assert result.exit_code == 0, result.output
    assert "3 videos, 9 s: about " in result.stderr
    assert "in one process" in result.stderr
    assert "3 of 3 videos" in result.stdout
    paths = BackbonePaths(home / "clip.pt", home / "bpe.txt.gz")
    encoder = encoder_for(load_settings(None, [CLIP[1]]), paths)
    with safetensors.safe_open(tmp_path / "v1.safetensors", "numpy") as stored:
        header, values = stored.metadata(), stored.get_tensor("values")
    assert values.dtype == np.float16
    assert values.shape == (4, 10, DIM)  # a second past the end too
    assert header["backbone"] == "clip"
    assert header["encoder_digest"] == encoder.digest
    assert header["weights_digest"] == encoder.weights.digest
    assert (header["first_s"], header["step_s"], header["n_past"]) == ("0", "1", "1")
    before = {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    again = run("extract-features", home / "videos", tmp_path, *CLIP, *clip)
    assert again.exit_code == 0
    assert again.stderr == ""
    assert {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == before
    run("extract-features", home / "videos", tmp_path, *CLIP, *clip, "--set", "features.prompt={}!")
    assert {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == before


def test_what_a_frozen_backbone_read_is_not_written_over(home, clip, tmp_path):
    command = ("extract-features", home / "videos", tmp_path)
    assert run(*command, *CLIP, *clip).exit_code == 0
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    for other in ((*CLIP, *clip, "--set", "features.legacy_pixels=true"), ()):
        refused = run(*command, *other)
        assert refused.exit_code == 1
        assert "v0.safetensors: holds what clip read with other weights or sett" in refused.stderr
        assert refused.stderr.count("\n") == 1
    encoder = encoder_for(load_settings(None, []))
    with pytest.raises(InputError, match="give another folder for features"):
        next(extract_features({"v0": home / "videos" / "v0.mp4"}, tmp_path, encoder))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_shards_take_every_nth_video(home, clip, tmp_path):
    command = ("extract-features", home / "videos", tmp_path, *CLIP, *clip)
    assert "1 of 1 videos" in run(*command, "--shard", "2/2").stdout
    assert [file.stem for file in tmp_path.iterdir()] == ["v1"]
    assert "2 of 2 videos" in run(*command, "--shard", "1/2").stdout


def test_a_video_that_cannot_be_read_is_reported_and_the_rest_goes_on(home, clip, tmp_path):
    shutil.copytree(home / "videos", tmp_path / "videos")
    (tmp_path / "videos" / "a.mp4").write_bytes(b"no video")
    result = run("extract-features", tmp_path / "videos", tmp_path / "out", *CLIP, *clip)
    assert result.exit_code == 1
    assert "Error: " in result.stderr
    assert "a.mp4" in result.stderr
    assert "3 of 4 videos" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (CLIP, "backbone clip needs --weights"),
        ((*CLIP, "--weights", "bpe.txt.gz"), "needs --vocabulary"),
        ((*CLIP, "--weights", "s3d_howto100m.pth", "--vocabulary", "bpe.txt.gz"), "lacks the tens"),
        ((*CLIP, "--weights", "clip.pt", "--vocabulary", "s3d_dict.npy"), "cannot be read"),
        (("--weights", "clip.pt"), "backbone tiny takes no --weights"),
        (
            (
                "--set",
                "features.backbone=s3d",
                "--weights",
                "clip.pt",
                "--vocabulary",
                "bpe.txt.gz",
            ),
            "expected the S3D of MIL-NCE",
        ),
    ],
)
def test_wrong_files_are_one_line_and_exit_code_1(home, tmp_path, monkeypatch, arguments, what):
    monkeypatch.chdir(home)
    result = run("extract-features", "videos", tmp_path, *arguments)
    assert result.exit_code == 1
    assert what in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_worker_gets_all_that_it_needs(home, tmp_path):
    """What is sent to another process, in that process's way: pickled."""
    video = ("v0", home / "videos" / "v0.mp4")
    arguments = {"settings": Settings(), "paths": NO_PATHS, "out": tmp_path, "processes": 1}
    work, sent = pickle.loads(pickle.dumps((_extract, arguments)))
    assert work(video, **sent) is None
    assert (tmp_path / "v0.safetensors").is_file()
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    assert "bad.mp4" in str(pickle.loads(pickle.dumps(work(("b", tmp_path / "bad.mp4"), **sent))))


def test_an_estimate_takes_lengths_and_a_timed_sample(home):
    encoder = encoder_for(Settings())
    videos = {f"v{n}": home / "videos" / f"v{n}.mp4" for n in range(3)}
    found = estimated({"none": home / "none.mp4", **videos}, encoder)
    assert found.n_videos == 4
    assert found.length_s == pytest.approx(9)
    assert found.bytes_per_s == 2 * 56 * 56 * 3
    assert found.seconds_per_s > 0
    assert estimated({"none": home / "none.mp4"}, encoder) is None
    assert Estimate(1, 0, 1, 1).text(1) == "1 video, 0 s: about 0 GB and 0 s in one process"


SMALL = ("--set", f"network.dim={DIM}")


def save_published(path, change=lambda state: state):
    torch.manual_seed(0)
    module = Published(DIM, DIM, DIM)
    torch.save({"epoch": 1, "state_dict": change(module.state_dict())}, path)
    return module


def test_published_weights_become_a_checkpoint_of_ours(home, clip, tmp_path):
    module = save_published(tmp_path / "w.pth.tar")
    result = run("import-checkpoint", tmp_path / "w.pth.tar", tmp_path / "out", *clip, *SMALL)
    assert result.exit_code == 0, result.output
    paths = BackbonePaths(home / "clip.pt", home / "bpe.txt.gz")
    checkpoint = load_checkpoint(tmp_path / "out", paths)
    assert checkpoint.settings.features.legacy_pixels
    assert checkpoint.settings.network.cross_attention == "dot_scaled"
    weight = checkpoint.model.global_branch.word_projection.weight
    assert torch.equal(weight, module.lang_proj_mat_g[0].weight)
    again = run("import-checkpoint", tmp_path / "w.pth.tar", tmp_path / "out", *clip, *SMALL)
    assert again.exit_code == 1
    assert "exists already" in again.stderr
    video = home / "videos" / "v0.mp4"
    found = tmp_path / "found.jsonl"
    options = ("--video", video, "--actions", "cut egg,stir soup", "--output", found)
    grounded = run("ground", tmp_path / "out", *options, *clip)
    assert grounded.exit_code == 0, grounded.output
    system = json.loads(found.read_text().splitlines()[0])["system"]
    assert "published weights" in system["training_data"]
    assert "background threshold: default" in system["supervision"]


def test_weights_without_global_projections_take_the_backbones_own(home, clip, tmp_path):
    save_published(tmp_path / "comma.pth.tar", old_names)
    command = ("import-checkpoint", tmp_path / "comma.pth.tar", tmp_path / "out", *clip, *SMALL)
    refused = run(*command)
    assert refused.exit_code == 1
    assert "lacks the tensor vis_proj_mat_g.0.weight" in refused.stderr
    result = run(*command, "--set", "network.global_start=backbone")
    assert result.exit_code == 0, result.output


def test_published_weights_stand_on_a_frozen_backbone(tmp_path):
    save_published(tmp_path / "w.pth.tar")
    command = ("import-checkpoint", tmp_path / "w.pth.tar", tmp_path / "out")
    result = run(*command, "--set", "features.backbone=tiny")
    assert result.exit_code == 1
    assert "published weights stand on clip or s3d" in result.stderr
