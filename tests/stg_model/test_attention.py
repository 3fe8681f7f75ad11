import math

import pytest
import torch

from stg_model.network.attention import SelfAttention, cross_logits, masked_softmax
from stg_model.network.local_branch import LocalBranch
from stg_model.network.rollout import rollout
from stg_model.network.tokens import masked_mean
from stg_model.settings import NetworkSettings


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def test_the_three_forms_of_logits_are_what_they_say():
    left, right = torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 2.0], [3.0, 4.0]])
    assert cross_logits(left, right, "dot_unscaled", 9.0).tolist() == [[8.0, 25.0]]
    scaled = cross_logits(left, right, "dot_scaled", 9.0)
    assert torch.allclose(scaled, torch.tensor([[8.0, 25.0]]) / math.sqrt(2))
    cosine = cross_logits(left, right, "cosine", 0.5)
    assert torch.allclose(cosine, torch.tensor([[0.8, 1.0]]) / 0.5)


def test_softmax_gives_nothing_to_masked_entries_and_nothing_at_all_without_any():
    weights = masked_softmax(
        torch.tensor([[1.0, 1.0, 50.0], [1.0, 2.0, 3.0]]),
        torch.tensor([[True, True, False], [False, False, False]]),
        dim=-1,
    )
    assert weights.tolist() == [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]


def test_softmax_of_a_fully_masked_row_has_finite_gradients():
    logits = torch.randn(2, 3, requires_grad=True)
    masked_softmax(logits, torch.zeros(2, 3, dtype=torch.bool), -1).sum().backward()
    assert torch.isfinite(logits.grad).all()


def test_self_attention_is_that_of_torch_with_one_head_and_a_residual(generator):
    ours, theirs = SelfAttention(8), torch.nn.MultiheadAttention(8, 1, batch_first=True)
    theirs.load_state_dict(
        {
            "in_proj_weight": ours.query_key_value.weight,
            "in_proj_bias": ours.query_key_value.bias,
            "out_proj.weight": ours.out.weight,
            "out_proj.bias": ours.out.bias,
        }
    )
    tokens = torch.randn(2, 5, 8, generator=generator)
    mask = torch.tensor([[True] * 5, [True, True, False, True, False]])
    got, weights = ours(tokens, mask)
    want, want_weights = theirs(tokens, tokens, tokens, key_padding_mask=~mask)
    assert torch.allclose(got, want + tokens, atol=1e-6)
    assert torch.allclose(weights, want_weights, atol=1e-6)


def branch_and_inputs(generator, **changes):
    torch.manual_seed(3)
    branch = LocalBranch(6, 5, NetworkSettings(dim=8, **changes)).double()
    regions = torch.randn(3, 2, 4, 6, generator=generator, dtype=torch.float64)
    words = torch.randn(3, 5, 5, generator=generator, dtype=torch.float64)
    word_mask = torch.arange(5)[None] < torch.tensor([[5], [2], [3]])
    return branch, regions, torch.ones(3, 2, dtype=torch.bool), words, word_mask


FORMS = [
    {},
    {"cross_attention": "dot_scaled", "self_attention_scope": "clip"},
    {"cross_attention": "dot_unscaled", "second_cross_residual": True, "normalise_scores": False},
]


@pytest.mark.parametrize("changes", FORMS)
def test_the_score_of_a_pair_does_not_depend_on_the_other_pairs(generator, changes):
    branch, regions, frames, words, word_mask = branch_and_inputs(generator, **changes)
    scores = branch(regions, frames, words, word_mask).scores_IJ
    for i in range(3):
        for j in range(3):
            alone = branch(regions[[i]], frames[[i]], words[[j]], word_mask[[j]]).scores_IJ
            assert torch.allclose(alone[0, 0], scores[i, j], atol=1e-12)


@pytest.mark.parametrize("changes", FORMS)
def test_padded_words_and_frames_change_nothing(generator, changes):
    branch, regions, frames, words, word_mask = branch_and_inputs(generator, **changes)
    want = branch(regions, frames, words, word_mask).scores_IJ
    noise = torch.randn(3, 2, 4, 6, generator=generator, dtype=torch.float64) * 50
    longer = torch.cat([words, torch.randn(3, 2, 5, dtype=torch.float64) * 50], 1)
    got = branch(
        torch.cat([regions, noise], 1),
        torch.cat([frames, ~frames], 1),
        longer,
        torch.nn.functional.pad(word_mask, (0, 2)),
    ).scores_IJ
    assert torch.allclose(got, want, atol=1e-12)


@pytest.mark.parametrize("changes", FORMS)
def test_order_of_words_and_regions_does_not_matter(generator, changes):
    branch, regions, frames, words, word_mask = branch_and_inputs(generator, **changes)
    want = branch(regions, frames, words, word_mask).scores_IJ
    places, spoken = torch.tensor([2, 0, 3, 1]), torch.tensor([3, 0, 4, 1, 2])
    got = branch(regions[:, :, places], frames, words[:, spoken], word_mask[:, spoken]).scores_IJ
    assert torch.allclose(got, want, atol=1e-12)


@pytest.mark.parametrize(("scope", "untouched"), [("frame", True), ("clip", False)])
def test_a_region_sees_its_own_frame_or_the_whole_clip(generator, scope, untouched):
    branch, regions, frames, words, word_mask = branch_and_inputs(
        generator, self_attention_scope=scope, form="plain"
    )
    attended = []
    branch.region_attention.register_forward_hook(
        lambda module, given, out: attended.append(out[0].reshape(3, 3, 2, 4, 8))
    )
    branch(regions, frames, words, word_mask)
    changed = regions.clone()
    changed[:, 1] += 3.0
    branch(changed, frames, words, word_mask)
    # The first cross attention mixes words only, so what reaches the first frame came from there.
    before, after = (tokens[:, :, 0] for tokens in attended)
    assert torch.allclose(before, after, atol=1e-12) == untouched


def test_a_branch_refuses_masks_that_do_not_fit(generator):
    branch, regions, frames, words, word_mask = branch_and_inputs(generator)
    with pytest.raises(ValueError, match=r"masks \(2, 2\)"):
        branch(regions, frames[:2], words, word_mask)


def test_a_mean_counts_real_rows_only():
    values = torch.tensor([[1.0, 2.0], [3.0, 4.0], [9.0, 9.0]])
    assert masked_mean(values, torch.tensor([True, True, False])).tolist() == [2.0, 3.0]
    assert masked_mean(values, torch.zeros(3, dtype=torch.bool)).tolist() == [0.0, 0.0]


def test_the_roll_out_is_the_mean_over_regions_of_the_three_attentions(generator):
    branch, regions, frames, words, word_mask = branch_and_inputs(generator)
    frames[1, 1] = False
    out = branch(regions, frames, words, word_mask)
    real = frames.repeat_interleave(4, dim=1)
    heat = rollout(out.second_IJRK, out.self_IJKK, out.first_IJKR, real[:, None])
    for i in range(3):
        for j in range(3):
            product = out.second_IJRK[i, j] @ out.self_IJKK[i, j] @ out.first_IJKR[i, j]
            assert torch.allclose(heat[i, j], product[real[i]].mean(0), atol=1e-12)
    assert torch.allclose(heat.sum(-1), torch.ones(3, 3, dtype=torch.float64))
    assert (heat[1, :, 4:] == 0).all()
