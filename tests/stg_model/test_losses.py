import math

import pytest
import torch

from stg_model.network.losses import contrastive_loss
from stg_model.settings import LossSettings


def mms_loss(scores, video, *, temperature, margin):
    return contrastive_loss(scores, video, LossSettings(temperature=temperature, margin=margin))


def test_two_clips_by_hand():
    scores = torch.tensor([[1.0, 0.0], [0.5, 2.0]])
    loss = mms_loss(scores, torch.tensor([0, 1]), temperature=1.0, margin=0.25)
    rows = [math.log1p(math.exp(0.0 - 0.75)), math.log1p(math.exp(0.5 - 1.75))]
    columns = [math.log1p(math.exp(0.5 - 0.75)), math.log1p(math.exp(0.0 - 1.75))]
    assert loss.item() == pytest.approx(sum(rows) / 2 + sum(columns) / 2)


def test_the_margin_makes_the_task_harder():
    scores = torch.randn(5, 5, generator=torch.Generator().manual_seed(0))
    losses = [mms_loss(scores, torch.arange(5), temperature=0.5, margin=m) for m in (0.0, 0.1)]
    assert losses[1] > losses[0]


def test_the_margin_is_as_exact_as_the_scores():
    scores = torch.zeros(2, 2, dtype=torch.float64)
    loss = mms_loss(scores, torch.arange(2), temperature=0.1, margin=0.3)
    assert loss.item() == pytest.approx(2 * math.log1p(math.exp(3)), rel=1e-14)


def test_equal_scores_are_chance():
    loss = mms_loss(torch.zeros(8, 8), torch.arange(8), temperature=0.1, margin=0.0)
    assert loss.item() == pytest.approx(2 * math.log(8))


def test_another_clip_of_the_same_video_is_no_negative():
    scores = torch.tensor([[1.0, 99.0, 0.0], [99.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    changed = scores.clone()
    changed[0, 1] = changed[1, 0] = -3.0
    video = torch.tensor([4, 4, 7])
    settings = {"temperature": 1.0, "margin": 0.001}
    assert mms_loss(scores, video, **settings) == mms_loss(changed, video, **settings)
    assert mms_loss(scores, torch.arange(3), **settings) > 90


def test_one_clip_alone_has_nothing_to_tell_apart():
    scores = torch.tensor([[0.3]], requires_grad=True)
    loss = mms_loss(scores, torch.tensor([0]), temperature=0.1, margin=0.001)
    loss.backward()
    assert loss.item() == 0
    assert torch.isfinite(scores.grad).all()


def test_gradients_stay_finite_beside_masked_pairs():
    scores = torch.zeros(3, 3, requires_grad=True)
    mms_loss(scores, torch.tensor([0, 0, 0]), temperature=0.1, margin=0.001).backward()
    assert torch.isfinite(scores.grad).all()


def test_order_of_the_clips_does_not_matter():
    scores = torch.randn(6, 6, generator=torch.Generator().manual_seed(1)).double()
    video = torch.tensor([0, 1, 2, 2, 4, 5])
    order = torch.tensor([5, 2, 0, 3, 1, 4])
    settings = {"temperature": 0.2, "margin": 0.01}
    shuffled = mms_loss(scores[order][:, order], video[order], **settings)
    assert torch.allclose(mms_loss(scores, video, **settings), shuffled)


def test_scores_that_are_not_square_are_refused():
    with pytest.raises(ValueError, match=r"scores \(2, 3\) should be \(2, 2\)"):
        mms_loss(torch.zeros(2, 3), torch.arange(2), temperature=1.0, margin=0.0)


@pytest.mark.parametrize(("kind", "n_positives"), [("milnce", 1), ("released", 2)])
def test_the_joint_denominators_by_hand(kind, n_positives):
    scores = torch.tensor([[1.0, 0.0], [0.5, 2.0]])
    settings = LossSettings(kind=kind, temperature=0.5, margin=0.25)  # the margin is of mms alone
    loss = contrastive_loss(scores, torch.tensor([0, 1]), settings)
    others = math.exp(0.0 / 0.5) + math.exp(0.5 / 0.5)  # both ways, the same for both clips
    each = [
        math.log((n_positives * math.exp(own / 0.5) + others) / math.exp(own / 0.5))
        for own in (1.0, 2.0)
    ]
    assert loss.item() == pytest.approx(sum(each) / 2)


def test_the_released_form_is_the_log_of_all_rows_and_columns():
    """mean_i(logsumexp_j [s_ij, s_ji] - s_ii)."""
    scores = torch.randn(7, 7, generator=torch.Generator().manual_seed(4))
    both = torch.cat([scores, scores.T], dim=1).logsumexp(1)
    settings = LossSettings(kind="released", temperature=1.0)
    loss = contrastive_loss(scores, torch.arange(7), settings)
    assert torch.allclose(loss, (both - scores.diagonal()).mean())


@pytest.mark.parametrize("kind", ["mms", "milnce", "released"])
def test_in_no_kind_is_a_clip_of_the_same_video_a_negative(kind):
    scores = torch.tensor([[1.0, 99.0, 0.0], [99.0, 1.0, 0.0], [0.0, 0.0, 1.0]], requires_grad=True)
    loss = contrastive_loss(scores, torch.tensor([4, 4, 7]), LossSettings(kind=kind, temperature=1))
    loss.backward()
    assert loss.item() < 3
    assert scores.grad[0, 1] == scores.grad[1, 0] == 0
    assert torch.isfinite(scores.grad).all()


@pytest.mark.parametrize(("kind", "least"), [("mms", 0), ("milnce", 0), ("released", math.log(2))])
def test_one_clip_and_a_perfect_batch_have_the_least_loss(kind, least):
    settings = LossSettings(kind=kind, temperature=1.0, margin=0.0)
    for n_clips in (1, 4):
        loss = contrastive_loss(torch.eye(n_clips) * 200, torch.arange(n_clips), settings)
        assert loss.item() == pytest.approx(least)
