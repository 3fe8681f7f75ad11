"""The small trainable backbone: each cell of a frame sees only itself.

A convolution over cells lets the background carry the foreground's label: narration then still
explains the clip, but no place in it. So nothing mixes between cells here.

Legend: F frames, N cells (row-major), P patches of a cell, C numbers of a patch, D token size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from stg_model.settings import NetworkSettings

COLOUR_SCALE = 4.0
"""Pixels are centred and brought near unit variance: (value / 255 - 0.5) * 4."""


@dataclass(frozen=True, slots=True)
class FrameTokens:
    """What a backbone says of some frames; leading dimensions as in its input."""

    patches_FNPD: Tensor
    cells_FND: Tensor
    frames_FD: Tensor


class TinyBackbone(nn.Module):
    """A two-layer perceptron on each patch, the maximum over patches, the maximum over cells."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.token_dim = settings.token_dim
        self.patch = nn.Sequential(
            nn.Linear(patch_size(settings), settings.hidden_dim),
            nn.ReLU(inplace=True),
            nn.Linear(settings.hidden_dim, settings.token_dim),
        )

    def forward(self, inputs_FNPC: Tensor) -> FrameTokens:
        """Return the tokens of patches `(..., N, P, C)`, as `patch_inputs` makes them."""
        patches_FNPD = self.patch(inputs_FNPC)
        cells_FND = patches_FNPD.amax(-2)
        return FrameTokens(patches_FNPD, cells_FND, cells_FND.amax(-2))


def patch_size(settings: NetworkSettings) -> int:
    """C: colour and motion of each pixel of a patch after averaging 2 x 2."""
    return (settings.patch_px // 2) ** 2 * 3 * 2


def patch_inputs(pixels: np.ndarray, settings: NetworkSettings) -> Tensor:
    """Turn the two pictures of each second into what the backbone reads.

    Args:
        pixels: `(F, 2, height, width, 3)` uint8; height and width multiples of the cell.
        settings: sizes of cell and patch.

    Returns:
        `(F, N, P, C)` float32: of each patch the averaged colours, then how much they changed.

    Raises:
        ValueError: the pictures cannot be divided into cells.
    """
    n_frames, n_pictures, height, width, n_colours = pixels.shape
    if n_pictures != 2 or n_colours != 3 or height % settings.cell_px or width % settings.cell_px:
        raise ValueError(
            f"pixels {pixels.shape} should be (frames, 2, height, width, 3) with height and width "
            f"multiples of {settings.cell_px}"
        )
    values = torch.from_numpy(pixels).float().div_(255).sub_(0.5).mul_(COLOUR_SCALE)
    values = values.reshape(n_frames, 2, height // 2, 2, width // 2, 2, 3).mean((3, 5))
    both = torch.cat([values[:, 0], (values[:, 0] - values[:, 1]).abs()], dim=-1)
    side = settings.patch_px // 2
    across = settings.cell_px // settings.patch_px
    rows, columns = height // settings.cell_px, width // settings.cell_px
    split = both.reshape(n_frames, rows, across, side, columns, across, side, 6)
    return split.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(
        n_frames, rows * columns, across * across, side * side * 6
    )
