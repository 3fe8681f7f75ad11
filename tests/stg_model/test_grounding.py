from dataclasses import replace

import numpy as np
import pytest
import torch

from dataset_builder.domain import Action, Clip, Segment, Video
from dataset_builder.geometry import Box
from dataset_builder.release import Release
from stg_model.config import load_settings
from stg_model.evaluation.temporal import score_alignment
from stg_model.evaluation.truth import TrueClip, VideoTruth
from stg_model.features.store import VideoFeatures
from stg_model.features.tiny import TinyEncoder, patch_inputs
from stg_model.features.words import Vocabulary
from stg_model.inference.calibration import (
    best_background_threshold,
    calibrate,
    frame_f1,
)
from stg_model.inference.grounding import (
    VideoScores,
    otsu,
    places_at,
    point_predictions,
    pools_of,
    score_video,
    second_predictions,
    system_of,
)
from stg_model.inference.heatmaps import fine_grid, heatmaps, stretched
from stg_model.inference.prelabelling import prelabels_of
from stg_model.network.tokens import FrameTokens
from stg_model.settings import InferenceSettings, Settings
from stg_model.training.checkpoint import Checkpoint, build_model

WORDS = ("carrot", "cut", "soup", "stir")
CUT, STIR = Action("cut-carrot", "cut carrot"), Action("stir-soup", "stir soup")
FOUND = "validation val 1.0.0 (eeeeeeeeeeee)"
TRAINED_ON = {"n_videos": 3, "n_sentences": 9, "transcripts_sha256": "ab" * 32}


def checkpoint_of(*changes):
    settings = load_settings(None, changes)
    torch.manual_seed(0)
    encoder = TinyEncoder(settings, Vocabulary(WORDS))
    model = build_model(settings, encoder).eval()
    return Checkpoint(model, settings, encoder, TRAINED_ON, "d" * 64)


@pytest.fixture
def video():
    rng = np.random.default_rng(0)
    return VideoFeatures("v1", "0" * 64, rng.integers(0, 256, (21, 2, 56, 56, 3), np.uint8))


def scores_of(similarity, heat=None, actions=(CUT, STIR)):
    similarity = np.asarray(similarity, dtype=float)
    if heat is None:
        heat = torch.rand(len(actions), len(similarity), 14, 14)
    return VideoScores("v1", actions, similarity, heat)


def test_each_second_takes_the_best_action_unless_it_is_below_tau():
    found = second_predictions(scores_of([[0.9, 0.1], [0.2, 0.4], [0.1, 0.1]]), 0.3)
    assert [second.action_id for second in found] == ["cut-carrot", "stir-soup", None]
    assert found[1].scores == {"cut-carrot": 0.2, "stir-soup": 0.4}
    assert found[1].background == 0.3


def test_without_tau_otsu_splits_the_videos_own_similarities():
    found = second_predictions(scores_of([[0.9, 0], [0.8, 0], [0.1, 0], [0, 0.2]]), None)
    assert [second.action_id for second in found] == ["cut-carrot", "cut-carrot", None, None]


def test_otsu_finds_the_widest_gap_and_survives_equal_values():
    assert otsu(np.array([0.1, 0.2, 0.15, 0.8, 0.9])) == pytest.approx(0.5)
    assert otsu(np.array([0.4, 0.4])) == 0.4
    assert otsu(np.array([0.7])) == 0.7


def test_a_pool_without_any_action_is_all_background():
    found = second_predictions(scores_of(np.zeros((2, 0)), torch.zeros(0, 2, 1, 1), ()), None)
    assert [second.action_id for second in found] == [None, None]
    assert all(second.background is not None for second in found)


def test_an_action_without_a_known_word_is_scored_lowest_so_that_the_release_can_be_aligned(video):
    unheard = Action("bake", "bake bread")
    for pool in ([unheard, CUT], [unheard]):
        scores = score_video(checkpoint_of(), video, pool)
        found = second_predictions(scores, None)
        assert {second.scores["bake"] for second in found} == {-1.0}
        assert "bake" not in {second.action_id for second in found}
        truth = VideoTruth("v1", 21, (TrueClip("c", "bake", frozenset({3}), {}),))
        records = {(second.video_id, second.second): second for second in found}
        assert score_alignment([truth], records).n_clips == 1


def test_points_are_given_once_for_each_second_and_action_that_exists():
    wanted = [(1, "stir-soup"), (0, "cut-carrot"), (1, "stir-soup"), (9, "stir-soup"), (0, "bake")]
    found = point_predictions(scores_of([[0.9, 0.1], [0.2, 0.4]]), wanted, InferenceSettings())
    assert [(p.second, p.action_id, p.score) for p in found] == [
        (0, "cut-carrot", 0.9),
        (1, "stir-soup", 0.4),
    ]


