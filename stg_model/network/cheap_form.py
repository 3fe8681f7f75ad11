"""The local scores without the `(R, D)` tensors of any pair: equal to the plain form, far cheaper.

The first cross attention drops what a region was, so behind it every region is a mixture of words:
R rows of length D that lie in the span of K words. So a pair's rows are never built; they are kept
as weights over a *basis* of the text: its words S and, behind a self attention, what its value and
output maps make of them. Why nothing is lost:

- weights of a softmax sum to 1, so a bias added to every word is added to every mixture of words;
- regions A S with weights A have the logits (A S Wq^T) (A S Wk^T)^T = A (S Wq^T Wk S^T) A^T: the
  self attention of regions works on rows of length K and one K x K table of the text;
- what is the same for all keys cancels in a softmax. So a key's bias has gradient 0, which the
  plain form gives but for rounding;
- a mean over regions is a mixture too, so only pooled rows meet the basis.

A region's norm, which cosines ask for, is the root of c (W W^T) c^T for its weights c over the
basis W. Where a self attention begins the stack, it is done once for each side, not for each pair.

All settings of the local branch are covered. What would break it: a normalisation, a feed-forward
part or dropout between the first cross attention and the pooling, or a residual round that cross
attention.

Legend: I videos, J texts, R regions of a clip, K words, C rows of a basis (K, or 2 K behind a self
attention), D embedding.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from stg_model.network.attention import SelfAttention, attend_regions
from stg_model.network.pairs import LocalOutput, Pairs, shares
from stg_model.settings import NetworkSettings

SMALLEST_NORM = 1e-12
"""Smaller norms count as this one, as in torch's `normalize`."""


class _Videos(NamedTuple):
    """The side of the regions."""

    rows_IRD: Tensor
    keys_IRD: Tensor
    """Rows as the first cross attention compares them."""
    mask_IR: Tensor | None
    """None where nothing is padded."""
    shares_IR: Tensor
    """Weights of the mean over regions."""

    def some(self, group: slice) -> _Videos:
        mask_IR = None if self.mask_IR is None else self.mask_IR[group]
        return _Videos(self.rows_IRD[group], self.keys_IRD[group], mask_IR, self.shares_IR[group])


class _SelfAttentions(NamedTuple):
    """Both self attentions with their maps multiplied out.

    Regions need one table a text. Words x look with `x @ query + query_bias` at words, and of a
    mixture y of words comes `y @ value + value_bias`.
    """

    table_JKK: Tensor
    query_DD: Tensor
    query_bias_D: Tensor
    value_DD: Tensor
    value_bias_D: Tensor


class _Texts(NamedTuple):
    """The side of the words."""

    rows_JKD: Tensor
    keys_JKD: Tensor
    """Rows as the first cross attention compares them, with its scale."""
    bias_JK: Tensor
    """0 for a word, minus infinity for padding."""
    shares_JK: Tensor
    """Weights of the mean over words."""
    basis_JCD: Tensor
    gram_JCC: Tensor | None
    """Products of the basis' rows with each other; only cosines need them."""
    attend: _SelfAttentions | None


def cheap_form(
    pairs: Pairs,
    region_attention: SelfAttention,
    word_attention: SelfAttention,
    settings: NetworkSettings,
) -> LocalOutput:
    """Score every video against every text; returns what `plain_form` returns."""
    videos, texts = _prepared(pairs, region_attention, word_attention, settings)
    parts = [
        _scored(videos.some(group), texts, settings, pairs.n_regions)
        for group in _groups(pairs, settings)
    ]  # not compiled: sizes differ from video to video at inference
    scores_IJ, first_IJKR, own_IJKK, second_IJRK = map(torch.cat, zip(*parts, strict=True))
    n_cut = pairs.word_mask_JK.shape[1] - texts.bias_JK.shape[1]
    return LocalOutput(
        scores_IJ,
        F.pad(first_IJKR, (0, 0, 0, n_cut)),
        F.pad(own_IJKK, (0, n_cut, 0, n_cut)),
        F.pad(second_IJRK, (0, n_cut)),
    )


def cheap_scores(
    pairs: Pairs,
    region_attention: SelfAttention,
    word_attention: SelfAttention,
    settings: NetworkSettings,
) -> Tensor:
    """Score every video against every text, `(I, J)`, within the memory of the settings.

    Where the estimate is above `local_memory_mb`, groups of videos are scored one after the other,
    and once more in the backward pass instead of being kept.
    """
    videos, texts = _prepared(pairs, region_attention, word_attention, settings)
    groups = _groups(pairs, settings)
    scored = _compiled() if settings.compile else _scored

    def scores_of(group: slice) -> Tensor:
        return scored(videos.some(group), texts, settings, pairs.n_regions)[0]

    if len(groups) == 1:
        return scores_of(groups[0])

    return torch.cat(
        [
            checkpoint(scores_of, group, use_reentrant=False, preserve_rng_state=False)
            for group in groups
        ]
    )


