"""Entropic optimal transport between frames and words, in the log domain (paper section 3.3).

Paper equations 1 and 2: the plan spreads equal mass of every frame over the words and of every
word over the frames. With a cosine over a small epsilon the exponent overflows float32, hence the
logarithms. Reference: Cuturi, "Sinkhorn distances", NeurIPS 2013.

Legend: B batch, U frames, K words.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Transport:
    """A plan, and how near it came to what was asked of it.

    `plan_BUK` is 0 at masked entries. The errors are the plan's marginals less those asked for,
    absolute values summed over a clip's frames or words, 0 where a clip has none; `converged_B` is
    True where the words' is within the tolerance.
    """

    plan_BUK: Tensor
    frame_error_B: Tensor
    word_error_B: Tensor
    converged_B: Tensor
    n_iterations: int


def sinkhorn(
    similarity_BUK: Tensor,
    frame_mask_BU: Tensor,
    word_mask_BK: Tensor,
    *,
    epsilon: float,
    max_iterations: int = 100,
    tolerance: float = 1e-4,
) -> Transport:
    """Return the plan that favours similar pairs under uniform marginals.

    Args:
        similarity_BUK: similarities, higher is cheaper; masked entries are ignored.
        frame_mask_BU: True where there is a frame; each gets mass 1 / number of frames.
        word_mask_BK: True where there is a word; each gets mass 1 / number of words.
        epsilon: regularisation, above 0.
        max_iterations: upper bound on the iterations, 1 or more.
        tolerance: end when no clip's word marginals are off by more than this in sum.

    Returns:
        The plan and its marginals. The last normalisation is over frames, so theirs are exact and
        the words' within the tolerance where it converged. A clip without any frame or word has an
        empty plan.

    Raises:
        ValueError: shapes that do not fit.
    """
    if similarity_BUK.shape != (*frame_mask_BU.shape, word_mask_BK.shape[-1]):
        raise ValueError(
            f"similarity {tuple(similarity_BUK.shape)} does not fit frames "
            f"{tuple(frame_mask_BU.shape)} and words {tuple(word_mask_BK.shape)}"
        )
    mask_BUK = frame_mask_BU[:, :, None] & word_mask_BK[:, None, :]
    lowest = torch.finfo(similarity_BUK.dtype).min  # finite: -inf minus -inf would be NaN
    kernel_BUK = (similarity_BUK / epsilon).masked_fill(~mask_BUK, lowest)
    frame_log_B1 = -frame_mask_BU.sum(1, keepdim=True).clamp(min=1).to(kernel_BUK.dtype).log()
    word_log_B1 = -word_mask_BK.sum(1, keepdim=True).clamp(min=1).to(kernel_BUK.dtype).log()
    word_share_BK = word_log_B1.exp() * word_mask_BK
    asked_B = mask_BUK.flatten(1).any(1)

    word_potential_BK = torch.zeros_like(word_share_BK)
    for n_iterations in range(1, max_iterations + 1):
        frame_potential_BU = frame_log_B1 - torch.logsumexp(
            kernel_BUK + word_potential_BK[:, None, :], dim=2
        )
        # Masked rows hold only huge negative numbers; their potential would cancel them.
        frame_potential_BU = frame_potential_BU.masked_fill(~frame_mask_BU, 0)
        exponent_BUK = kernel_BUK + frame_potential_BU[:, :, None] + word_potential_BK[:, None, :]
        plan_BUK = exponent_BUK.exp() * mask_BUK
        word_error_B = (plan_BUK.sum(1) - word_share_BK).abs().sum(1) * asked_B
        if n_iterations == max_iterations or bool((word_error_B <= tolerance).all()):
            break
        word_potential_BK = word_log_B1 - torch.logsumexp(
            kernel_BUK + frame_potential_BU[:, :, None], dim=1
        )
        word_potential_BK = word_potential_BK.masked_fill(~word_mask_BK, 0)
    frame_share_BU = frame_log_B1.exp() * frame_mask_BU
    frame_error_B = (plan_BUK.sum(2) - frame_share_BU).abs().sum(1) * asked_B
    return Transport(plan_BUK, frame_error_B, word_error_B, word_error_B <= tolerance, n_iterations)
