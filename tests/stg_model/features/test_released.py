"""The published weights' layout, against the published formulas with torch's own attention."""

import math

import pytest
import torch
from torch import nn

from dataset_builder.errors import InputError
from stg_model.config import load_settings
from stg_model.features.encoder import StoredFrames, StoredTexts
from stg_model.features.released import RELEASED_SETTINGS, load_released
from stg_model.network.model import GroundingModel

DIM = 16
SMALL = (*RELEASED_SETTINGS, f"network.dim={DIM}")


def model_of(*changes, token_dim=12, word_dim=10):
    settings = load_settings(None, [*SMALL, *changes])
    return GroundingModel(
        StoredFrames(), StoredTexts(), settings, token_dim=token_dim, word_dim=word_dim
    )


class Attentions(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.vis_attn_mat = nn.MultiheadAttention(dim, 1, batch_first=True)
        self.text_attn_mat = nn.MultiheadAttention(dim, 1, batch_first=True)


class Published(nn.Module):
    """The published module's tensors by its names, and its local score of one pair."""

    def __init__(self, token_dim=12, word_dim=10, dim=DIM):
        super().__init__()
        self.vis_proj_mat = nn.Sequential(nn.Linear(token_dim, dim))
        self.lang_proj_mat = nn.Sequential(nn.Linear(word_dim, dim))
        self.vis_proj_mat_g = nn.Sequential(nn.Linear(token_dim, dim))
        self.lang_proj_mat_g = nn.Sequential(nn.Linear(word_dim, dim))
        self.sa_layer = Attentions(dim)
        for value in self.parameters():
            nn.init.normal_(value, std=0.3)

    def cross(self, asking, asked):
        return torch.softmax(asking @ asked.mT / math.sqrt(DIM), -1) @ asked

    def forward(self, regions, words):
        v, s = self.vis_proj_mat(regions), self.lang_proj_mat(words)
        v, s = self.cross(v, s), self.cross(s, v)
        visual, textual = self.sa_layer.vis_attn_mat, self.sa_layer.text_attn_mat
        v, s = v + visual(v, v, v)[0], s + textual(s, s, s)[0]
        v, s = v + self.cross(v, s), s + self.cross(s, v)
        return (v.mean(-2) * s.mean(-2)).sum(-1)


@pytest.fixture
def published():
    torch.manual_seed(0)
    return Published().eval()


def save(state, path):
    """Save tensors as the published training state does."""
    parameters = [nn.Parameter(value) for value in state.values()]
    optimiser = torch.optim.AdamW(parameters)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1.0)
    content = {
        "epoch": 7,
        "state_dict": {f"module.{name}": value for name, value in state.items()},
        "optimizer": optimiser.state_dict(),
        "scheduler": schedule.state_dict(),
    }
    torch.save(content, path)
    return path


def test_scores_are_those_of_the_published_formulas(published, tmp_path):
    state = published.state_dict()
    assert len(state) == 16
    model = model_of()
    load_released(save(state, tmp_path / "w.pth.tar"), model)
    regions, words = torch.randn(1, 2, 4, 12), torch.randn(1, 3, 10)
    with torch.no_grad():
        frames, heard = torch.ones(1, 2, dtype=torch.bool), torch.ones(1, 3, dtype=torch.bool)
        found = model.local_branch(regions, frames, words, heard).scores_IJ
        want = published(regions.flatten(1, 2), words)
        assert torch.allclose(found[0], want, rtol=1e-4)
        frames = model.global_branch.frames(regions[0, 0])
        assert torch.allclose(frames, published.vis_proj_mat_g(regions[0, 0]), atol=1e-5)
        assert torch.allclose(
            model.global_branch.words(words), published.lang_proj_mat_g(words), atol=1e-5
        )


def test_gated_projections_have_their_names(published, tmp_path):
    state = published.state_dict()
    for side, size in (("vis", 12), ("lang", 10)):
        for part in ("weight", "bias"):
            del state[f"{side}_proj_mat_g.0.{part}"]
        state[f"{side}_proj_mat_g.fc.weight"] = torch.randn(DIM, size)
        state[f"{side}_proj_mat_g.cg.fc.weight"] = torch.randn(DIM, DIM)
        for part in ("fc", "cg.fc"):
            state[f"{side}_proj_mat_g.{part}.bias"] = torch.randn(DIM)
    path = save(state, tmp_path / "w.pth.tar")
    model = model_of("network.projection=gated")
    load_released(path, model)
    gate = model.global_branch.word_projection.gate
    assert torch.equal(gate.weight, state["lang_proj_mat_g.cg.fc.weight"])
    with pytest.raises(InputError, match=r"lacks the tensor vis_proj_mat_g\.0\.weight \(16, 12\)"):
        load_released(path, model_of())


