"""Heat maps of an action over the frames of a video, and the point and box read from one.

Legend: F frames (seconds), J actions, N cells, P patches of a cell, C what the backbone reads,
G rows and columns of the fine grid (patches in the frame's order).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import scipy.ndimage
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from dataset_builder.geometry import Box, Point
from stg_model.network.global_branch import cosines
from stg_model.network.model import GroundingModel
from stg_model.network.rollout import residual_rollout, rollout
from stg_model.network.tokens import FrameTokens, TextTokens
from stg_model.settings import InferenceSettings, Settings

HeatSource = Literal["rollout", "global_patches", "global_shares", "product"]

MAP_SIDE = 112
"""Heat maps are enlarged to this many rows and columns before points and boxes are read."""

DEFAULT_MASK_THRESHOLD = 0.5
"""Alpha where no validation set gave one (R26)."""

DEFAULT_BOX_SIDE = 0.35
"""Width and height of a box round a point where no validation set gave them; a share of the
frame's."""

ROUNDING = 1e-6
"""Heat within 0..1 that differs by less is equal."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one frame's heat is."""

    point: Point
    box: Box


def heatmaps(
    model: GroundingModel, tokens: FrameTokens, heard: TextTokens, settings: InferenceSettings
) -> Tensor:
    """Return the heat of each action in each frame on the fine grid, `(J, F, G, G)`.

    The scale is free: only places of one frame are compared. `product` multiplies the two maps
    after each frame's range is stretched to 0..1.
    """
    if settings.heatmap_from == "rollout":
        return _rollout_maps(model, tokens, heard, settings)
    if settings.heatmap_from == "global_patches":
        return _patch_maps(model, tokens, heard)
    if settings.heatmap_from == "global_shares":
        return _share_maps(model, tokens, heard, settings)
    by_rollout = stretched(_rollout_maps(model, tokens, heard, settings))
    return by_rollout * stretched(_patch_maps(model, tokens, heard))


def heat_source(settings: Settings) -> HeatSource:
    """Return what heat maps come from: `global_shares` are defined for the tiny backbone alone.

    Its frame is the maximum over its patches, and its projection linear; elsewhere the paper's
    `rollout` takes their place.
    """
    source = settings.inference.heatmap_from
    is_linear_maximum = (settings.features.backbone, settings.network.projection) == (
        "tiny",
        "linear",
    )
    return source if is_linear_maximum or source != "global_shares" else "rollout"


def stretched(maps_XGG: Tensor) -> Tensor:
    """Stretch each map to 0..1; a flat map becomes zeros."""
    low, high = maps_XGG.amin((-2, -1), keepdim=True), maps_XGG.amax((-2, -1), keepdim=True)
    return (maps_XGG - low) / (high - low).clamp(min=1e-12)


def enlarged(maps_XGG: Tensor) -> np.ndarray:
    """Enlarge maps `(X, G, G)` to `MAP_SIDE`, bilinear, each stretched to 0..1."""
    larger = F.interpolate(maps_XGG[:, None], (MAP_SIDE, MAP_SIDE), mode="bilinear")[:, 0]
    return stretched(larger).numpy()


def place_of(map_GG: np.ndarray, map_HW: np.ndarray, settings: InferenceSettings) -> Place:
    """Read the point and the box from one stretched map.

    The peak is the middle of the hottest cells that hang together: the roll-out's cells are several
    of the fine grid's. It is read before enlarging, which makes a plateau of each cell at the
    frame's edge. The mask is what hangs together with the peak (the first in reading order among
    equals) and is at least as hot as `mask_threshold`; its middle is the mean of its places. A box
    round a point that would reach outside the frame is moved inside it: actions are seldom cut by
    the frame's edge, and on validation videos moving scored better than cutting.

    Args:
        map_GG: heat, 0..1.
        map_HW: the same enlarged.
        settings: `point_from` and `box_from`, and the values that these need.
    """
    point = _middle(_hanging_together(map_GG, 1 - ROUNDING))
    if (settings.point_from, settings.box_from) == ("peak", "point"):
        return Place(point, _box_round(point, settings))
    alpha = settings.mask_threshold
    alpha = DEFAULT_MASK_THRESHOLD if alpha is None else alpha
    mask_HW = _hanging_together(map_HW, alpha)
    if settings.point_from == "mask_centroid":
        point = _middle(mask_HW)
    if settings.box_from == "point":
        return Place(point, _box_round(point, settings))
    rows, columns = np.nonzero(mask_HW)
    height, width = map_HW.shape
    box = Box(
        columns.min() / width,
        rows.min() / height,
        (columns.max() + 1) / width,
        (rows.max() + 1) / height,
    )
    return Place(point, box)


def _hanging_together(map_HW: np.ndarray, least: float) -> np.ndarray:
    """Say which places at least so hot, or as hot as any, hang together with the first hottest."""
    parts_HW, _ = scipy.ndimage.label(map_HW >= min(least, map_HW.max()))
    first = np.unravel_index(map_HW.argmax(), map_HW.shape)
    return np.asarray(parts_HW == parts_HW[first])