def test_maps_are_stretched_one_by_one():
    maps = torch.tensor([[[1.0, 3.0], [2.0, 1.0]], [[5.0, 5.0], [5.0, 5.0]]])
    assert stretched(maps).tolist() == [[[0, 1], [0.5, 0]], [[0, 0], [0, 0]]]


def test_patches_lie_on_the_fine_grid_where_the_frame_shows_them():
    settings = Settings().network
    pixels = np.zeros((1, 2, 56, 56, 3), np.uint8)
    pixels[0, :, 20:24, 48:52] = 255  # row 5, column 12 of patches
    brightness = patch_inputs(pixels, settings)[..., :3].mean(-1)
    grid = fine_grid(brightness)[0]
    assert (grid == grid.max()).nonzero().tolist() == [[5, 12]]


@pytest.mark.parametrize("source", ["rollout", "global_patches", "global_shares", "product"])
def test_every_source_gives_a_map_a_second_and_padding_the_last_window_changes_nothing(
    video, source
):
    checkpoint = checkpoint_of(f"inference.heatmap_from={source}", "inference.window_s=16")
    scores = score_video(checkpoint, video, [CUT, STIR])
    assert scores.heat_JFGG.shape == (2, 21, 14, 14)
    assert torch.isfinite(scores.heat_JFGG).all()
    last = replace(video, values=video.values[16:])  # the second window alone: no padding
    alone = score_video(checkpoint, last, [CUT, STIR])
    assert torch.allclose(alone.heat_JFGG, scores.heat_JFGG[:, 16:], atol=1e-6)


def test_a_roll_out_sums_to_one_over_each_window(video):
    checkpoint = checkpoint_of("inference.heatmap_from=rollout")
    with torch.no_grad():
        model = checkpoint.model
        tokens = model.visual(checkpoint.encoder.inputs(video.values))
        heard = model.textual(checkpoint.encoder.texts(["carrot cut", "soup stir"]))
        heat = heatmaps(model, tokens, heard, checkpoint.settings.inference)
    sums = heat[:, :16].sum((1, 2, 3)) / 4  # each cell's heat stands in its four patches
    assert torch.allclose(sums, torch.ones(2), atol=1e-5)


def test_an_actions_scores_do_not_depend_on_the_rest_of_the_pool(video):
    checkpoint = checkpoint_of()
    both, one = (score_video(checkpoint, video, pool) for pool in ([CUT, STIR], [STIR]))
    assert np.allclose(both.similarity_FJ[:, 1], one.similarity_FJ[:, 0])
    assert torch.allclose(both.heat_JFGG[1], one.heat_JFGG[0], atol=1e-5)


def test_an_action_without_a_known_word_is_left_out_with_a_warning(video, caplog):
    scores = score_video(checkpoint_of(), video, [Action("bake", "bake bread"), CUT])
    assert scores.actions == (CUT,)
    assert "'bake bread' has no word of the training narration" in caplog.text
    assert score_video(checkpoint_of(), video, [Action("x", "x")]).similarity_FJ.shape == (21, 0)


def test_seconds_past_the_end_have_points_but_labels_only_where_a_frame_needs_one(video):
    longer = replace(video, n_past=1)
    scores = score_video(checkpoint_of(), longer, [CUT, STIR])
    assert [
        p.second for p in point_predictions(scores, [(20, "cut-carrot")], InferenceSettings())
    ] == [20]
    assert len(second_predictions(scores, 0.5)) == 20
    assert len(second_predictions(scores, 0.5, 21)) == 21
    shorter = score_video(checkpoint_of(), replace(video, values=video.values[:20]), [CUT, STIR])
    ours, theirs = (second_predictions(s, None) for s in (scores, shorter))
    assert [s.action_id for s in ours] == [s.action_id for s in theirs]
    assert ours[0].background == pytest.approx(theirs[0].background, abs=1e-6)


def test_prelabels_are_the_points_that_the_settings_choose(video):
    clip = Clip("c1", "v1", "cut-carrot", Segment(2, 6))
    points = {}
    for point_from in ("peak", "mask_centroid"):
        checkpoint = checkpoint_of(f"inference.point_from={point_from}")
        found = list(prelabels_of(checkpoint, video, [clip], [CUT]))
        places = places_at(
            score_video(checkpoint, video, [CUT]),
            [(one.second, 0) for one in found],
            checkpoint.settings.inference,
        )
        points[point_from] = [one.point for one in found]
        assert points[point_from] == [place.point for place in places]
    assert points["peak"] != points["mask_centroid"]


