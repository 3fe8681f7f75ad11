"""What a release's clicks teach besides the narration.

To the two losses of narrated clips come

    loss_clicks     mean over clicked frames of KL(p || q): p the clicks' density on the regions, q
                    the roll-out of the clip's own action, each summing to 1 over the frame
    loss_threshold  mean over answered frames of the cross entropy between the share of answers that
                    saw the action and sigmoid((b - tau) / temperature): b the best cosine of the
                    frame with an action of its video, tau the threshold below which a second is
                    background

The second teaches tau alone: b is what narration and clicks made of it. Where in no frame at
least half of the answers are "not visible", or in every frame, there is nothing to tell apart, and
tau stays.

Legend: U seconds of a window, F answered frames in it, N regions of a frame, J texts: the clip's
action, then the video's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from stg_model.network.global_branch import cosines
from stg_model.network.model import Clips, GroundingModel
from stg_model.network.rollout import rollout
from stg_model.network.tokens import Texts
from stg_model.settings import FineTuningSettings
from stg_model.training.clicks import ClickedClips, ClickedWindow
from stg_model.training.train import Marks, Narration

Batch = tuple[Clips, list[ClickedWindow]]


class TunedModel(nn.Module):
    """The model and its threshold tau, a cosine."""

    def __init__(self, grounding: GroundingModel, tau: float) -> None:
        super().__init__()
        self.grounding = grounding
        self.tau = nn.Parameter(torch.tensor(tau))


@dataclass(frozen=True, slots=True)
class Lessons:
    """Narrated batches, and windows of clicked clips beside them."""

    narration: Narration
    clicks: ClickedClips
    texts: Mapping[str, Texts]
    settings: FineTuningSettings
    teaches_threshold: bool

    def batch(self, step: int) -> tuple[Batch, Sequence[str]]:
        """Draw both."""
        told, names = self.narration.batch(step)
        windows = self.clicks.batch(step)
        return (told, windows), [*names, *(f"clip {w.found.clip.clip_id}" for w in windows)]

    def marks(self, model: TunedModel, batch: Batch, step: int) -> Marks:
        """Return the losses of both."""
        told, windows = batch
        marks = self.narration.marks(model.grounding, told, step)
        own = [self._sums(model, one) for one in windows if one.inputs_U is not None]
        sums_2 = self.narration.processes.together(torch.stack(own)).sum(0)
        answered = [frame for one in windows for frame in one.frames]
        n_clicked = sum(frame.visible > 0 for frame in answered)
        settings = self.settings
        losses = {
            **marks.losses,
            "loss_clicks": settings.click_weight * sums_2[0] / max(1, n_clicked),
        }
        if self.teaches_threshold:
            weight = settings.threshold_weight
            losses["loss_threshold"] = weight * sums_2[1] / max(1, len(answered))
        tau = model.tau.detach().item()
        return Marks(losses, lambda: marks.figures() | {"tau": tau})

    def _sums(self, model: TunedModel, one: ClickedWindow) -> Tensor:
        """Return a window's divergence and cross entropy, summed over its answered frames."""
        device = model.tau.device
        if not one.frames:  # answers may lie far apart, or a moment past the video's end
            return model.tau.new_zeros(2)
        if one.inputs_U is None or one.mask_U is None:
            raise ValueError(f"clip {one.found.clip.clip_id} belongs to another process")
        tokens = model.grounding.visual(one.inputs_U.to(device))
        heard = model.grounding.textual(self.texts[one.found.clip.clip_id].to(device))
        mask_U = one.mask_U.to(device)
        at = torch.tensor([frame.second - one.first for frame in one.frames], device=device)
        out = model.grounding.local_branch(
            tokens.cells_FNC[None], mask_U[None], heard.words_JKC[:1], heard.mask_JK[:1]
        )
        n_regions = tokens.cells_FNC.shape[1]
        heat_R = rollout(
            out.second_IJRK, out.self_IJKK, out.first_IJKR, mask_U.repeat_interleave(n_regions)
        )[0, 0]
        density_FN = torch.stack([frame.density_N for frame in one.frames]).to(device)
        divergence = divergences(density_FN, heat_R.reshape(-1, n_regions)[at]).sum()

        similarity_FJ = cosines(
            model.grounding.global_branch.frames(tokens.frames_FC[at]),
            model.grounding.global_branch.words(heard.sentences_JC[1:]),
        )
        above_F = similarity_FJ.amax(1).detach() - model.tau
        seen_F = torch.tensor([frame.visible for frame in one.frames], device=device)
        temperature = self.settings.threshold_temperature
        entropy = F.binary_cross_entropy_with_logits(above_F / temperature, seen_F, reduction="sum")
        return torch.stack([divergence, entropy])


def divergences(density_FN: Tensor, heat_FN: Tensor) -> Tensor:
    """Return KL(p || q) of each frame, nats.

    Args:
        density_FN: p, where the clicks are; a row of zeros (no click) diverges by 0.
        heat_FN: q, any scale.

    >>> clicks_FN = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    >>> divergences(clicks_FN, torch.tensor([[2.0, 2.0], [1.0, 0.0]])).tolist()
    [0.6931471824645996, 0.0]
    """
    smallest = torch.finfo(heat_FN.dtype).tiny
    log_q_FN = heat_FN.clamp(min=smallest).log() - heat_FN.sum(1, keepdim=True).log()
    return (torch.xlogy(density_FN, density_FN) - density_FN * log_q_FN).sum(1)
