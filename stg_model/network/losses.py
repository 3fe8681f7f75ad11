"""The contrastive losses of both branches (paper section 3.4).

Legend: B batch; row i is a video, column j a text, the diagonal holds the true pairs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from stg_model.settings import LossSettings


def contrastive_loss(scores_BB: Tensor, video_B: Tensor, settings: LossSettings) -> Tensor:
    """Return the loss of a batch, of the settings' kind.

    With s the scores over the temperature, sums over j that leave out other clips of video i:

    - `mms` (paper equation 4): the mean over i of -log(e^(s_ii - d) / (e^(s_ii - d) + sum_j!=i
      e^s_ij)), with margin d over the temperature, plus the same over columns;
    - `milnce` (Miech et al., CVPR 2020, equation 1, with one positive a clip): the mean over i of
      -log(e^s_ii / (e^s_ii + sum_j!=i (e^s_ij + e^s_ji)));
    - `released`: as `milnce`, but e^s_ii stands twice in the denominator, as in the released code
      and that of MIL-NCE, so that the loss is never below log 2.

    Args:
        scores_BB: score of video i with text j.
        video_B: number of each clip's video; another clip of the same video is no negative.
        settings: kind, temperature and margin.

    Returns:
        A scalar; 0 (`released`: log 2) where a batch of one leaves nothing to tell apart.

    Raises:
        ValueError: the scores are not square or do not fit the videos.
    """
    n_clips = len(video_B)
    if scores_BB.shape != (n_clips, n_clips):
        raise ValueError(f"scores {tuple(scores_BB.shape)} should be {(n_clips, n_clips)}")
    diagonal_BB = torch.eye(n_clips, dtype=torch.bool, device=scores_BB.device)
    same_video_BB = (video_B[:, None] == video_B[None, :]) & ~diagonal_BB
    margin = settings.margin if settings.kind == "mms" else 0.0
    logits_BB = (scores_BB - margin * diagonal_BB.to(scores_BB.dtype)) / settings.temperature
    logits_BB = logits_BB.masked_fill(same_video_BB, -torch.inf)
    target_B = torch.arange(n_clips, device=scores_BB.device)
    if settings.kind == "mms":
        return F.cross_entropy(logits_BB, target_B) + F.cross_entropy(logits_BB.T, target_B)
    other_way_BB = logits_BB.T
    if settings.kind == "milnce":
        other_way_BB = other_way_BB.masked_fill(diagonal_BB, -torch.inf)
    return F.cross_entropy(torch.cat([logits_BB, other_way_BB], dim=1), target_B)