def pair_bytes(n_regions: int, n_words: int, dim: int, item_bytes: int) -> int:
    """Estimate the memory of one pair's forward and backward pass, bytes.

    Args:
        n_regions: R, of the clip.
        n_words: K.
        dim: D.
        item_bytes: of one number.
    """
    return item_bytes * n_words * (12 * n_regions + 6 * dim)


def _groups(pairs: Pairs, settings: NetworkSettings) -> list[slice]:
    """Cut the videos into as few groups as stay within the memory of the settings."""
    n_videos, n_regions, dim = pairs.regions_IRD.shape
    n_texts, n_words = pairs.word_mask_JK.shape
    item_bytes = max(4, pairs.regions_IRD.element_size())  # softmaxes never go below float32
    of_video = n_texts * pair_bytes(n_regions, n_words, dim, item_bytes)
    most = max(1, int(settings.local_memory_mb * 1e6 / of_video))
    size = math.ceil(n_videos / math.ceil(n_videos / most)) if n_videos else 1
    return [slice(first, first + size) for first in range(0, n_videos or 1, size)]


def _prepared(
    pairs: Pairs,
    region_attention: SelfAttention,
    word_attention: SelfAttention,
    settings: NetworkSettings,
) -> tuple[_Videos, _Texts]:
    """Do what is done once for each video and text, and once for all."""
    words_JKD, word_mask_JK = _cut(pairs.words_JKD, pairs.word_mask_JK)
    regions_IRD, region_mask_IR = pairs.regions_IRD, pairs.region_mask_IR
    if settings.attention_order == "self_cross":
        regions_IRD = attend_regions(
            region_attention, regions_IRD, region_mask_IR, pairs.n_regions,
            settings.self_attention_scope,
        )  # fmt: skip
        words_JKD = word_attention(words_JKD, word_mask_JK)[0]
    region_keys_IRD = regions_IRD
    if settings.cross_attention == "cosine":
        region_keys_IRD = F.normalize(regions_IRD, dim=-1)
    # Where all is padding a softmax of nothing would be NaN; the shares below are 0 there.
    region_mask_IR = region_mask_IR | ~region_mask_IR.any(-1, keepdim=True)
    videos = _Videos(
        regions_IRD,
        region_keys_IRD,
        None if bool(region_mask_IR.all()) else region_mask_IR,
        shares(pairs.region_mask_IR, regions_IRD.dtype),
    )
    basis_JCD, attend = words_JKD, None
    if settings.attention_order in ("cross_self_cross", "cross_self"):
        attend = _multiplied_out(words_JKD, region_attention, word_attention)
        basis_JCD = torch.cat([words_JKD, region_attention.given(words_JKD)], dim=1)
    texts = _Texts(
        words_JKD,
        _keys(words_JKD, settings),
        _bias(word_mask_JK | ~word_mask_JK.any(-1, keepdim=True), words_JKD),
        shares(word_mask_JK, words_JKD.dtype),
        basis_JCD,
        basis_JCD @ basis_JCD.mT if settings.cross_attention == "cosine" else None,
        attend,
    )
    return videos, texts


def _multiplied_out(
    words_JKD: Tensor, region_attention: SelfAttention, word_attention: SelfAttention
) -> _SelfAttentions:
    scale = 1 / math.sqrt(words_JKD.shape[-1])
    query_DD, key_DD, _ = region_attention.query_key_value.weight.chunk(3)
    query_D, _, _ = region_attention.query_key_value.bias.chunk(3)
    queries_JKD = F.linear(words_JKD, query_DD, query_D)
    table_JKK = (queries_JKD @ key_DD) @ words_JKD.mT * scale

    query_DD, key_DD, value_DD = word_attention.query_key_value.weight.chunk(3)
    query_D, _, value_D = word_attention.query_key_value.bias.chunk(3)
    out = word_attention.out
    return _SelfAttentions(
        table_JKK,
        query_DD.mT @ key_DD * scale,
        query_D @ key_DD * scale,
        (out.weight @ value_DD).mT,
        F.linear(value_D, out.weight, out.bias),
    )


@functools.cache
def _compiled() -> Callable[..., tuple[Tensor, Tensor, Tensor, Tensor]]:
    return torch.compile(_scored)


