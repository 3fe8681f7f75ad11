"""Mining-MLP on features in which each action has a direction of its own."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy

from dataset_builder.domain import Action, Clip, Segment, Video
from dataset_builder.errors import InputError
from dataset_builder.release import Release
from stg_model.baselines.frame_features import feature_files, read_frame_features
from stg_model.baselines.mining_mlp import (
    MiningSettings,
    aligned_labels,
    positions,
    train_mining_mlp,
    uniform_labels,
)
from stg_model.baselines.mining_predictions import mining_predictions, read_orders
from stg_model.errors import TrainingError

ACTIONS = tuple(f"action-{n}" for n in range(6))
SIZE = 64
SMALL = MiningSettings(hidden_dim=32, epochs=6, batch=128)


def generated(n_videos, seed):
    """Features, orders and the true label of each second; background is common and noisy."""
    rng = np.random.default_rng(seed)
    meaning = np.random.default_rng(99).normal(size=(len(ACTIONS), SIZE))
    features, orders, truth = {}, {}, {}
    for n in range(n_videos):
        labels, order = [-1] * int(rng.integers(1, 20)), []
        for action in rng.choice(len(ACTIONS), 4, replace=False):
            order.append(ACTIONS[action])
            labels += [int(action)] * int(rng.integers(4, 10))
            labels += [-1] * int(rng.integers(1, 20))
        noise = rng.normal(size=(len(labels), SIZE))
        shown = np.array([meaning[label] if label >= 0 else np.zeros(SIZE) for label in labels])
        features[f"v{n}"] = (shown + 1.5 * noise).astype(np.float32)
        orders[f"v{n}"], truth[f"v{n}"] = order, np.array(labels)
    return features, orders, truth


@pytest.fixture(scope="module")
def model():
    features, orders, _ = generated(40, seed=1)
    return train_mining_mlp(features, orders, SMALL)


def release_of(orders, truth):
    clips = []
    for video_id, labels in truth.items():
        edges = np.flatnonzero(np.diff(np.concatenate([[-2], labels, [-2]])))
        for start, end in itertools.pairwise(edges):
            if labels[start] >= 0:
                segment = Segment(int(start), int(end))
                action = ACTIONS[labels[start]]
                clips.append(Clip(f"{video_id}-{start}", video_id, action, segment))
    return Release(
        name="g", version="1.0.0", derivation="none",
        videos=tuple(Video(v, 64, 48, float(len(t)), "") for v, t in truth.items()),
        actions=tuple(Action(a, a) for a in ACTIONS),
        clips=tuple(clips[::-1]), frames=(), answers=(), boxes={}, rules={}, tubes=(),
    )  # fmt: skip


def share_right(found, truth):
    right = [
        (ACTIONS[label] if label >= 0 else None) == found.seconds[video_id, second].action_id
        for video_id, labels in truth.items()
        for second, label in enumerate(labels)
    ]
    return np.mean(right)


def test_the_order_alone_teaches_when_each_action_happens(model):
    features, orders, truth = generated(10, seed=2)
    release = release_of(orders, truth)
    found = mining_predictions(model, release, features.get)
    uniform = [
        np.mean(uniform_labels(len(t), positions(orders[v], ACTIONS)) == np.where(t < 0, 6, t))
        for v, t in truth.items()
    ]
    assert share_right(found, truth) > 0.85 > np.mean(uniform) + 0.2


def test_later_rounds_are_better_than_the_first(model):
    features, orders, truth = generated(10, seed=2)
    train, train_orders, _ = generated(40, seed=1)
    once = train_mining_mlp(train, train_orders, replace(SMALL, rounds=1))
    shares = [
        share_right(mining_predictions(one, release_of(orders, truth), features.get), truth)
        for one in (once, model)
    ]
    assert shares[1] > shares[0]


def test_the_same_seed_gives_the_same_classifier():
    features, orders, _ = generated(6, seed=3)
    small = replace(SMALL, rounds=2, epochs=2)
    one, same, other = (
        train_mining_mlp(features, orders, replace(small, seed=seed)).log_likelihoods(
            features["v0"]
        )
        for seed in (0, 0, 1)
    )
    assert (one == same).all()
    assert not np.allclose(one, other)


def test_every_given_clip_gets_a_second_and_its_scores_are_all_there(model):
    features, orders, truth = generated(3, seed=4)
    release = release_of(orders, truth)
    found = mining_predictions(model, release, features.get)
    for video_id, order in orders.items():
        mine = [found.seconds[video_id, s] for s in range(len(truth[video_id]))]
        runs = [a for a, before in zip(mine, [None, *mine], strict=False)
                if a.action_id and (before is None or before.action_id != a.action_id)]  # fmt: skip
        assert [r.action_id for r in runs] == order
        assert {frozenset(s.scores) for s in mine} == {frozenset(order)}
        assert None not in {s.background for s in mine}
    assert found.points == {}
    assert found.system.pool == "video"


def test_an_action_never_heard_of_scores_lowest_and_still_gets_its_place(model):
    features, orders, truth = generated(1, seed=5)
    release = release_of(orders, truth)
    name = orders["v0"][1]
    clips = tuple(replace(c, action_id="new") if c.action_id == name else c for c in release.clips)
    found = mining_predictions(model, replace(release, clips=clips), features.get)
    assert "new" in {s.action_id for s in found.seconds.values()}
    for record in found.seconds.values():
        assert record.scores["new"] <= min(record.scores.values())


def test_videos_without_features_are_left_out_and_none_at_all_is_refused(model, caplog):
    features, orders, truth = generated(2, seed=6)
    release = release_of(orders, truth)
    found = mining_predictions(model, release, {"v1": features["v1"]}.get)
    assert {video_id for video_id, _ in found.seconds} == {"v1"}
    assert "video 'v0' has no frame features" in caplog.text
    with pytest.raises(InputError, match="no video of the release has frame features"):
        mining_predictions(model, release, {}.get)


def test_an_alignment_worked_by_hand():
    # Labels: cut, stir, background. Order: stir; the middle second alone speaks for it.
    scores = np.log([[0.1, 0.2, 0.7], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    assert aligned_labels(scores, positions(["stir"], ["cut", "stir"])).tolist() == [2, 1, 2]


@pytest.mark.parametrize(
    ("features", "orders"),
    [({}, {"v": ["a"]}), ({"v": np.zeros((1, 4), np.float32)}, {"v": ["a", "b"]})],
)
def test_nothing_to_learn_from_is_said(features, orders):
    with pytest.raises(TrainingError, match="no video has both features and a transcript"):
        train_mining_mlp(features, orders)


def test_features_are_read_from_each_kind_of_file_and_averaged_by_second(tmp_path):
    table = np.arange(12, dtype=np.float64).reshape(6, 2)
    np.save(tmp_path / "a.npy", table)
    np.savez(tmp_path / "b.npz", features=table, other=np.zeros(3))
    safetensors.numpy.save_file({"x": table}, tmp_path / "c.safetensors")
    files = feature_files(tmp_path)
    assert list(files) == ["a", "b", "c"]
    for path in files.values():
        assert read_frame_features(path, rate=2.0).tolist() == [[1, 2], [5, 6], [9, 10]]
    slow = read_frame_features(files["a"], rate=0.5)
    assert slow[:4].tolist() == [[0, 1], [0, 1], [2, 3], [2, 3]]


def test_frame_features_at_30_rows_a_second_fall_into_whole_seconds():
    from stg_model.baselines.frame_features import _by_seconds

    table = np.repeat(np.arange(100, dtype=np.float32), 30)[:, None]
    assert _by_seconds(table, 30.0)[:, 0].tolist() == list(range(100))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", b"no array", "cannot be read as frame features"),
        ("a.npz", b"PK no archive", "cannot be read as frame features"),
        ("a.safetensors", b"\xff" * 16, "cannot be read as frame features"),
        ("a.npy", np.zeros(3), r"must be a table \(rows, size\) of numbers"),
        ("a.npy", np.full((2, 2), np.nan), "not finite"),
        ("a.npy", np.array([{"x": 1}], dtype=object), "cannot be read as frame features"),
    ],
)
def test_files_that_hold_no_features_are_refused(tmp_path, name, content, message):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content, allow_pickle=True)
    with pytest.raises(InputError, match=message):
        read_frame_features(path)


def test_two_files_of_one_video_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds no frame features"):
        feature_files(tmp_path)
    for suffix in (".npy", ".npz"):
        (tmp_path / f"v{suffix}").touch()
    with pytest.raises(InputError, match="is of the same video"):
        feature_files(tmp_path)


def test_orders_are_phrases_without_background(tmp_path):
    path = tmp_path / "o.json"
    path.write_text(json.dumps({"v": ["Crack_egg", "background", "stir eggs"]}), encoding="utf-8")
    assert read_orders(path) == {"v": ["crack-egg", "stir-eggs"]}
    for wrong in ([], {"v": "crack egg"}, {"v": [1]}):
        path.write_text(json.dumps(wrong), encoding="utf-8")
        with pytest.raises(InputError, match=r"o\.json"):
            read_orders(path)