def old_names(state):
    """Return CoMMA's names: one self attention, no global projections."""
    old = {}
    for name, value in state.items():
        if name.startswith("sa_layer.vis_attn_mat."):
            old[name.removeprefix("sa_layer.")] = value
        elif not name.startswith("sa_layer.") and "_g." not in name:
            old[name.replace("vis_proj_mat", "key_mat").replace("lang_proj", "lang_key")] = value
    return old


def test_old_names_load_and_their_one_attention_serves_both_sides(published, tmp_path):
    state = published.state_dict()
    old = old_names(state)
    assert sorted(old)[:2] == ["key_mat.0.bias", "key_mat.0.weight"]
    assert "lang_key_mat.0.weight" in old
    assert "vis_attn_mat.in_proj_weight" in old
    path = save(old, tmp_path / "comma.pth.tar")
    model = model_of()
    kept = model.global_branch.frame_projection.weight.clone()
    load_released(path, model, without_global=True)
    loaded = model.state_dict()
    for side in ("region", "word"):
        ours = loaded[f"local_branch.{side}_attention.query_key_value.weight"]
        assert torch.equal(ours, state["sa_layer.vis_attn_mat.in_proj_weight"])
    assert torch.equal(loaded["local_branch.word_projection.bias"], state["lang_proj_mat.0.bias"])
    assert torch.equal(loaded["global_branch.frame_projection.weight"], kept)
    with pytest.raises(InputError, match=r"lacks the tensor vis_proj_mat_g\.0\.weight"):
        load_released(path, model_of())


def test_a_file_with_half_of_the_global_projections_is_refused(published, tmp_path):
    state = published.state_dict()
    del state["lang_proj_mat_g.0.weight"]
    path = save(state, tmp_path / "w.pth.tar")
    with pytest.raises(InputError, match=r"lacks the tensor lang_proj_mat_g\.0\.weight"):
        load_released(path, model_of(), without_global=True)


def test_names_are_replaced_at_their_beginning_alone(published, tmp_path):
    """The released evaluation made sa_layer.sa_layer.attn_mat of such a name and dropped it."""
    state = published.state_dict()
    value = state.pop("sa_layer.vis_attn_mat.out_proj.bias")
    state["sa_layer.key_mat.vis_attn_mat.out_proj.bias"] = value
    with pytest.raises(
        InputError, match=r"lacks the tensor sa_layer\.vis_attn_mat\.out_proj\.bias"
    ):
        load_released(save(state, tmp_path / "w.pth.tar"), model_of())


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda s: s.update({"extra.weight": torch.ones(2)}), r"holds the tensor extra\.weight"),
        (lambda s: s.pop("vis_proj_mat.0.bias"), r"lacks the tensor vis_proj_mat\.0\.bias \(16,\)"),
        (
            lambda s: s.update({"lang_proj_mat.0.weight": torch.ones(DIM, 20)}),
            r"lang_proj_mat\.0\.weight has the shape \(16, 20\), not \(16, 10\)",
        ),
        (
            lambda s: s.update({"key_mat.0.weight": torch.ones(DIM, 12)}),
            r"holds key_mat\.0\.weight twice, by an old and a new name",
        ),
        (
            lambda s: s.update({"text_fc1.bias": torch.ones(2)}),
            r"holds text_fc1\.bias: is it of the S3D variant\? set features\.backbone=s3d",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_named_and_changes_nothing(published, tmp_path, change, what):
    state = published.state_dict()
    change(state)
    model = model_of()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(InputError, match=rf"w\.pth\.tar: {what}.*; expected the paper's published"):
        load_released(save(state, tmp_path / "w.pth.tar"), model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_words_in_the_file_must_be_those_of_s3d(published, tmp_path):
    state = published.state_dict()
    words = {"word_embd.weight": torch.randn(7, 6), "fc1.bias": torch.randn(10)}
    state |= {
        "text_word_embd.weight": words["word_embd.weight"],
        "text_fc1.bias": words["fc1.bias"],
    }
    path = save(state, tmp_path / "w.pth.tar")
    load_released(path, model_of(), words)
    words["fc1.bias"] = words["fc1.bias"] + 0.1
    with pytest.raises(InputError, match=r"text_fc1\.bias is not what S3D's own file holds"):
        load_released(path, model_of(), words)


def test_a_model_with_a_trained_backbone_takes_no_published_weights(published, tmp_path):
    model = nn.Sequential(model_of())
    with pytest.raises(InputError, match=r"has nothing like 0\.local_branch"):
        load_released(save(published.state_dict(), tmp_path / "w.pth.tar"), model)
