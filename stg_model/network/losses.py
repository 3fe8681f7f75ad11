"""Masked margin softmax, the contrastive loss of both branches (paper section 3.4, equation 4).

Legend: B batch; row i is a video, column j a text, the diagonal holds the true pairs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


def mms_loss(scores_BB: Tensor, video_B: Tensor, *, temperature: float, margin: float) -> Tensor:
    """Return the loss of a batch: video to text plus text to video.

    Args:
        scores_BB: score of video i with text j.
        video_B: number of each clip's video; another clip of the same video is no negative.
        temperature: divides the scores.
        margin: delta, taken off the positives in numerator and denominator.

    Returns:
        A scalar; 0 where a batch of one leaves nothing to tell apart.

    Raises:
        ValueError: the scores are not square or do not fit the videos.
    """
    n_clips = len(video_B)
    if scores_BB.shape != (n_clips, n_clips):
        raise ValueError(f"scores {tuple(scores_BB.shape)} should be {(n_clips, n_clips)}")
    diagonal_BB = torch.eye(n_clips, dtype=torch.bool, device=scores_BB.device)
    same_video_BB = (video_B[:, None] == video_B[None, :]) & ~diagonal_BB
    logits_BB = (scores_BB - margin * diagonal_BB) / temperature
    logits_BB = logits_BB.masked_fill(same_video_BB, -torch.inf)
    target_B = torch.arange(n_clips, device=scores_BB.device)
    return F.cross_entropy(logits_BB, target_B) + F.cross_entropy(logits_BB.T, target_B)
