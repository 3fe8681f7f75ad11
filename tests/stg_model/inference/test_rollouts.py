"""The two roll-outs: worked by hand, and against the product of whole matrices."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dataset_builder.domain import Action
from stg_model.config import load_settings
from stg_model.features.store import read_features
from stg_model.inference.calibration import sources_of
from stg_model.inference.grounding import score_video
from stg_model.inference.heatmaps import heat_source
from stg_model.network.rollout import residual_rollout, rollout

FIRST = torch.eye(2)  # the first word looks at the first region, the second at the second
SELF = torch.tensor([[0.5, 0.5], [1.0, 0.0]])
SECOND = torch.tensor([[1.0, 0.0], [1.0, 0.0]])  # both regions look at the first word
BOTH = torch.tensor([True, True])


def test_the_released_form_worked_by_hand():
    # Regions ask the first word, which asks both alike, each its own region.
    assert rollout(SECOND, SELF, FIRST, BOTH).tolist() == [0.5, 0.5]


def test_a_residual_of_the_self_attention_keeps_half_with_the_word_itself():
    # (self + I) / 2 has the first row [.75, .25].
    heat = residual_rollout(SECOND, SELF, FIRST, BOTH, BOTH, second_residual=False)
    assert heat.tolist() == [0.75, 0.25]


def test_a_residual_of_the_second_crossing_asks_every_word():
    # The rows of (self + I) / 2 are [.75, .25] and [.5, .5]; their mean:
    heat = residual_rollout(SECOND, SELF, FIRST, BOTH, BOTH, second_residual=True)
    assert heat.tolist() == [0.625, 0.375]


@pytest.mark.parametrize("second_residual", [False, True])
def test_the_blocks_are_those_of_the_whole_product(second_residual):
    n_regions, n_words = 5, 3
    rng = torch.Generator().manual_seed(0)

    def attention(rows, columns):
        return torch.rand(rows, columns, generator=rng, dtype=torch.float64).softmax(-1)

    first, second, self_words = (
        attention(n_words, n_regions),
        attention(n_regions, n_words),
        attention(n_words, n_words),
    )
    size = n_regions + n_words
    eye = torch.eye(size, dtype=torch.float64)
    crossing_1, crossing_2, selves = (torch.zeros_like(eye) for _ in range(3))
    crossing_1[:n_regions, n_regions:] = attention(n_regions, n_words)
    crossing_1[n_regions:, :n_regions] = first
    crossing_2[:n_regions, n_regions:] = second
    crossing_2[n_regions:, :n_regions] = attention(n_words, n_regions)
    selves[:n_regions, :n_regions] = attention(n_regions, n_regions)
    selves[n_regions:, n_regions:] = self_words
    last = (crossing_2 + eye) / 2 if second_residual else crossing_2
    whole = last @ ((selves + eye) / 2) @ crossing_1
    asked = slice(n_regions, size) if second_residual else slice(n_regions)
    heat = whole[asked, :n_regions].mean(0)
    if not second_residual:
        assert (whole[n_regions:, :n_regions] == 0).all()
    real = [torch.ones(n, dtype=torch.bool) for n in (n_regions, n_words)]
    found = residual_rollout(second, self_words, first, *real, second_residual=second_residual)
    assert torch.allclose(found, heat / heat.sum(), atol=1e-12)


@pytest.mark.parametrize("second_residual", [False, True])
def test_padding_changes_nothing(second_residual):
    def padded(rows, columns, matrix):
        larger = torch.zeros(rows, columns)
        larger[: matrix.shape[0], : matrix.shape[1]] = matrix
        return larger

    mask = torch.tensor([True, True, False])
    parts = padded(3, 3, SECOND), padded(3, 3, SELF), padded(3, 3, FIRST)
    parts[0][2] = parts[1][2] = 7.0  # what stands in a padded row means nothing
    found = residual_rollout(*parts, mask, mask, second_residual=second_residual)
    plain = residual_rollout(SECOND, SELF, FIRST, BOTH, BOTH, second_residual=second_residual)
    assert torch.allclose(found[:2], plain)
    assert found[2] == 0
    assert rollout(*parts, mask).tolist() == [*rollout(SECOND, SELF, FIRST, BOTH).tolist(), 0]


@pytest.mark.parametrize("residual", ["true", "false"])
def test_the_setting_chooses_the_roll_out(checkpoint_of, film, tmp_path, residual):
    changes = ("inference.heatmap_from=rollout", f"network.second_cross_residual={residual}")
    checkpoint, other = (
        checkpoint_of(*changes),
        checkpoint_of(*changes, "inference.rollout=residual"),
    )
    with torch.no_grad():  # untrained words attend to each other almost alike
        for one in (checkpoint, other):
            one.model.local_branch.word_attention.query_key_value.weight.mul_(20)
    features = read_features(film(tmp_path / "v.mp4", 3), "v", checkpoint.encoder)
    pool = (Action("cut-carrot", "cut carrot"), Action("stir-soup", "stir soup"))
    released = score_video(checkpoint, features, pool).heat_JFGG
    found = score_video(other, features, pool).heat_JFGG
    assert found.shape == released.shape
    assert not torch.allclose(found, released, rtol=1e-3)


def test_shares_are_for_the_tiny_backbone_with_a_linear_projection():
    settings = load_settings(None, ("inference.heatmap_from=global_shares",))
    assert heat_source(settings) == "global_shares"
    for change in ("features.backbone=clip", "network.projection=gated"):
        other = load_settings(None, ("inference.heatmap_from=global_shares", change))
        assert heat_source(other) == "rollout"
        assert "global_shares" not in sources_of(other)
        patches = replace(other, inference=replace(other.inference, heatmap_from="global_patches"))
        assert heat_source(patches) == "global_patches"


def test_validation_compares_both_roll_outs_and_the_global_patches():
    found = sources_of(load_settings(None, ("inference.rollout=residual",)))
    assert found["rollout"].rollout == "released"
    assert found["rollout_residual"].rollout == "residual"
    assert found["global_patches"].heatmap_from == "global_patches"


def test_without_a_global_branch_the_second_alone_is_scored_by_the_local_one(
    checkpoint_of, film, tmp_path
):
    checkpoint = checkpoint_of("inference.similarity_from=local")
    features = read_features(film(tmp_path / "v.mp4", 3), "v", checkpoint.encoder)
    pool = (Action("cut-carrot", "cut carrot"), Action("stir-soup", "stir soup"))
    found = score_video(checkpoint, features, pool).similarity_FJ
    model, encoder = checkpoint.model, checkpoint.encoder
    with torch.no_grad():
        heard = model.textual(encoder.texts(["stir soup"]))
        tokens = model.visual(encoder.inputs(features.values))
        second = tokens.cells_FNC[1][None, None]
        alone = torch.ones(1, 1, dtype=torch.bool)
        (score,) = model.local_branch(second, alone, heard.words_JKC, heard.mask_JK).scores_IJ[0]
    assert found[1, 1] == pytest.approx(float(score), abs=1e-5)
    other = score_video(checkpoint_of(), features, pool).similarity_FJ
    assert not (abs(found - other) < 1e-3).all()
