"""The cheap form of the local scores is the plain form: scores, gradients, attentions, padding."""

import itertools
import os
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stg_model.network import cheap_form
from stg_model.network.local_branch import LocalBranch
from stg_model.network.rollout import rollout
from stg_model.settings import NetworkSettings

CHOICES = {
    "attention_order": ("cross_self_cross", "self_cross", "cross_self", "cross_cross"),
    "cross_attention": ("dot_scaled", "dot_unscaled", "cosine"),
    "self_attention_scope": ("clip", "frame"),
    "second_cross_residual": (False, True),
    "normalise_scores": (False, True),
}
COMBINATIONS = [
    dict(zip(CHOICES, values, strict=True)) for values in itertools.product(*CHOICES.values())
]
REGION_DIM, WORD_DIM = 6, 5


def branch_of(dim=8, seed=3, **changes):
    torch.manual_seed(seed)
    branch = LocalBranch(REGION_DIM, WORD_DIM, NetworkSettings(dim=dim, **changes)).double()
    for parameter in branch.parameters():  # biases large enough to matter
        torch.nn.init.normal_(parameter, std=0.5)
    return branch


def random_inputs(seed, sizes):
    n_videos, n_texts, n_frames, n_regions, n_words = sizes
    generator = torch.Generator().manual_seed(seed)

    def numbers(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()

    def mask(*shape):
        return torch.rand(*shape, generator=generator) < 0.7

    return (
        numbers(n_videos, n_frames, n_regions, REGION_DIM),
        mask(n_videos, n_frames),
        numbers(n_texts, n_words, WORD_DIM),
        mask(n_texts, n_words),
    )


def scores_and_gradients(branch, inputs, form, memory_mb=2000):
    branch.settings = replace(branch.settings, form=form, local_memory_mb=memory_mb)
    regions, _, words, _ = inputs
    scores = branch.scores(*inputs)
    weights = torch.linspace(-1, 1, scores.numel(), dtype=scores.dtype).reshape(scores.shape)
    leaves = [regions, words, *branch.parameters()]
    gradients = torch.autograd.grad((scores * weights).sum(), leaves, allow_unused=True)
    return scores, [
        torch.zeros_like(leaf) if gradient is None else gradient
        for leaf, gradient in zip(leaves, gradients, strict=True)
    ]


def assert_close(got, want, what):
    scale = max(1.0, float(want.detach().abs().max()))
    assert float((got - want).detach().abs().max()) <= 1e-10 * scale, what


@pytest.mark.parametrize("changes", COMBINATIONS, ids=lambda c: "-".join(map(str, c.values())))
@settings(max_examples=4)
@given(
    seed=st.integers(0, 10_000),
    sizes=st.tuples(*[st.integers(1, most) for most in (3, 3, 3, 5, 6)]),
)
def test_scores_and_gradients_are_those_of_the_plain_form(changes, seed, sizes):
    branch, inputs = branch_of(seed=seed, **changes), random_inputs(seed, sizes)
    want_scores, want = scores_and_gradients(branch, inputs, "plain")
    got_scores, got = scores_and_gradients(branch, inputs, "cheap")
    assert_close(got_scores, want_scores, "scores")
    for number, (ours, theirs) in enumerate(zip(got, want, strict=True)):
        assert torch.isfinite(ours).all()
        assert_close(ours, theirs, f"gradient {number}")


def mask_of(*rows):
    return torch.tensor([[bool(value) for value in row] for row in rows])


@pytest.mark.parametrize("order", CHOICES["attention_order"])
def test_the_attentions_are_those_of_the_plain_form(order):
    branch = branch_of(attention_order=order, self_attention_scope="clip")
    regions, _, words, _ = random_inputs(5, (2, 3, 2, 4, 6))
    frame_mask, word_mask = mask_of((1, 1), (1, 0)), mask_of([1] * 4 + [0] * 2, [1, 0] * 3, [1] * 6)
    word_mask[:, 5] = False  # the longest text has five words: the sixth column is cut off
    outputs = []
    for form in ("plain", "cheap"):
        branch.settings = replace(branch.settings, form=form, local_memory_mb=1)
        outputs.append(branch(regions, frame_mask, words, word_mask))
    want, got = outputs
    assert got.first_IJKR.shape == want.first_IJKR.shape == (2, 3, 6, 8)
    real, spoken = frame_mask.repeat_interleave(4, dim=1), word_mask[None, :, :, None].double()
    assert_close(got.scores_IJ, want.scores_IJ, "scores")
    assert_close(got.first_IJKR * spoken, want.first_IJKR * spoken, "first cross attention")
    assert_close(got.self_IJKK * spoken, want.self_IJKK * spoken, "self attention")
    assert_close(got.second_IJRK, want.second_IJRK, "second cross attention")
    heats = [
        rollout(out.second_IJRK, out.self_IJKK, out.first_IJKR, real[:, None]) for out in outputs
    ]
    assert_close(heats[1], heats[0], "roll-out")
    assert torch.allclose(heats[1].sum(-1), torch.ones(2, 3, dtype=torch.float64))


def test_texts_made_longer_for_a_gpu_change_nothing(monkeypatch):
    branch, inputs = branch_of(), random_inputs(7, (2, 3, 2, 3, 5))
    want = branch(*inputs)
    sizes = []
    scored = cheap_form._scored
    monkeypatch.setattr(
        cheap_form,
        "_scored",
        lambda videos, texts, *rest: (
            sizes.append(texts.bias_JK.shape) or scored(videos, texts, *rest)
        ),
    )
    monkeypatch.setattr(cheap_form, "_words_multiple", lambda device: 8)
    got = branch(*inputs)
    assert sizes == [(3, 8)]
    assert got.self_IJKK.shape == want.self_IJKK.shape == (2, 3, 5, 5)
    assert_close(got.scores_IJ, want.scores_IJ, "scores")
    assert_close(got.second_IJRK, want.second_IJRK, "second cross attention")


def test_in_single_precision_both_forms_are_as_far_from_the_truth():
    changes = {"cross_attention": "dot_scaled", "self_attention_scope": "clip"}
    branch = branch_of(dim=64, normalise_scores=False, second_cross_residual=True, **changes)
    inputs = random_inputs(9, (3, 3, 2, 25, 12))
    truth = branch.scores(*inputs)
    branch, inputs = branch.float(), [x.float() if x.is_floating_point() else x for x in inputs]
    errors = {}
    for form in ("plain", "cheap"):
        branch.settings = replace(branch.settings, form=form)
        errors[form] = float((branch.scores(*inputs) - truth).detach().abs().max())
    assert 0 < errors["cheap"] < 5 * errors["plain"] + 1e-6 * float(truth.detach().abs().max())


@pytest.mark.parametrize("changes", [{}, {"self_attention_scope": "clip"}])
def test_groups_of_videos_give_what_all_at_once_give(changes, monkeypatch):
    branch, inputs = branch_of(**changes), random_inputs(1, (5, 4, 2, 3, 4))
    want_scores, want = scores_and_gradients(branch, inputs, "cheap")
    groups = []
    scored = cheap_form._scored
    monkeypatch.setattr(
        cheap_form,
        "_scored",
        lambda videos, *rest: groups.append(len(videos.rows_IRD)) or scored(videos, *rest),
    )
    monkeypatch.setattr(cheap_form, "pair_bytes", lambda *sizes: 100_000)  # 1 MB: two videos
    got_scores, got = scores_and_gradients(branch, inputs, "cheap", memory_mb=1)
    assert groups == [2, 2, 1, 1, 2, 2]  # forwards, and once more on the way back
    assert_close(got_scores, want_scores, "scores")
    for number, (ours, theirs) in enumerate(zip(got, want, strict=True)):
        assert_close(ours, theirs, f"gradient {number}")


def test_words_of_any_length_are_compared_by_their_direction():
    branch, inputs = branch_of(attention_order="cross_cross"), random_inputs(3, (2, 2, 2, 3, 4))
    with torch.no_grad():
        for parameter in branch.word_projection.parameters():
            parameter.mul_(1e-4)
    want, _ = scores_and_gradients(branch, inputs, "plain")
    got, _ = scores_and_gradients(branch, inputs, "cheap")
    assert_close(got, want, "scores")


def test_the_bias_of_keys_has_no_gradient():
    branch, inputs = branch_of(self_attention_scope="clip"), random_inputs(2, (2, 2, 2, 3, 4))
    scores_and_gradients(branch, inputs, "cheap")
    branch.scores(*inputs).sum().backward()
    for attention in (branch.region_attention, branch.word_attention):
        query, key, value = attention.query_key_value.bias.grad.chunk(3)
        assert float(key.abs().max()) == 0
        assert float(query.abs().max()) > 0
        assert float(value.abs().max()) > 0


def test_a_pair_without_words_or_frames_scores_nothing_and_pulls_at_nothing():
    branch = branch_of(normalise_scores=False, second_cross_residual=True)
    regions, _, words, _ = random_inputs(4, (2, 2, 2, 3, 4))
    scores = branch.scores(regions, mask_of((1, 1), (0, 0)), words, mask_of([0] * 4, [1] * 4))
    assert (scores != 0).tolist() == [[False, True], [False, False]]
    scores.sum().backward()
    assert (words.grad[0] == 0).all()
    assert (regions.grad[1] == 0).all()
    assert torch.isfinite(torch.cat([p.grad.flatten() for p in branch.parameters()])).all()


def test_no_videos_at_all_give_no_scores():
    """A process that shares a batch may have none of the clips of the local loss."""
    regions, frame_mask, words, word_mask = random_inputs(4, (2, 3, 2, 3, 4))
    for changes in COMBINATIONS:
        scores = branch_of(**changes).scores(regions[:0], frame_mask[:0], words, word_mask)
        assert scores.shape == (0, 3)


@pytest.mark.parametrize("changes", [{}, {"cross_attention": "dot_scaled"}])
def test_half_precision_stays_near(changes):
    branch, inputs = branch_of(dim=32, **changes).float(), random_inputs(6, (4, 4, 2, 9, 6))
    inputs = tuple(x.detach().float() if x.is_floating_point() else x for x in inputs)
    want = branch.scores(*inputs)
    with torch.autocast("cpu", torch.bfloat16):
        got = branch.scores(*inputs)
    got.float().sum().backward()
    assert float((got - want).detach().abs().max()) < 0.05  # cosines
    assert all(torch.isfinite(p.grad).all() for p in branch.parameters() if p.grad is not None)


own_noise_of_the_compiler = pytest.mark.filterwarnings("ignore")


def compiled_scores(monkeypatch, **options):
    """Scores and gradients of compiled code, and those of the same code as it stands."""
    branch, inputs = branch_of(self_attention_scope="clip"), random_inputs(8, (2, 3, 2, 4, 5))
    want = scores_and_gradients(branch, inputs, "cheap")
    compiled = torch.compile(cheap_form._scored, fullgraph=True, **options)
    monkeypatch.setattr(cheap_form, "_compiled", lambda: compiled)
    branch.settings = replace(branch.settings, compile=True)
    return scores_and_gradients(branch, inputs, "cheap"), want


@own_noise_of_the_compiler
def test_the_part_that_costs_is_one_graph(monkeypatch):
    """Nothing in it makes the compiler stop; what it makes of the graph is the next test's."""
    (got_scores, got), (want_scores, want) = compiled_scores(monkeypatch, backend="eager")
    assert_close(got_scores, want_scores, "scores")
    for ours, theirs in zip(got, want, strict=True):
        assert_close(ours, theirs, "gradient")


@pytest.mark.skipif(
    not os.environ.get("COMPILE"),
    reason="compiling takes 12 CPU seconds and a C++ compiler; set COMPILE=1 to run this",
)
@own_noise_of_the_compiler
def test_compiled_code_computes_the_same(monkeypatch):
    (got_scores, got), (want_scores, want) = compiled_scores(monkeypatch)
    assert_close(got_scores, want_scores, "scores")
    for ours, theirs in zip(got, want, strict=True):
        assert_close(ours, theirs, "gradient")
