import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stg_model.network.sinkhorn import sinkhorn

ORACLE = Path(os.environ.get("SHARED_DATA", "../shared/data")) / "oracles/sinkhorn_pot/cases.json"


def plan_of(similarity, epsilon, **kwargs):
    n_frames, n_words = similarity.shape
    return (
        sinkhorn(
            torch.as_tensor(similarity)[None],
            torch.ones(1, n_frames, dtype=torch.bool),
            torch.ones(1, n_words, dtype=torch.bool),
            epsilon=epsilon,
            **{"max_iterations": 20_000, "tolerance": 1e-13, **kwargs},
        )
        .plan_BUK[0]
        .numpy()
    )


@pytest.mark.parametrize(
    ("n_frames", "n_words", "epsilon"), [(16, 6, 0.2), (8, 3, 0.1), (5, 9, 0.5)]
)
def test_a_converged_plan_is_that_of_pot(n_frames, n_words, epsilon):
    import ot

    similarity = np.random.default_rng(n_frames).uniform(-1, 1, (n_frames, n_words))
    marginals = np.full(n_frames, 1 / n_frames), np.full(n_words, 1 / n_words)
    theirs = ot.sinkhorn(
        *marginals,
        -similarity,
        reg=epsilon,
        method="sinkhorn_log",
        stopThr=1e-13,
        numItermax=20_000,
    )
    assert np.abs(plan_of(similarity, epsilon) - theirs).max() < 1e-9


@pytest.mark.skipif(not ORACLE.is_file(), reason=f"no {ORACLE}; set SHARED_DATA to run this")
def test_a_converged_plan_is_that_of_the_stored_oracle():
    """All six cases, one of a single word and one of more words than frames among them."""
    cases = json.loads(ORACLE.read_text())
    assert [(case["U"], case["K"]) for case in cases] == [
        (16, 6), (16, 20), (16, 1), (8, 3), (32, 12), (4, 7)
    ]  # fmt: skip
    for case in cases:
        plan = plan_of(np.array(case["P"]), case["eps"])
        assert plan.shape == (case["U"], case["K"])
        assert np.abs(plan.sum(axis=0) - 1 / case["K"]).max() < 1e-12  # it has converged
        assert np.abs(plan - np.array(case["Q"])).max() < 1e-9
        assert np.abs(plan.max(axis=1) - np.array(case["score_max"])).max() < 1e-9


@given(seed=st.integers(0, 10_000), data=st.data())
def test_marginals_hold_for_any_mask(seed, data):
    rng = np.random.default_rng(seed)
    frame_mask = torch.tensor(data.draw(st.lists(st.booleans(), min_size=7, max_size=7)))
    word_mask = torch.tensor(data.draw(st.lists(st.booleans(), min_size=4, max_size=4)))
    plan = sinkhorn(
        torch.as_tensor(rng.uniform(-1, 1, (1, 7, 4))),
        frame_mask[None],
        word_mask[None],
        epsilon=0.3,
        max_iterations=2000,
        tolerance=1e-9,
    ).plan_BUK[0]
    assert torch.isfinite(plan).all()
    if not (frame_mask.any() and word_mask.any()):
        assert plan.abs().sum() == 0
        return
    assert torch.allclose(plan.sum(1), frame_mask.double() / frame_mask.sum(), atol=1e-12)
    assert torch.allclose(plan.sum(0), word_mask.double() / word_mask.sum(), atol=1e-8)


def test_padding_changes_nothing():
    rng = np.random.default_rng(3)
    similarity = rng.uniform(-1, 1, (6, 3))
    padded = torch.full((1, 9, 5), 50.0, dtype=torch.float64)
    padded[0, :6, :3] = torch.as_tensor(similarity)
    plan = sinkhorn(
        padded,
        torch.arange(9)[None] < 6,
        torch.arange(5)[None] < 3,
        epsilon=0.2,
        max_iterations=20,
    ).plan_BUK[0]
    assert torch.allclose(
        plan[:6, :3], torch.as_tensor(plan_of(similarity, 0.2, max_iterations=20, tolerance=1e-4))
    )
    assert plan.sum() == pytest.approx(1)


def test_a_small_epsilon_does_not_overflow_float32():
    similarity = torch.tensor([[[0.9, -0.9], [-0.9, 0.9]]]) / 0.1
    masks = torch.ones(1, 2, dtype=torch.bool), torch.ones(1, 2, dtype=torch.bool)
    plan = sinkhorn(similarity, *masks, epsilon=0.05).plan_BUK[0]
    assert torch.allclose(plan, torch.eye(2) / 2)


def test_an_earlier_end_leaves_the_frames_marginals_exact():
    similarity = np.random.default_rng(0).normal(0, 1, (16, 6))
    plan = plan_of(similarity, 0.05, max_iterations=3)
    assert np.abs(plan.sum(1) - 1 / 16).max() < 1e-12
    assert np.abs(plan.sum(0) - 1 / 6).max() > 1e-3


def test_masks_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"similarity \(1, 2, 3\) does not fit"):
        sinkhorn(
            torch.zeros(1, 2, 3),
            torch.ones(1, 2, dtype=torch.bool),
            torch.ones(1, 2, dtype=torch.bool),
            epsilon=1,
        )


def test_the_record_says_how_far_the_plan_is_from_what_was_asked():
    rng = np.random.default_rng(1)
    similarity = torch.as_tensor(rng.normal(0, 1, (3, 8, 4)))
    similarity[1] = 0.0  # an even plan fits at once
    frame_mask = torch.ones(3, 8, dtype=torch.bool)
    word_mask = torch.ones(3, 4, dtype=torch.bool)
    word_mask[2] = False
    cut = sinkhorn(similarity, frame_mask, word_mask, epsilon=0.05, max_iterations=3)
    assert cut.n_iterations == 3
    assert cut.converged_B.tolist() == [False, True, True]
    assert cut.word_error_B[0] == pytest.approx((cut.plan_BUK[0].sum(0) - 1 / 4).abs().sum().item())
    assert cut.word_error_B[0] > 1e-3
    assert cut.frame_error_B.max() < 1e-12
    assert cut.word_error_B[2] == cut.frame_error_B[2] == 0  # nothing was asked of no words
    whole = sinkhorn(similarity, frame_mask, word_mask, epsilon=0.05, max_iterations=5000)
    assert whole.converged_B.all()
    assert 3 < whole.n_iterations < 5000
