"""What a frozen backbone sees of a frame: the square of pixels, and the scale of its values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from dataset_builder.errors import InputError
from dataset_builder.frames import probe_video
from stg_model.features.streaming import BLOCK_FRAMES, frames_in_blocks

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_SD = (0.26862954, 0.26130258, 0.27577711)
"""Of red, green and blue in 0..1, as CLIP was trained (OpenAI's published preprocessing)."""

Crop = Literal["squeeze", "square", "native"]


def squares_in_blocks(
    path: Path, times_s: np.ndarray, side_px: int, crop: Crop, n_block: int = BLOCK_FRAMES
) -> Iterator[np.ndarray]:
    """Yield frames as squares `(frames, side, side, 3)` uint8, a block at a time.

    `squeeze` scales the whole frame; `square` scales its middle square; `native` cuts the square
    out of the middle of the frame as it is (scaled up where the frame is smaller).

    Raises:
        VideoError: the video cannot be decoded.
    """
    width, height = side_px, side_px
    if crop != "squeeze":
        probe = probe_video(path)
        scale = side_px / min(probe.width, probe.height)
        scale = max(1.0, scale) if crop == "native" else scale
        width, height = (max(side_px, round(x * scale)) for x in (probe.width, probe.height))
    # A block of whole frames takes no more memory than one of squares.
    n_read = max(1, n_block * side_px**2 // (width * height))
    top, left = (height - side_px) // 2, (width - side_px) // 2
    for block in frames_in_blocks(path, times_s, (width, height), n_read):
        yield block[:, top : top + side_px, left : left + side_px]


def clip_values(squares: np.ndarray, *, legacy: bool) -> Tensor:
    """Return pixels `(F, side, side, 3)` uint8 as CLIP reads them, `(F, 3, side, side)` float32.

    With `legacy` they are only divided by 255, as the released code of the paper does.
    """
    values = unit_values(squares)
    if legacy:
        return values
    mean, sd = (torch.tensor(value)[:, None, None] for value in (CLIP_MEAN, CLIP_SD))
    return (values - mean) / sd


def unit_values(squares: np.ndarray) -> Tensor:
    """Return pixels `(F, side, side, 3)` uint8 as `(F, 3, side, side)` float32 in 0..1."""
    pixels = torch.from_numpy(np.ascontiguousarray(squares))
    return pixels.permute(0, 3, 1, 2).float().div_(255)


def reduced(precision: str, device: torch.device) -> torch.autocast:
    """Return the context in which matrix products are taken in `precision`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def in_16_bits(tokens: Tensor, path: Path) -> np.ndarray:
    """Return a backbone's tokens as they are stored.

    Raises:
        InputError: they hold no numbers, or larger ones than float16 does: the weights are damaged.
    """
    stored: np.ndarray = tokens.half().cpu().numpy()
    if not np.isfinite(stored).all():
        raise InputError(f"{path}: the backbone gives no numbers; are its weights damaged?")
    return stored