def test_smoothing_averages_the_scores_of_neighbouring_seconds(video):
    plain = score_video(checkpoint_of(), video, [CUT]).similarity_FJ[:, 0]
    smooth = score_video(checkpoint_of("inference.smoothing_s=3"), video, [CUT]).similarity_FJ[:, 0]
    assert smooth[5] == pytest.approx(plain[4:7].mean(), abs=1e-6)
    assert smooth[0] == pytest.approx(plain[[0, 0, 1]].mean(), abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ((), f"background threshold: {FOUND}; box width: {FOUND}; box height: {FOUND}"),
        (
            ("inference.background_threshold=0.1", "inference.box_width=0.2"),
            f"background threshold: set; box width: set; box height: {FOUND}",
        ),
        (
            ("inference.box_from=mask",),
            f"background threshold: {FOUND}; mask threshold: {FOUND}",
        ),
        (
            ("inference.point_from=mask_centroid", "inference.mask_threshold=0.5"),
            f"background threshold: {FOUND}; mask threshold: set; "
            f"box width: {FOUND}; box height: {FOUND}",
        ),
    ],
)
def test_the_system_says_where_each_value_that_it_uses_comes_from(video, changes, said):
    checkpoint = checkpoint_of(*changes)
    assert system_of(checkpoint).checkpoint_digest == "d" * 64
    tuned = calibrate(checkpoint, [video], release_of({("c1", 3): Box(0.1, 0.1, 0.4, 0.4)}))
    assert system_of(tuned).supervision == f"narration alone; {said}"


def test_a_value_that_validation_could_not_find_is_the_default(video):
    tuned = calibrate(checkpoint_of(), [video], release_of({}))
    assert system_of(tuned).supervision.endswith("box width: default; box height: default")


def test_a_checkpoint_that_does_not_say_has_values_of_unknown_source():
    said = "background threshold: unknown; box width: unknown; box height: unknown"
    assert said in system_of(checkpoint_of()).supervision


def test_frame_f1_counts_seconds_of_actions():
    label = np.array(["a", "a", "", "b"], dtype=object)
    assert frame_f1(label, label) == 1
    assert frame_f1(label, np.array(["", "", "a", ""], dtype=object)) == 0
    assert frame_f1(label, np.array(["a", "", "", "a"], dtype=object)) == pytest.approx(2 / 5)


def test_tau_is_the_one_with_the_best_f1():
    label = np.array(["a", "a", "", ""], dtype=object)
    predicted = np.array(["a", "a", "a", "a"], dtype=object)
    tau, f1 = best_background_threshold(label, np.array([0.9, 0.8, 0.3, 0.2]), predicted)
    assert 0.3 < tau <= 0.8
    assert f1 == 1


def release_of(boxes):
    clips = (
        Clip("c1", "v1", "cut-carrot", Segment(2, 6)),
        Clip("c2", "v1", "stir-soup", Segment(10, 14)),
    )
    return Release(
        name="val",
        version="1.0.0",
        derivation="none",
        videos=(Video("v1", 640, 480, 21.0, "0" * 64), Video("v2", 640, 480, 3.0, "1" * 64)),
        actions=(CUT, STIR, Action("bake", "bake")),
        clips=clips,
        frames=(),
        answers=(),
        boxes=boxes,
        rules=dict.fromkeys(boxes, "exact"),
        tubes=(),
        digest="e" * 64,
    )


def test_a_videos_pool_is_the_actions_of_its_own_clips():
    assert pools_of(release_of({})) == {"v1": [CUT, STIR], "v2": []}


def test_calibration_fills_both_thresholds_and_reports_what_it_saw(video):
    boxes = {("c1", 3): Box(0.1, 0.1, 0.4, 0.4), ("c2", 11): Box(0.5, 0.5, 0.9, 0.9)}
    checkpoint = calibrate(checkpoint_of(), [video], release_of(boxes))
    inference, figures = checkpoint.settings.inference, checkpoint.trained_on["validation"]
    assert inference.background_threshold == figures["background_threshold"] is not None
    for name in ("mask_threshold", "box_width", "box_height"):
        assert getattr(inference, name) == figures[name] is not None
    assert set(figures["mean_box_iou"]) == {"mask", "point"}
    assert figures["release"] == "val 1.0.0 (eeeeeeeeeeee)"
    assert (figures["n_seconds"], figures["n_boxes"]) == (21, 2)
    assert 0 <= figures["auc"] <= 1
    assert set(figures["pointing"]) == {
        "rollout", "rollout_residual", "global_patches", "global_shares", "product",
    }  # fmt: skip


