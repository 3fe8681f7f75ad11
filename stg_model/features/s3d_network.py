"""S3D with gating, the network of the MIL-NCE weights, as far as its last feature map.

Written from the description of the published weights: separable 3-D convolutions in inception
blocks ("Rethinking Spatiotemporal Feature Learning", Xie et al. 2018), a gate on each channel, and
a first convolution that sees 2 x 2 x 2 blocks of pixels as channels. Names are the weights' own.

Legend: B clips, C channels, T frames, H, W; later maps have T/8 x H/32 x W/32 cells of 1024.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

FEATURE_DIM = 1024
COMMON_DIM = 512
"""Size of the space that `fc` and `text_module.fc2` map into."""
WORD_HIDDEN_DIM = 2048
BLOCK_T, BLOCK_PX = 8, 32
"""Frames and pixels that one cell of the last map stands for."""

INCEPTION = {
    "mixed_3b": (192, (64, 96, 128, 16, 32, 32)),
    "mixed_3c": (256, (128, 128, 192, 32, 96, 64)),
    "mixed_4b": (480, (192, 96, 208, 16, 48, 64)),
    "mixed_4c": (512, (160, 112, 224, 24, 64, 64)),
    "mixed_4d": (512, (128, 128, 256, 24, 64, 64)),
    "mixed_4e": (512, (112, 144, 288, 32, 64, 64)),
    "mixed_4f": (528, (256, 160, 320, 32, 128, 128)),
    "mixed_5b": (832, (256, 160, 320, 32, 128, 128)),
    "mixed_5c": (832, (384, 192, 384, 48, 128, 128)),
}
"""Channels that come in, and those of the branches b0, b1_a, b1_b, b2_a, b2_b, b3_b."""


class S3d(nn.Module):
    """The visual network and, beside it, the text module of the same weights."""

    def __init__(self, n_words: int, word_dim: int, width: int = 1) -> None:
        """Make the network.

        Args:
            n_words: rows of the word table, the first for "no word here".
            word_dim: size of a word's vector.
            width: divides the channels of all layers; 1 is the published size.
        """
        super().__init__()
        # 24 = 3 colours x 2 x 2 x 2 neighbouring pixels.
        self.conv1 = Convolution(24, 64 // width, (2, 4, 4), padding=(1, 2, 2))
        self.conv_2b = Convolution(64 // width, 64 // width, (1, 1, 1))
        self.conv_2c = Convolution(64 // width, 192 // width, (3, 3, 3), is_separable=True)
        self.gating = Gate(192 // width)
        for name, (n_in, branches) in INCEPTION.items():
            block = Inception(n_in // width, [n_out // width for n_out in branches])
            self.add_module(name, block)
        self.fc = nn.Linear(FEATURE_DIM // width, COMMON_DIM // width)
        self.text_module = WordModule(
            n_words, word_dim, WORD_HIDDEN_DIM // width, COMMON_DIM // width
        )

    def forward(self, clips_BCTHW: Tensor) -> Tensor:
        """Return the last feature map, `(B, 1024, T / 8, H / 32, W / 32)`.

        Args:
            clips_BCTHW: RGB in 0..1.

        Raises:
            ValueError: T is no multiple of 8, H or W none of 32, or there are not 3 colours.
        """
        _, n_colours, n_frames, height, width = clips_BCTHW.shape
        if n_colours != 3 or n_frames % BLOCK_T or height % BLOCK_PX or width % BLOCK_PX:
            raise ValueError(
                f"clips {tuple(clips_BCTHW.shape)} should be (clips, 3, T, H, W) with T a multiple "
                f"of {BLOCK_T}, H and W of {BLOCK_PX}"
            )
        # The even kernels of the first convolution make one row, column and frame too many.
        maps: Tensor = self.conv1(space_to_depth(clips_BCTHW))[:, :, 1:, 1:, 1:]
        maps = pooled(maps, (1, 3, 3), (1, 2, 2))
        maps = self.gating(self.conv_2c(self.conv_2b(maps)))
        maps = pooled(maps, (1, 3, 3), (1, 2, 2))
        for name in INCEPTION:
            if name == "mixed_4b":
                maps = pooled(maps, (3, 3, 3), (2, 2, 2))
            elif name == "mixed_5b":
                maps = pooled(maps, (2, 2, 2), (2, 2, 2))
            maps = self.get_submodule(name)(maps)
        return maps


class Convolution(nn.Module):
    """A 3-D convolution with batch norm and ReLU; a separable one is done in space, then time."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel: tuple[int, int, int],
        *,
        padding: tuple[int, int, int] | None = None,
        is_separable: bool = False,
    ) -> None:
        super().__init__()
        t, h, w = kernel
        pad_t, pad_h, pad_w = padding or (t // 2, h // 2, w // 2)
        if is_separable:
            self.conv1 = nn.Conv3d(n_in, n_out, (1, h, w), padding=(0, pad_h, pad_w), bias=False)
            self.conv2 = nn.Conv3d(n_out, n_out, (t, 1, 1), padding=(pad_t, 0, 0), bias=False)
            self.bn2 = nn.BatchNorm3d(n_out)
        else:
            self.conv1 = nn.Conv3d(n_in, n_out, kernel, padding=(pad_t, pad_h, pad_w), bias=False)
        self.bn1 = nn.BatchNorm3d(n_out)
        self.is_separable = is_separable

    def forward(self, maps: Tensor) -> Tensor:
        """Convolve `(B, C, T, H, W)`."""
        maps = torch.relu(self.bn1(self.conv1(maps)))
        return torch.relu(self.bn2(self.conv2(maps))) if self.is_separable else maps


class Gate(nn.Module):
    """Each channel times a number in 0..1 that the mean of all channels decides."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(n_channels, n_channels)

    def forward(self, maps: Tensor) -> Tensor:
        """Gate `(B, C, T, H, W)`."""
        shares_BC = torch.sigmoid(self.fc(maps.mean((2, 3, 4))))
        return maps * shares_BC[:, :, None, None, None]


class Inception(nn.Module):
    """Four branches side by side, each with its gate."""

    def __init__(self, n_in: int, branches: Sequence[int]) -> None:
        super().__init__()
        b0, b1_a, b1_b, b2_a, b2_b, b3_b = branches
        self.conv_b0 = Convolution(n_in, b0, (1, 1, 1))
        self.conv_b1_a = Convolution(n_in, b1_a, (1, 1, 1))
        self.conv_b1_b = Convolution(b1_a, b1_b, (3, 3, 3), is_separable=True)
        self.conv_b2_a = Convolution(n_in, b2_a, (1, 1, 1))
        self.conv_b2_b = Convolution(b2_a, b2_b, (3, 3, 3), is_separable=True)
        self.maxpool_b3 = nn.MaxPool3d(3, stride=1, padding=1)
        self.conv_b3_b = Convolution(n_in, b3_b, (1, 1, 1))
        self.gating_b0, self.gating_b1 = Gate(b0), Gate(b1_b)
        self.gating_b2, self.gating_b3 = Gate(b2_b), Gate(b3_b)

    def forward(self, maps: Tensor) -> Tensor:
        """Return the four branches' channels one after the other."""
        return torch.cat(
            [
                self.gating_b0(self.conv_b0(maps)),
                self.gating_b1(self.conv_b1_b(self.conv_b1_a(maps))),
                self.gating_b2(self.conv_b2_b(self.conv_b2_a(maps))),
                self.gating_b3(self.conv_b3_b(self.maxpool_b3(maps))),
            ],
            dim=1,
        )


class WordModule(nn.Module):
    """A word's vector through one layer; `fc2` maps a sentence, their maximum, beside `fc`."""

    def __init__(self, n_words: int, word_dim: int, hidden_dim: int, common_dim: int) -> None:
        super().__init__()
        self.word_embd = nn.Embedding(n_words, word_dim)
        self.fc1 = nn.Linear(word_dim, hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, common_dim)

    def forward(self, ids_JK: Tensor) -> Tensor:
        """Return the words' tokens, `(J, K)` ids to `(J, K, 2048)`."""
        tokens_JKC: Tensor = torch.relu(self.fc1(self.word_embd(ids_JK)))
        return tokens_JKC


def space_to_depth(clips_BCTHW: Tensor) -> Tensor:
    """Make each block of 2 x 2 x 2 pixels one cell of eight times the channels."""
    n, colours, frames, height, width = clips_BCTHW.shape
    blocks = clips_BCTHW.reshape(n, colours, frames // 2, 2, height // 2, 2, width // 2, 2)
    return blocks.permute(0, 3, 5, 7, 1, 2, 4, 6).reshape(
        n, 8 * colours, frames // 2, height // 2, width // 2
    )


def pooled(maps: Tensor, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> Tensor:
    """Take maxima with TensorFlow's SAME padding: zeros, the odd one at the end."""
    padding: list[int] = []
    for size, step in zip(reversed(kernel), reversed(stride), strict=True):
        total = max(size - step, 0)
        padding += [total // 2, total - total // 2]
    padded = nn.functional.pad(maps, padding)
    return nn.functional.max_pool3d(padded, kernel, stride, ceil_mode=True)
