"""Predictions for a release, from stored features of three videos."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from dataset_builder.domain import Action, Clip, Segment, Video, frame_seconds
from dataset_builder.errors import InputError
from dataset_builder.frames import VideoProbe
from dataset_builder.geometry import box_iou
from dataset_builder.predicted_heatmaps import read_heatmaps
from dataset_builder.predictions import read_predictions
from dataset_builder.release import Consensus, Release
from dataset_builder.tables import sha256_file
from stg_model.config import load_settings
from stg_model.evaluation import EvaluationSettings, evaluate
from stg_model.evaluation.pools import to_video_pools
from stg_model.evaluation.truth import read_truth
from stg_model.features.store import VideoFeatures, save_features
from stg_model.features.tiny import TinyEncoder
from stg_model.features.words import Vocabulary
from stg_model.inference.grounding import pools_of, score_video, second_predictions
from stg_model.inference.heatmaps import MAP_SIDE, enlarged, place_of
from stg_model.inference.predicting import ground_release, heatmaps_file
from stg_model.training.checkpoint import Checkpoint, build_model

WORDS = ("carrot", "cut", "egg", "pour", "soup", "stir")
ACTIONS = {"a": ("cut carrot", "stir soup"), "b": ("pour egg",), "c": ("stir soup", "bake bread")}
N_SECONDS = 12


@pytest.fixture(scope="module")
def checkpoint():
    torch.manual_seed(0)
    settings = load_settings(
        None, ("inference.background_threshold=-1.0", "inference.box_from=mask")
    )
    encoder = TinyEncoder(settings, Vocabulary(WORDS))
    model = build_model(settings, encoder).eval()
    trained_on = {"n_videos": 3, "n_sentences": 9, "transcripts_sha256": "ab" * 32}
    return Checkpoint(model, settings, encoder, trained_on, "d" * 64)


@pytest.fixture(scope="module")
def world(checkpoint, tmp_path_factory):
    """A folder of files in place of videos, the store of their features, and their release."""
    folder = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(0)
    videos, clips, frames = [], [], []
    (folder / "videos").mkdir()
    for video_id, phrases in ACTIONS.items():
        path = folder / "videos" / f"{video_id}.mp4"
        path.write_bytes(video_id.encode())
        digest = sha256_file(path)
        pixels = rng.integers(0, 256, (N_SECONDS, 2, 56, 56, 3), np.uint8)
        features = VideoFeatures(video_id, digest, pixels)
        save_features(folder / "features" / f"{video_id}.safetensors", features, checkpoint.encoder)
        videos.append(Video(video_id, 640, 360, float(N_SECONDS), digest))
        for number, phrase in enumerate(phrases):
            segment = Segment(1 + 5 * number, 4 + 5 * number)
            action_id = phrase.replace(" ", "-")
            clips.append(Clip(f"{video_id}-{number}", video_id, action_id, segment))
            frames += [frame_of(clips[-1].clip_id, s) for s in frame_seconds(segment)[0]]
    phrases = sorted({phrase for mine in ACTIONS.values() for phrase in mine})
    release = Release(
        name="stored",
        version="1.0.0",
        derivation="none",
        videos=tuple(videos),
        actions=tuple(Action(phrase.replace(" ", "-"), phrase) for phrase in phrases),
        clips=tuple(clips),
        frames=tuple(frames),
        answers=(),
        boxes={},
        rules={},
        tubes=(),
    )
    return folder, release


def frame_of(clip_id, second):
    return Consensus(
        clip_id, second, float(second), "", 640, 360, 5, 0, 0, None, None, None, False, ""
    )


@pytest.fixture
def ground(checkpoint, world, tmp_path):
    def run(**options):
        folder, release = world
        output = tmp_path / "predictions.jsonl"
        arguments = (checkpoint, folder / "videos", release, output, folder / "features")
        ground_release(*arguments, **options)
        return read_predictions(output)

    return run


def test_a_second_names_an_action_of_its_own_video_and_scores_all_of_them(ground, world):
    found = ground()
    assert found.system.pool == "video"
    assert len(found.seconds) == 3 * N_SECONDS
    pools = {v: {a.action_id for a in pool} for v, pool in pools_of(world[1]).items()}
    for (video_id, _), record in found.seconds.items():
        assert record.action_id in pools[video_id]
        assert record.scores.keys() == pools[video_id]


def test_the_pool_of_all_chooses_the_best_of_all_actions_and_scores_the_videos_own(
    ground, world, caplog
):
    _, release = world
    found = ground(pool="all")
    assert caplog.text.count("has no word of the training narration") == 1  # of the one own video
    assert found.system.pool == "all"
    pools = {v: {a.action_id for a in pool} for v, pool in pools_of(release).items()}
    foreign = [r for (v, _), r in found.seconds.items() if r.action_id not in pools[v]]
    assert foreign, "an untrained model should name an action of another video somewhere"
    for (video_id, second), record in found.seconds.items():
        assert record.scores.keys() == pools[video_id] | {record.action_id}
        assert max(record.scores.values()) == record.scores[record.action_id]
        point = found.points[video_id, second, record.action_id]
        assert point.score == pytest.approx(record.scores[record.action_id], abs=1e-6)
    own = ground()
    for key, record in found.seconds.items():
        for action_id in own.seconds[key].scores:
            assert record.scores[action_id] == pytest.approx(own.seconds[key].scores[action_id])
    assert own.points.keys() - found.points.keys() <= {
        (*key, record.action_id) for key, record in own.seconds.items()
    }


def test_a_system_that_chose_among_all_is_scored_on_both_pools(ground, world):
    found = ground(pool="all")
    for pool in ("video", "all"):
        (row,) = evaluate(world[1], found, EvaluationSettings(pool=pool)).systems
        assert row.metrics["temporal_iou"] is not None


def test_what_it_says_among_a_videos_own_actions_has_a_place_as_well(ground, world):
    found = ground(pool="all")
    among_own, counts = to_video_pools(read_truth(world[1]), found)
    assert counts["seconds_chosen_anew"] > 0
    for (video_id, second), record in among_own.seconds.items():
        # The only action without a place is the one that the model has never heard of.
        assert record.action_id == "bake-bread" or (video_id, second, record.action_id) in (
            found.points
        )


def test_many_actions_are_scored_without_heat_and_without_a_warning(world, checkpoint, caplog):
    _, release = world
    rng = np.random.default_rng(1)
    video = VideoFeatures("a", "0" * 64, rng.integers(0, 256, (5, 2, 56, 56, 3), np.uint8))
    quick = score_video(checkpoint, video, release.actions, with_heat=False)
    assert caplog.text == ""
    whole = score_video(checkpoint, video, release.actions)
    assert "'bake bread' has no word" in caplog.text
    assert len(quick.heat_JFGG) == 0 < len(whole.heat_JFGG)
    assert second_predictions(quick, None) == second_predictions(whole, None)


def test_every_point_has_a_box_a_score_and_the_heat_that_it_was_read_from(
    ground, checkpoint, tmp_path
):
    inference = checkpoint.settings.inference
    found = ground(heatmaps=True)
    references = {key: p.heatmap for key, p in found.points.items()}
    assert None not in references.values()
    assert {r.file for r in references.values()} == {"predictions-heatmaps.npy"}
    heat = dict(read_heatmaps(found.folder, references.values()))
    assert len(heat) == len(found.points) > 3 * N_SECONDS
    for key, point in found.points.items():
        stored = heat[references[key]]
        assert (stored.shape, stored.min(), stored.max()) == ((14, 14), 0, 1)
        shown = enlarged(torch.from_numpy(stored).float()[None])[0]
        column, row = int(point.point.x * MAP_SIDE), int(point.point.y * MAP_SIDE)
        assert shown[row, column] > 0.95, key
        assert box_iou(place_of(shown, shown, inference).box, point.box) > 0.9, key
        assert point.score is not None
    stack = np.load(heatmaps_file(tmp_path / "predictions.jsonl"))
    assert (stack.dtype, len(stack)) == (np.float16, len(found.points))


def test_without_the_option_there_are_no_heatmaps(ground, tmp_path):
    assert {p.heatmap for p in ground().points.values()} == {None}
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.jsonl"]


def test_heatmaps_do_not_change_what_else_is_said(ground):
    plain, drawn = ground(), ground(heatmaps=True)
    assert drawn.seconds == plain.seconds
    assert {k: replace(p, heatmap=None) for k, p in drawn.points.items()} == plain.points


def test_another_pool_is_refused_before_any_work_is_done(checkpoint, world, tmp_path):
    nowhere = tmp_path / "no-videos"
    with pytest.raises(InputError, match="pool of the system must be video or all, got 'mine'"):
        ground_release(checkpoint, nowhere, world[1], tmp_path / "p.jsonl", None, pool="mine")


def test_the_header_states_each_videos_size_as_displayed(ground, world):
    assert ground().frame_sizes_px == dict.fromkeys("abc", (640, 360))


def test_a_file_other_than_the_releases_own_is_measured(
    checkpoint, world, tmp_path, monkeypatch, caplog
):
    folder, release = world
    videos = tuple(replace(v, sha256="9" * 64) if v.video_id == "b" else v for v in release.videos)
    asked = []

    def probed(path):
        asked.append(path.name)
        return VideoProbe("b", 480, 854, 12.0, 300, "h264", "mp4", "av", "")

    monkeypatch.setattr("stg_model.inference.predicting.frames.probe_video", probed)
    output = tmp_path / "predictions.jsonl"
    ground_release(
        checkpoint, folder / "videos", replace(release, videos=videos), output, folder / "features"
    )
    assert asked == ["b.mp4"]
    assert read_predictions(output).frame_sizes_px == {
        "a": (640, 360), "b": (480, 854), "c": (640, 360),
    }  # fmt: skip
    assert "b.mp4: not the file that the release was made of" in caplog.text
