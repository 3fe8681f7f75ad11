"""Frozen backbones as they are, and trained models as published baselines read them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from click.testing import CliRunner

from dataset_builder.domain import Action, Clip, Segment, Video, frame_seconds
from dataset_builder.errors import InputError
from dataset_builder.predictions import read_predictions
from dataset_builder.release import Consensus, Release, write_release
from dataset_builder.tables import sha256_file
from stg_model.baselines.trained import comma, trained_projections
from stg_model.baselines.zero_shot import zero_shot, zero_shot_system
from stg_model.cli import main
from stg_model.config import load_settings
from stg_model.evaluation import EvaluationSettings, evaluate
from stg_model.features.encoders import encoder_for
from stg_model.features.paths import BackbonePaths
from stg_model.features.store import read_features
from stg_model.features.tiny import TinyEncoder
from stg_model.features.words import Vocabulary
from stg_model.inference.grounding import score_video
from stg_model.inference.heatmaps import fine_grid
from stg_model.training.checkpoint import Checkpoint, build_model, save_checkpoint
from tests.stg_model.features.tiny_weights import (
    openai_clip,
    save_merges,
    save_s3d,
    save_torchscript,
)

ACTIONS = (Action("cut-carrot", "cut carrot"), Action("stir-soup", "stir soup"))
N_SECONDS = 3
TRAINED_ON = {"n_videos": 3, "n_sentences": 9, "transcripts_sha256": "ab" * 32}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A release of one video, written to a folder beside the video."""
    folder = tmp_path_factory.mktemp("world")
    (folder / "videos").mkdir()
    path = folder / "videos" / "v1.mp4"
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(8 * N_SECONDS):
            image = rng.integers(0, 256, (6, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    clips = (
        Clip("a", "v1", "cut-carrot", Segment(0, 2)),
        Clip("b", "v1", "stir-soup", Segment(2, 3)),
    )
    frames = tuple(
        Consensus(c.clip_id, s, float(s), "", 64, 48, 5, 0, 0, None, None, None, False, "")
        for c in clips
        for s in frame_seconds(c.segment)[0]
    )
    release = Release(
        name="one", version="1.0.0", derivation="none",
        videos=(Video("v1", 64, 48, float(N_SECONDS), sha256_file(path)),),
        actions=ACTIONS, clips=clips, frames=frames, answers=(), boxes={}, rules={}, tubes=(),
    )  # fmt: skip
    write_release(folder / "truth", release)
    return folder, release


@pytest.fixture(scope="module")
def clip_paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    weights = save_torchscript(openai_clip(), folder / "ViT-B-32.pt")
    return BackbonePaths(weights, save_merges(folder / "bpe.txt.gz"))


@pytest.fixture(scope="module")
def s3d_paths(tmp_path_factory):
    return BackbonePaths(*save_s3d(tmp_path_factory.mktemp("s3d")))


def zero_shot_on(backbone, paths, *changes):
    settings = load_settings(None, (f"features.backbone={backbone}", *changes))
    return zero_shot(encoder_for(settings, paths), settings)


def test_clip_compares_frames_and_patches_with_the_whole_text(world, clip_paths):
    checkpoint = zero_shot_on("clip", clip_paths)
    features = read_features(world[0] / "videos/v1.mp4", "v1", checkpoint.encoder)
    scores = score_video(checkpoint, features, ACTIONS)
    tokens = F.normalize(torch.from_numpy(features.values).float(), dim=-1)
    heard = checkpoint.encoder.texts([action.description for action in ACTIONS])
    texts = F.normalize(heard.sentences_JC, dim=-1)
    assert np.allclose(scores.similarity_FJ, (tokens[:, 0] @ texts.T).numpy(), atol=1e-5)
    patches = (tokens[:, 1:] @ texts.T).permute(2, 0, 1)
    assert torch.allclose(scores.heat_JFGG, fine_grid(patches[..., None]), atol=1e-5)
    assert scores.heat_JFGG.shape[-1] == 3  # patches of the small network's side
    system = zero_shot_system(checkpoint)
    assert (system.name, "read with" in system.supervision) == ("CLIP, zero-shot", False)
    changes = ("inference.background_threshold=0.9", "features.prompt=a {}")
    said = zero_shot_system(zero_shot_on("clip", clip_paths, *changes)).supervision
    assert said.endswith("; read with prompt=a {}; read with background_threshold=0.9")


def test_mil_nce_maps_both_sides_by_its_own_heads(world, s3d_paths, caplog):
    checkpoint = zero_shot_on("s3d", s3d_paths, "features.clip_fps=4.0")
    encoder = checkpoint.encoder
    features = read_features(world[0] / "videos/v1.mp4", "v1", encoder)
    pool = (Action("cut-egg", "cut the egg"), ACTIONS[1])
    scores = score_video(checkpoint, features, (*pool, Action("bake", "bake")))
    assert "'bake' has no word that the backbone knows; it is never predicted" in caplog.text
    published = encoder.weights.model
    with torch.no_grad():
        video = published.fc(torch.from_numpy(features.values).float())
        heard = encoder.texts([action.description for action in pool])
        text = F.normalize(published.text_module.fc2(heard.words.amax(1)), dim=-1)
    mean = F.normalize(video[:, 0], dim=-1)
    assert np.allclose(scores.similarity_FJ, (mean @ text.T).numpy(), atol=1e-4)
    # Two cells in time are no two places: a region is their mean.
    n_regions = (features.values.shape[1] - 1) // 2
    regions = torch.from_numpy(features.values[:, 1:]).float().reshape(len(mean), n_regions, 2, -1)
    with torch.no_grad():
        places = F.normalize(published.fc(regions.mean(2)), dim=-1) @ text.T
    expected = fine_grid(places.permute(2, 0, 1)[..., None])
    assert torch.allclose(scores.heat_JFGG, expected, atol=1e-4)


def test_the_tiny_backbone_knows_nothing_untrained():
    settings = load_settings()
    with pytest.raises(InputError, match="knows nothing untrained; use clip or s3d"):
        zero_shot(TinyEncoder(settings, Vocabulary(())), settings)


def trained_with(*changes):
    settings = load_settings(None, changes)
    encoder = TinyEncoder(settings, Vocabulary(("carrot", "cut", "soup", "stir")))
    torch.manual_seed(0)
    return Checkpoint(
        build_model(settings, encoder).eval(), settings, encoder, TRAINED_ON, "d" * 64
    )


def test_comma_is_the_local_branch_alone(world):
    found, system = comma(trained_with("loss.which=local", "selection.method=none"))
    inference = found.settings.inference
    assert (inference.heatmap_from, inference.similarity_from) == ("rollout", "local")
    assert system.name == "CoMMA, tiny"
    for changes in (("selection.method=none",), ("loss.which=local",)):
        with pytest.raises(InputError, match="baseline comma wants a model trained with"):
            comma(trained_with(*changes))


def test_trained_projections_are_clips(clip_paths):
    with pytest.raises(InputError, match=r"features.backbone = clip; this one has tiny"):
        trained_projections(trained_with())
    settings = load_settings(None, ("features.backbone=clip",))
    encoder = encoder_for(settings, clip_paths)
    model = build_model(settings, encoder)
    found, system = trained_projections(Checkpoint(model, settings, encoder, TRAINED_ON))
    assert found.settings.inference.heatmap_from == "global_patches"
    assert system.name == "CLIP, trained projections"
    only_local = replace(settings, loss=replace(settings.loss, which="local"))
    with pytest.raises(InputError, match=r"loss\.which = both or global; this one"):
        trained_projections(Checkpoint(model, only_local, encoder, TRAINED_ON))


@pytest.mark.parametrize("source", ["validation val 1.0.0", "set"])
def test_thresholds_found_for_another_way_of_reading_are_dropped_and_those_set_stay(source, caplog):
    checkpoint = trained_with(
        *("loss.which=local", "selection.method=none", "inference.mask_threshold=0.3"),
        "inference.background_threshold=0.4",
    )
    thresholds = {"background_threshold": source, "mask_threshold": source, "box_width": source}
    found, system = comma(replace(checkpoint, trained_on=TRAINED_ON | {"thresholds": thresholds}))
    inference = found.settings.inference
    kept = source == "set"
    assert inference.background_threshold == (0.4 if kept else None)
    assert inference.mask_threshold == (0.3 if kept else None)
    assert ("background threshold: default" in system.supervision) != kept
    assert f"box width: {source}" in system.supervision
    assert ("inference.background_threshold was found for other settings" in caplog.text) != kept


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)


@pytest.mark.parametrize(
    "name", ["centre", "fixed", "random", "motion", "clip", "mil-nce", "comma", "mining-mlp"]
)
def test_one_command_writes_each_file_and_evaluate_takes_it(
    name, world, clip_paths, s3d_paths, tmp_path
):
    folder, release = world
    output = tmp_path / "p.jsonl"
    arguments = ["--release", folder / "truth", "--output", output]
    if name not in ("centre", "fixed", "random", "mining-mlp"):
        arguments += ["--videos", folder / "videos"]
    if name in ("clip", "mil-nce"):
        paths = clip_paths if name == "clip" else s3d_paths
        arguments += ["--weights", paths.weights, "--vocabulary", paths.vocabulary, "--heatmaps"]
    if name == "comma":
        trained = trained_with("loss.which=local", "selection.method=none")
        save_checkpoint(tmp_path / "model", trained)
        arguments += ["--checkpoint", tmp_path / "model"]
    if name == "mining-mlp":
        (tmp_path / "features").mkdir()
        rng = np.random.default_rng(0)
        np.save(tmp_path / "features/v1.npy", rng.normal(size=(N_SECONDS, 8)))
        (tmp_path / "orders.json").write_text('{"v1": ["cut carrot", "stir soup"]}')
        features = tmp_path / "features"
        arguments += ["--frame-features", features, "--train-features", features]
        arguments += ["--transcripts", tmp_path / "orders.json"]
    done = run("baseline", name, *arguments)
    assert done.exit_code == 0, done.output
    found = read_predictions(output)
    evaluate(release, found, EvaluationSettings(clips="all"))
    assert len(found.seconds) == (0 if name in ("centre", "fixed", "motion") else N_SECONDS)
    assert bool(found.points) == (name != "mining-mlp")
    again = run("baseline", name, *arguments)
    assert again.exit_code == 1
    assert "exists already" in again.output


COMMA = ("--config", Path(__file__).parents[3] / "examples/comma.toml")
PATCHES = ("--set", "inference.heatmap_from=global_patches")


@pytest.fixture(scope="module")
def narrated(world):
    """Options that learn for two steps from two copies of the world's video."""
    folder = world[0]
    (folder / "narrated").mkdir()
    told = {"start": [0, 1], "end": [1, 3], "text": ["cut the egg", "stir the soup"]}
    for video_id in ("n1", "n2"):
        shutil.copy(folder / "videos/v1.mp4", folder / "narrated" / f"{video_id}.mp4")
    (folder / "told.json").write_text(json.dumps({"n1": told, "n2": told}))
    small = {
        "training.steps": 2, "training.batch": 2, "training.local_batch": 2,
        "training.window_s": 4, "training.tensorboard": "false", "selection.n_frames": 2,
    }  # fmt: skip
    changes = [text for name, value in small.items() for text in ("--set", f"{name}={value}")]
    return "--videos", folder / "narrated", "--transcripts", folder / "told.json", *changes


@pytest.mark.parametrize(
    ("baseline", "backbone"), [("comma", "clip"), ("comma", "s3d"), ("clip-trained", "clip")]
)
def test_a_baseline_is_trained_on_a_frozen_backbone_and_scored(
    baseline, backbone, narrated, request, tmp_path
):
    folder, release = request.getfixturevalue("world")
    model, output = tmp_path / "model", tmp_path / "p.jsonl"
    paths = request.getfixturevalue(f"{backbone}_paths")
    files = ("--weights", paths.weights, "--vocabulary", paths.vocabulary)
    how = COMMA if baseline == "comma" else PATCHES
    done = run("train", model, *narrated, *how, "--set", f"features.backbone={backbone}", *files)
    assert done.exit_code == 0, done.output
    asked = ("--release", folder / "truth", "--videos", folder / "videos", "--output", output)
    done = run("baseline", baseline, "--checkpoint", model, *asked, *files)
    assert done.exit_code == 0, done.output
    found = read_predictions(output)
    names = {"comma": f"CoMMA, {backbone}", "clip-trained": "CLIP, trained projections"}
    assert found.system.name == names[baseline]
    assert len(found.seconds) == N_SECONDS
    (row,) = evaluate(release, found, EvaluationSettings(clips="all")).systems
    assert row.metrics["temporal_iou"] is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("motion",), "needs --videos"),
        (("clip",), "needs --weights"),
        (("comma",), "needs --checkpoint"),
        (("mining-mlp",), "needs --transcripts"),
        (("centre", "--pool", "all"), "centre does not take --pool"),
        (("fixed", "--heatmaps", "--set", "x"), "does not take --heatmaps, --set"),
        (("centre", "--checkpoint", "no", "--weights", "no"), "take --checkpoint, --weights"),
        (("clip", "--seed", "3"), "clip does not take --seed"),
        (("clip", "--set", "network.dim=5"), "only [inference] and [features] are read"),
        (("comma", "--set", "inference.heatmap_from=product"), "comma is read in its own way"),
    ],
)
def test_what_a_baseline_lacks_is_said(world, tmp_path, arguments, message):
    command = ("--release", world[0] / "truth", "--output", tmp_path / "p.jsonl")
    done = run("baseline", *arguments, *command)
    assert done.exit_code != 0
    assert message in done.output
    assert list(tmp_path.iterdir()) == []