def test_calibration_leaves_seconds_past_the_end_alone(video):
    figures = [
        calibrate(checkpoint_of(), [one], release_of({})).trained_on["validation"]
        for one in (replace(video, n_past=1), replace(video, values=video.values[:20]))
    ]
    assert figures[0]["n_seconds"] == figures[1]["n_seconds"] == 20
    for name in ("auc", "frame_f1", "background_threshold"):
        assert figures[0][name] == pytest.approx(figures[1][name], abs=1e-6)


def test_a_threshold_that_was_set_stays(video):
    given = {"background_threshold": 0.123, "mask_threshold": 0.7, "box_width": 0.33}
    checkpoint = checkpoint_of(*(f"inference.{name}={value}" for name, value in given.items()))
    boxes = {("c1", 3): Box(0.1, 0.1, 0.4, 0.4)}
    inference = calibrate(checkpoint, [video], release_of(boxes)).settings.inference
    assert {name: getattr(inference, name) for name in given} == given


def test_without_boxes_the_mask_threshold_and_the_size_stay_open(video):
    checkpoint = calibrate(checkpoint_of(), [video], release_of({}))
    inference = checkpoint.settings.inference
    assert inference.mask_threshold is inference.box_width is inference.box_height is None
    assert checkpoint.trained_on["validation"]["pointing"] is None


def test_calibration_tells_actions_from_background_by_the_best_similarity(video, monkeypatch):
    similarity = np.full((21, 2), 0.1)
    similarity[2:6, 0] = similarity[10:14, 1] = 0.9
    heat = torch.zeros(2, 21, 14, 14)
    monkeypatch.setattr(
        "stg_model.inference.calibration.score_video",
        lambda checkpoint, one, pool: scores_of(similarity, heat),
    )
    figures = calibrate(checkpoint_of(), [video], release_of({})).trained_on["validation"]
    assert figures["auc"] == figures["frame_f1"] == 1.0
    assert 0.1 < figures["background_threshold"] <= 0.9
    assert figures["mean_box_iou"] is None


@pytest.mark.parametrize(("point_from", "hits"), [("peak", 0), ("mask_centroid", 1)])
def test_calibration_points_as_the_settings_say(video, monkeypatch, point_from, hits):
    heat = torch.zeros(2, 21, 14, 14)
    heat[0, 3, 4:11, 4:11] = 0.9
    heat[0, 3, 4, 4] = 1.0  # hottest in a corner of the mask
    monkeypatch.setattr(
        "stg_model.inference.calibration.score_video",
        lambda checkpoint, one, pool: scores_of(np.zeros((21, 2)), heat),
    )
    truth = release_of({("c1", 3): Box(0.45, 0.45, 0.65, 0.65)})
    found = calibrate(checkpoint_of(f"inference.point_from={point_from}"), [video], truth)
    assert set(found.trained_on["validation"]["pointing"].values()) == {hits}


def test_shares_find_the_patches_that_set_the_frames_score_at_any_scale_of_the_tokens():
    checkpoint = checkpoint_of("inference.heatmap_from=global_shares")
    model = checkpoint.model
    with torch.no_grad():
        heard = model.textual(checkpoint.encoder.texts(["carrot cut"]))
        text = model.global_branch.words(heard.sentences_JC)
        wanted = (text @ model.global_branch.frame_projection.weight)[0]  # what raises the score
        maps = {}
        for scale, shift in ((0.01, 0), (1.0, 0), (100.0, 0), (1.0, 3.0)):
            patches = torch.randn(1, 49, 4, 64, generator=torch.Generator().manual_seed(0)) * 0.1
            patches[0, 30, 1] += wanted / wanted.abs().max()
            patches = patches * scale + shift
            cells = patches.amax(2)
            tokens = FrameTokens(patches, cells, cells.amax(1))
            heat = heatmaps(model, tokens, heard, checkpoint.settings.inference)[0, 0]
            row, column = divmod(int(heat.argmax()), 14)
            assert (row, column) == (2 * (30 // 7), 2 * (30 % 7) + 1)
            maps[scale, shift] = heat / scale
    plain = maps[1.0, 0]
    assert torch.allclose(maps[0.01, 0], plain, rtol=1e-3)
    assert torch.allclose(maps[100.0, 0], plain, rtol=1e-3)
    assert torch.allclose(maps[1.0, 3.0], plain, rtol=1e-3, atol=1e-5)  # above its average patch
