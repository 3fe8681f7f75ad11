import math
from dataclasses import replace

import pytest
import torch

from stg_model.config import load_settings
from stg_model.features.tiny import PADDING_WORD, TinyEncoder
from stg_model.features.words import Vocabulary
from stg_model.network.global_branch import GatedProjection
from stg_model.network.model import Clips
from stg_model.network.tokens import Texts
from stg_model.training.checkpoint import build_model

N_WORDS = 12


SMALL = ("token_dim", "hidden_dim", "word_dim", "dim")


def settings_of(*changes):
    small = [f"network.{name}=8" for name in SMALL]
    return load_settings(None, [*small, "selection.n_frames=3", *changes])


def model_of(*changes):
    torch.manual_seed(0)
    settings = settings_of(*changes)
    model = build_model(settings, TinyEncoder(settings, Vocabulary(tuple("abcdefghijkl"))))
    with torch.no_grad():  # words far enough apart that a choice is no coin toss
        model.textual.embedding.weight[1:] *= 10
    return model.double()


@pytest.fixture
def clips():
    generator = torch.Generator().manual_seed(1)
    words = torch.randint(1, N_WORDS + 1, (4, 5), generator=generator)
    words[1, 3:] = PADDING_WORD
    words[2, 1:] = PADDING_WORD
    frame_mask = torch.ones(4, 7, dtype=torch.bool)
    frame_mask[3, 5:] = False
    inputs = torch.randn(4, 7, 9, 4, 24, generator=generator, dtype=torch.float64)
    inputs = inputs * frame_mask[:, :, None, None, None]
    return Clips(inputs, frame_mask, texts_of(words), torch.arange(4))


def texts_of(words):
    return Texts(words, words != PADDING_WORD)


FORMS = [
    (),
    ("selection.method=none", "network.global_frames=all"),
    ("selection.readout=round_robin", "network.cross_attention=dot_scaled"),
    ("network.second_cross_residual=true", "network.normalise_scores=false"),
]


@pytest.mark.parametrize("changes", FORMS)
def test_padding_more_frames_and_words_changes_no_loss(clips, changes):
    model = model_of(*changes)
    want = model(clips, 3)
    n_more = 2
    noise = torch.full((4, n_more, 9, 4, 24), 30.0, dtype=torch.float64)
    padded = replace(
        clips,
        inputs_BU=torch.cat([clips.inputs_BU, noise], 1),
        frame_mask_BU=torch.nn.functional.pad(clips.frame_mask_BU, (0, n_more)),
        texts=texts_of(torch.nn.functional.pad(clips.texts.words, (0, 3), value=PADDING_WORD)),
    )
    if model.selection.method == "none":  # the middle of a longer window is another place
        padded = replace(
            padded,
            inputs_BU=torch.cat([noise[:, :1], clips.inputs_BU, noise[:, :1]], 1),
            frame_mask_BU=torch.nn.functional.pad(clips.frame_mask_BU, (1, 1)),
        )
    got = model(padded, 3)
    assert torch.allclose(got.local_loss, want.local_loss, atol=1e-10)
    assert torch.allclose(got.global_loss, want.global_loss, atol=1e-10)


@pytest.mark.parametrize("changes", FORMS)
def test_order_of_the_clips_does_not_matter(clips, changes):
    model = model_of(*changes)
    order = torch.tensor([2, 0, 3, 1])
    shuffled = Clips(
        clips.inputs_BU[order],
        clips.frame_mask_BU[order],
        texts_of(clips.texts.words[order]),
        clips.video_B[order],
    )
    want, got = model(clips, 4), model(shuffled, 4)
    assert torch.allclose(got.total, want.total, atol=1e-10)


def test_every_weight_receives_a_gradient_from_the_two_losses_together(clips):
    model = model_of()
    model(clips, 4).total.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name
    assert (model.textual.embedding.weight.grad[PADDING_WORD] == 0).all()


def test_each_loss_reaches_its_own_branch_and_both_reach_words_and_backbone(clips):
    for part, own, other in (
        ("local_loss", "local_branch", "global_branch"),
        ("global_loss", "global_branch", "local_branch"),
    ):
        model = model_of()
        getattr(model(clips, 4), part).backward()
        moved = {name for name, p in model.named_parameters() if p.grad is not None}
        assert any(name.startswith(own) for name in moved)
        assert not any(name.startswith(other) for name in moved)
        assert "textual.embedding.weight" in moved
        assert "visual.patch.0.weight" in moved


def test_training_and_evaluation_mode_compute_the_same(clips):
    model = model_of()
    training = model.train()(clips, 4).total
    assert torch.equal(training, model.eval()(clips, 4).total)


def test_warm_up_takes_the_middle_frames_whatever_the_method(clips):
    model = model_of("selection.method=sinkhorn")
    index, _ = model.choose(clips, model.textual(clips.texts), select=False)
    assert index.tolist() == [[2, 3, 4]] * 4
    chosen, _ = model.choose(clips, model.textual(clips.texts), select=True)
    assert not torch.equal(chosen, index)