def _middle(places_HW: np.ndarray) -> Point:
    rows, columns = np.nonzero(places_HW)
    height, width = places_HW.shape
    return Point((columns.mean() + 0.5) / width, (rows.mean() + 0.5) / height)


def _box_round(point: Point, settings: InferenceSettings) -> Box:
    """Return the box of a fixed size that has a point in its middle, or nearest to it."""
    sides = settings.box_width, settings.box_height
    width, height = (DEFAULT_BOX_SIDE if side is None else side for side in sides)
    x1 = min(max(point.x - width / 2, 0.0), 1 - width)
    y1 = min(max(point.y - height / 2, 0.0), 1 - height)
    return Box(x1, y1, min(x1 + width, 1.0), min(y1 + height, 1.0))


def fine_grid(patches_FNP: Tensor) -> Tensor:
    """Lay values of patches `(..., N, P)` out as the frame shows them, `(..., G, G)`."""
    n_cells, n_patches = patches_FNP.shape[-2:]
    rows, across = math.isqrt(n_cells), math.isqrt(n_patches)
    leading = patches_FNP.shape[:-2]
    split = patches_FNP.reshape(*leading, rows, rows, across, across)
    return split.transpose(-3, -2).reshape(*leading, rows * across, rows * across)


def _patch_maps(model: GroundingModel, tokens: FrameTokens, heard: TextTokens) -> Tensor:
    """Cosine of each patch with each action's text in the global space."""
    texts_JD = model.global_branch.words(heard.sentences_JC)
    patches_FNPC = model.global_branch.frames(tokens.patches_FNPC)
    similarity_FNPJ = cosines(patches_FNPC, texts_JD)
    return fine_grid(similarity_FNPJ.permute(3, 0, 1, 2))


def _share_maps(
    model: GroundingModel, tokens: FrameTokens, heard: TextTokens, settings: InferenceSettings
) -> Tensor:
    """Split each frame's global score among its patches.

    A frame's vector is the maximum over its patches in each dimension, and its score is linear in
    that vector; so the score is a sum over dimensions of (weight x maximum), and each term belongs
    to the patch that set the maximum. Credit goes softly to the patches near the maximum, by a
    softmax in units of the frame's own spread, for what they have above its average patch.
    """
    texts_JD = F.normalize(model.global_branch.words(heard.sentences_JC), dim=-1)
    weights_JC = texts_JD @ cast(nn.Linear, model.global_branch.frame_projection).weight
    patches_FRC = tokens.patches_FNPC.flatten(1, 2)
    spread_F11 = patches_FRC.std((1, 2), keepdim=True).clamp(min=1e-6)
    credit_FRC = torch.softmax(patches_FRC / spread_F11, dim=1)
    credit_FRC = credit_FRC * (patches_FRC - patches_FRC.mean(1, keepdim=True))
    share_JFR = torch.einsum("frc,jc->jfr", credit_FRC, weights_JC)
    n_cells = tokens.cells_FNC.shape[1]
    maps = fine_grid(share_JFR.reshape(*share_JFR.shape[:2], n_cells, -1)).numpy()
    blur = settings.share_blur
    return torch.from_numpy(scipy.ndimage.gaussian_filter(maps, (0, 0, blur, blur), mode="nearest"))


def _rollout_maps(
    model: GroundingModel, tokens: FrameTokens, heard: TextTokens, settings: InferenceSettings
) -> Tensor:
    """Attention roll-out in consecutive windows; the last one's missing frames are masked."""
    cells_FNC = tokens.cells_FNC
    n_frames, n_cells, _ = cells_FNC.shape
    window = min(settings.window_s, n_frames)
    n_windows = math.ceil(n_frames / window)
    n_missing = n_windows * window - n_frames
    cells_ITNC = F.pad(cells_FNC, (0, 0, 0, 0, 0, n_missing)).reshape(
        n_windows, window, n_cells, -1
    )
    mask_IT = (torch.arange(n_windows * window) < n_frames).reshape(n_windows, window)
    out = model.local_branch(cells_ITNC, mask_IT, heard.words_JKC, heard.mask_JK)
    region_mask_IR = mask_IT.repeat_interleave(n_cells, dim=1)
    attentions = out.second_IJRK, out.self_IJKK, out.first_IJKR, region_mask_IR[:, None]
    if settings.rollout == "residual":
        network = model.network
        two_crossings = network.attention_order.count("cross") == 2
        second_residual = network.second_cross_residual and two_crossings
        heat_IJR = residual_rollout(*attentions, heard.mask_JK, second_residual=second_residual)
    else:
        heat_IJR = rollout(*attentions)
    heat_JFN = heat_IJR.transpose(0, 1).reshape(len(heard.mask_JK), -1, n_cells)[:, :n_frames]
    n_patches = tokens.patches_FNPC.shape[-2]
    return fine_grid(heat_JFN[..., None].expand(*heat_JFN.shape, n_patches))
