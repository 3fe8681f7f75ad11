"""What was selected, against what is known to be described; action against background."""

from dataclasses import replace

import numpy as np
import pytest

from dataset_builder.domain import Action, Clip, Segment, Video
from dataset_builder.predictions import Predictions, SecondPrediction, System
from dataset_builder.release import Release
from stg_model.study.coverage import action_auc


def release(segments, duration_s=10.0):
    clips = tuple(
        Clip(f"c{n}", "v", "cut", Segment(*segment), "test") for n, segment in enumerate(segments)
    )
    return Release(
        name="r",
        version="1.0.0",
        derivation="none",
        videos=(Video("v", 64, 48, duration_s, "0" * 64),),
        actions=(Action("cut", "cut"),),
        clips=clips,
        frames=(),
        answers=(),
        boxes={},
        rules={},
        tubes=(),
        settings={},
    )


def predictions(scores):
    seconds = {
        ("v", s): SecondPrediction("v", s, None, {"cut": score, "stir": -1.0})
        for s, score in enumerate(scores)
    }
    return Predictions(System(name="x"), seconds)


def test_seconds_that_are_told_apart_perfectly_score_one_and_turned_round_nought():
    truth = release([(2.0, 5.0)])
    high = [1.0 if 2 <= s < 5 else 0.0 for s in range(10)]
    assert action_auc(truth, predictions(high)) == 1
    assert action_auc(truth, predictions([-score for score in high])) == 0
    assert action_auc(truth, predictions([0.5] * 10)) == 0.5


def test_the_area_of_a_case_worked_by_hand():
    # Two action seconds (.9, .4), three others (.5, .4, .1): of six pairs 3 + 1.5 are right.
    truth = release([(0.0, 2.0)], duration_s=5.0)
    assert action_auc(truth, predictions([0.9, 0.4, 0.5, 0.4, 0.1])) == pytest.approx(4.5 / 6)


def test_it_is_what_scikit_learn_says():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    truth = release([(2.0, 5.0), (7.0, 8.5)])
    scores = rng.integers(0, 5, 10) / 5
    label = [2 <= s < 5 or 7 <= s < 9 for s in range(10)]
    assert action_auc(truth, predictions(scores)) == pytest.approx(roc_auc_score(label, scores))


def test_it_is_absent_where_there_is_nothing_to_tell_apart():
    assert action_auc(release([(0.0, 10.0)]), predictions([0.1] * 10)) is None
    assert action_auc(release([]), predictions([0.1] * 10)) is None
    assert action_auc(release([(0.0, 3.0)]), Predictions(System(name="x"))) is None


def test_seconds_past_the_videos_end_do_not_count():
    truth = release([(0.0, 1.0)], duration_s=2.0)
    assert action_auc(truth, predictions([0.5, 0.1])) == 1
    assert action_auc(truth, predictions([0.5, 0.1, 0.9])) == 1


def test_the_selection_nearest_the_sentence_is_counted_exactly(tiny_study_world):
    """`none` takes the T seconds nearest the middle, which can be listed without any model."""
    from dataset_builder.domain import frame_seconds
    from stg_model.config import load_settings
    from stg_model.features.encoders import encoder_for
    from stg_model.features.store import extract_features
    from stg_model.study.coverage import selection_coverage
    from stg_model.training.checkpoint import Checkpoint, build_model
    from stg_model.world.narrate import narrate
    from stg_model.world.scene import plan_set

    world, folder = tiny_study_world
    settings = load_settings(None, ["selection.method=none", "selection.n_frames=2"])
    plans = plan_set(world, "held-out")
    files = {p.video_id: folder / "held-out/videos" / f"{p.video_id}.mp4" for p in plans}
    encoder = encoder_for(settings).listen(["cut the carrot"])
    checkpoint = Checkpoint(build_model(settings, encoder).eval(), settings, encoder, {})
    videos = list(extract_features(files, None, encoder))
    found = selection_coverage(checkpoint, videos, world)

    right, there, n_found, n_windows, n_selected = 0, [], 0, 0, 0
    for plan, video in zip(plans, videos, strict=True):
        for sentence in narrate(world, plan):
            if not sentence.about:
                continue
            described = {s for p in sentence.about for s in frame_seconds(p.segment)[0]}
            middle = int((sentence.start_s + sentence.end_s) / 2)
            window = [s for s in range(middle - 8, middle + 8) if 0 <= s < video.n_seconds]
            nearest = sorted(window, key=lambda s: (abs(s - middle), s))[:2]
            right += len(described & set(nearest))
            n_selected += len(nearest)
            there += [s in described for s in window]
            n_windows += bool(described & set(window))
            n_found += bool(described & set(nearest))
    assert 0 < right < n_selected
    assert found["selected"] == pytest.approx(right / n_selected)
    assert found["chance"] == pytest.approx(sum(there) / len(there))
    assert found["found"] == pytest.approx(n_found / n_windows)
    assert selection_coverage(checkpoint, [], world) == dict.fromkeys(found)
    everything = replace(settings, selection=replace(settings.selection, n_frames=16))
    model = build_model(everything, encoder).eval()
    whole = selection_coverage(Checkpoint(model, everything, encoder, {}), videos, world)
    assert whole["selected"] == whole["chance"]
    assert whole["found"] == 1