def test_the_choice_of_frames_carries_no_gradient(clips):
    model = model_of()
    index, chosen_mask = model.choose(clips, model.textual(clips.texts), select=True)
    assert not index.requires_grad
    assert not chosen_mask.requires_grad


def test_only_the_first_clips_enter_the_local_loss(clips):
    model = model_of()
    changed = replace(clips, inputs_BU=clips.inputs_BU.clone())
    changed.inputs_BU[3] += 1
    assert torch.equal(model(clips, 3).local_loss, model(changed, 3).local_loss)
    assert not torch.equal(model(clips, 3).global_loss, model(changed, 3).global_loss)


def test_what_stands_in_padded_frames_is_no_part_of_the_clip(clips):
    model = model_of("selection.n_frames=6")  # the last clip has five
    noisy = replace(clips, inputs_BU=clips.inputs_BU.clone())
    noisy.inputs_BU[3, 5:] = 30
    want, got = model(clips, 4), model(noisy, 4)
    assert torch.equal(got.global_loss, want.global_loss)
    assert torch.equal(got.local_loss, want.local_loss)


def test_the_global_score_uses_the_selected_frames_or_the_whole_window(clips):
    changed = replace(clips, inputs_BU=clips.inputs_BU.clone())
    changed.inputs_BU[:, 0] += 1  # the first frame is far from the middle
    few, every = (
        model_of("selection.method=none", f"network.global_frames={frames}")
        for frames in ("selected", "all")
    )
    assert torch.equal(few(clips, 4).global_loss, few(changed, 4).global_loss)
    assert not torch.equal(every(clips, 4).global_loss, every(changed, 4).global_loss)


def test_the_padding_word_is_zero_and_stays_so():
    model = model_of()
    assert (model.textual.embedding.weight[PADDING_WORD] == 0).all()


def test_both_forms_of_the_local_scores_give_the_same_losses(clips):
    plain, cheap = (model_of(f"network.form={form}")(clips, 4) for form in ("plain", "cheap"))
    assert torch.allclose(plain.total, cheap.total, atol=1e-10)
    assert torch.equal(plain.choice.index_BT, cheap.choice.index_BT)


@pytest.mark.parametrize(("which", "other"), [("local", "global"), ("global", "local")])
def test_a_loss_that_is_left_out_is_0_and_trains_nothing(clips, which, other):
    model = model_of(f"loss.which={which}")
    losses = model(clips, 4)
    assert getattr(losses, f"{other}_loss") == 0
    assert torch.equal(losses.total, getattr(model_of()(clips, 4), f"{which}_loss"))
    losses.total.backward()
    moved = {name for name, p in model.named_parameters() if p.grad is not None}
    assert any(name.startswith(f"{which}_branch") for name in moved)
    assert not any(name.startswith(f"{other}_branch") for name in moved)


def test_a_gate_lets_each_dimension_through_as_far_as_the_projection_asks():
    gated = GatedProjection(3, 2)
    with torch.no_grad():
        gated.linear.weight.copy_(torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]]))
        gated.linear.bias.zero_()
        gated.gate.weight.copy_(torch.tensor([[0.0, 0.0], [1.0, 0.0]]))
        gated.gate.bias.zero_()
    got = gated(torch.tensor([3.0, 1.0, 9.0]))
    # y = (3, 2); gates sigmoid(0) and sigmoid(3)
    assert torch.allclose(got, torch.tensor([1.5, 2 / (1 + math.exp(-3))]))


def test_gated_projections_serve_frames_words_and_sentences(clips):
    model = model_of("network.projection=gated")
    model(clips, 4).total.backward()
    for projection in (model.global_branch.frame_projection, model.global_branch.word_projection):
        assert all(float(p.grad.abs().sum()) > 0 for p in projection.parameters())


def test_the_losses_say_how_the_choice_of_frames_ended(clips):
    found = model_of("selection.max_iterations=2", "selection.epsilon=0.02")(clips, 4)
    assert found.diagnostics() == {
        "sinkhorn_iterations": 2,
        "sinkhorn_frame_error": found.choice.transport.frame_error_B.max().item(),
        "sinkhorn_word_error": found.choice.transport.word_error_B.max().item(),
        "sinkhorn_converged": found.choice.transport.converged_B.double().mean().item(),
    }
    assert found.choice.index_BT.shape == found.choice.mask_BT.shape == (4, 3)
    assert model_of("selection.method=global")(clips, 4).diagnostics() == {}
    assert model_of()(clips, 4, select=False).diagnostics() == {}


def test_half_precision_reaches_the_products_and_the_losses_stay_near(clips):
    clips = replace(clips, inputs_BU=clips.inputs_BU.float())
    whole = model_of().float()(clips, 4)
    half = model_of("network.precision=bfloat16").float()(clips, 4)
    half.total.backward()
    assert half.total.dtype == torch.float32
    assert torch.equal(half.choice.index_BT, whole.choice.index_BT)  # chosen in full precision
    assert half.total != whole.total
    assert half.local_loss.item() == pytest.approx(whole.local_loss.item(), rel=0.02)
    assert half.global_loss.item() == pytest.approx(whole.global_loss.item(), rel=0.02)