def _scored(
    videos: _Videos, texts: _Texts, settings: NetworkSettings, n_regions: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Score some videos against all texts; returns the fields of `LocalOutput`.

    This is what costs: nothing in it is larger than `(I, J, K, R)` or `(I, J, K, D)`.
    """
    n_videos, n_rows, dim = videos.rows_IRD.shape
    shape_IJK = (n_videos, *texts.bias_JK.shape)
    logits_IJKR = (texts.keys_JKD.flatten(0, 1) @ videos.keys_IRD.mT).view(*shape_IJK, n_rows)
    over_words_IJRK, over_regions_IJKR = _softmaxes(logits_IJKR, videos, texts)
    own_IJKK = torch.eye(shape_IJK[-1], dtype=logits_IJKR.dtype, device=logits_IJKR.device)
    second_IJRK = texts.shares_JK[None, :, None].expand_as(over_words_IJRK)
    if settings.attention_order == "self_cross":
        pooled = _pool_only_cross(over_words_IJRK, over_regions_IJKR, videos, texts, settings)
    else:
        # Behind the first cross attention: regions as weights over the basis, words as they are.
        weights = [over_words_IJRK.contiguous()]
        words_IJKD = (over_regions_IJKR.flatten(1, 2) @ videos.rows_IRD).view(*shape_IJK, dim)
        if texts.attend is not None:
            weights.append(_attend_regions(weights[0], videos, texts.attend, n_regions, settings))
            words_IJKD, own_IJKK = _attend_words(words_IJKD, texts.bias_JK, texts.attend)
        if settings.attention_order == "cross_self":
            mean_IJ1D = _mixed(videos.shares_IR[:, None, None], weights, texts)
            text_IJ1D = texts.shares_JK[None, :, None] @ words_IJKD
            pooled = mean_IJ1D[:, :, 0], text_IJ1D[:, :, 0]
        else:
            pooled, second_IJRK = _pool_second_cross(weights, words_IJKD, videos, texts, settings)
    video_IJD, text_IJD = pooled
    if settings.normalise_scores:
        video_IJD, text_IJD = F.normalize(video_IJD, dim=-1), F.normalize(text_IJD, dim=-1)
    scores_IJ = (video_IJD * text_IJD).sum(-1)
    return scores_IJ, over_regions_IJKR, own_IJKK.expand(*shape_IJK, -1), second_IJRK


def _softmaxes(logits_IJKR: Tensor, videos: _Videos, texts: _Texts) -> tuple[Tensor, Tensor]:
    """Return the weights of regions over words (IJRK) and of words over regions (IJKR)."""
    over_words_IJKR = torch.softmax(logits_IJKR + texts.bias_JK[..., None], dim=-2)
    if videos.mask_IR is not None:
        logits_IJKR = logits_IJKR + _bias(videos.mask_IR, logits_IJKR)[:, None, None]
    return over_words_IJKR.mT, torch.softmax(logits_IJKR, dim=-1)


def _attend_regions(
    weights_IJRK: Tensor,
    videos: _Videos,
    attend: _SelfAttentions,
    n_regions: int,
    settings: NetworkSettings,
) -> Tensor:
    """Self attention of the regions, as weights over the second half of the basis (IJRK)."""
    queries_IJRK = weights_IJRK @ attend.table_JKK
    if settings.self_attention_scope == "frame":
        n_videos, n_texts, n_rows, n_words = weights_IJRK.shape
        frames_XTNK = (n_videos * n_texts, n_rows // n_regions, n_regions, n_words)
        keys_XTNK = weights_IJRK.reshape(frames_XTNK)
        mixed_XTNK = F.scaled_dot_product_attention(
            queries_IJRK.reshape(frames_XTNK), keys_XTNK, keys_XTNK, scale=1.0
        )
        return mixed_XTNK.reshape(weights_IJRK.shape)
    mask = None if videos.mask_IR is None else videos.mask_IR[:, None, None]
    return F.scaled_dot_product_attention(
        queries_IJRK, weights_IJRK, weights_IJRK, attn_mask=mask, scale=1.0
    )


def _attend_words(
    words_IJKD: Tensor, bias_JK: Tensor, attend: _SelfAttentions
) -> tuple[Tensor, Tensor]:
    """Self attention of the words' contexts with its residual, and its weights."""
    queries_IJKD = words_IJKD @ attend.query_DD + attend.query_bias_D
    own_IJKK = torch.softmax(queries_IJKD @ words_IJKD.mT + bias_JK[:, None], dim=-1)
    given_IJKD = (own_IJKK @ words_IJKD) @ attend.value_DD + attend.value_bias_D
    return words_IJKD + given_IJKD, own_IJKK


def _pool_second_cross(
    weights: list[Tensor],
    words_IJKD: Tensor,
    videos: _Videos,
    texts: _Texts,
    settings: NetworkSettings,
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Pool both sides behind a second cross attention; its weights over words come second."""
    on_basis_IJCK = torch.einsum("jcd,ijkd->ijck", texts.basis_JCD, _keys(words_IJKD, settings))
    first_IJKK, *rest = on_basis_IJCK.chunk(len(weights), dim=2)
    logits_IJKR = first_IJKK.mT @ weights[0].mT
    for part_IJKK, weights_IJRK in zip(rest, weights[1:], strict=True):
        logits_IJKR = logits_IJKR + part_IJKK.mT @ weights_IJRK.mT
    if texts.gram_JCC is not None:
        all_IJRC = torch.cat(weights, dim=-1)
        squares_IJR = ((all_IJRC @ texts.gram_JCC) * all_IJRC).sum(-1)
        logits_IJKR = logits_IJKR * squares_IJR.clamp(min=SMALLEST_NORM**2).rsqrt()[:, :, None]
    over_words_IJRK, over_regions_IJKR = _softmaxes(logits_IJKR, videos, texts)

    shares_I11R, shares_1J1K = videos.shares_IR[:, None, None], texts.shares_JK[None, :, None]
    video_IJ1D = (shares_I11R @ over_words_IJRK) @ words_IJKD
    text_IJ1D = _mixed(shares_1J1K @ over_regions_IJKR, weights, texts)
    if settings.second_cross_residual:
        video_IJ1D = video_IJ1D + _mixed(shares_I11R, weights, texts)
        text_IJ1D = text_IJ1D + shares_1J1K @ words_IJKD
    return (video_IJ1D[:, :, 0], text_IJ1D[:, :, 0]), over_words_IJRK


def _pool_only_cross(
    over_words_IJRK: Tensor,
    over_regions_IJKR: Tensor,
    videos: _Videos,
    texts: _Texts,
    settings: NetworkSettings,
) -> tuple[Tensor, Tensor]:
    """Pool both sides behind a cross attention that follows the self attentions."""
    of_words_IJK = (videos.shares_IR[:, None, None] @ over_words_IJRK)[:, :, 0]
    of_regions_IJR = (texts.shares_JK[None, :, None] @ over_regions_IJKR)[:, :, 0]
    video_IJD = torch.einsum("ijk,jkd->ijd", of_words_IJK, texts.rows_JKD)
    text_IJD = of_regions_IJR @ videos.rows_IRD
    if settings.second_cross_residual:
        video_IJD = video_IJD + videos.shares_IR[:, None] @ videos.rows_IRD
        text_IJD = text_IJD + (texts.shares_JK[:, None] @ texts.rows_JKD)[:, 0]
    return video_IJD, text_IJD


def _mixed(of_regions_IJ1R: Tensor, weights: list[Tensor], texts: _Texts) -> Tensor:
    """Mix regions that are weights over the basis: `(I, J, 1, R)` to `(I, J, 1, D)`."""
    of_basis_IJ1C = torch.cat([of_regions_IJ1R @ weight for weight in weights], dim=-1)
    mixed_IJ1D: Tensor = torch.einsum("ijxc,jcd->ijxd", of_basis_IJ1C, texts.basis_JCD)
    return mixed_IJ1D


def _keys(rows_XD: Tensor, settings: NetworkSettings) -> Tensor:
    """Rows as a cross attention compares them, with its scale."""
    if settings.cross_attention == "cosine":
        return F.normalize(rows_XD, dim=-1) / settings.cross_temperature
    if settings.cross_attention == "dot_scaled":
        return rows_XD / math.sqrt(rows_XD.shape[-1])
    return rows_XD


def _bias(mask_X: Tensor, like: Tensor) -> Tensor:
    """0 where the mask is True, minus infinity elsewhere."""
    return like.new_zeros(mask_X.shape).masked_fill(~mask_X, -torch.inf)


def _cut(words_JKD: Tensor, mask_JK: Tensor) -> tuple[Tensor, Tensor]:
    """Cut texts behind the last word of the longest, to the device's multiple of words."""
    used = mask_JK.any(0).nonzero()
    multiple = _words_multiple(words_JKD.device)
    n_words = math.ceil((int(used.max()) + 1 if len(used) else 1) / multiple) * multiple
    n_more = n_words - mask_JK.shape[1]  # negative: cut
    return F.pad(words_JKD, (0, 0, 0, n_more)), F.pad(mask_JK, (0, n_more))


def _words_multiple(device: torch.device) -> int:
    """On a GPU the fast kernels of attention ask for heads of a multiple of 8."""
    return 8 if device.type == "cuda" else 1
