"""The whole network: what it sees and hears, frame selection, local and global branch.

Legend: B batch, U candidate frames, T selected frames, N regions, K words, C size of the tokens
that come in, D embedding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from stg_model.network.global_branch import GlobalBranch
from stg_model.network.local_branch import LocalBranch
from stg_model.network.losses import mms_loss
from stg_model.network.selection import best_frames, frame_scores
from stg_model.network.tokens import Texts, TextTokens, masked_mean
from stg_model.settings import Settings


@dataclass(frozen=True, slots=True)
class Clips:
    """One batch of narrated windows.

    `inputs_BU` is what the visual module reads of the candidate frames `(B, U, ...)`,
    `frame_mask_BU` True where the video has such a second, `texts` the sentences, `video_B` the
    number of each clip's video.

    Processes that share a batch see their own clips alone (`inputs_BU`, `frame_mask_BU`), but hear
    all of it: `texts` and `video_B` are the whole batch's, and `own` picks the process's from them.
    """

    inputs_BU: Tensor
    frame_mask_BU: Tensor
    texts: Texts
    video_B: Tensor
    own: slice = field(default_factory=lambda: slice(None))


@dataclass(frozen=True, slots=True)
class Losses:
    """The two losses of a batch, both scalars."""

    local_loss: Tensor
    global_loss: Tensor

    @property
    def total(self) -> Tensor:
        """Their plain sum (paper section 3.4)."""
        return self.local_loss + self.global_loss


class GroundingModel(nn.Module):
    """Regions, frames, words and sentences in two common spaces, learned from narration."""

    def __init__(
        self,
        visual: nn.Module,
        textual: nn.Module,
        settings: Settings,
        *,
        token_dim: int,
        word_dim: int,
    ) -> None:
        """Put the branches on an encoder's modules.

        Args:
            visual: inputs of frames `(..., F, ...)` to `FrameTokens`.
            textual: `Texts` to `TextTokens`.
            settings: all settings.
            token_dim: C of the frames' tokens.
            word_dim: C of the texts' tokens.
        """
        super().__init__()
        network = settings.network
        self.selection, self.loss, self.network = settings.selection, settings.loss, network
        self.visual, self.textual = visual, textual
        self.local_branch = LocalBranch(token_dim, word_dim, network)
        self.global_branch = GlobalBranch(token_dim, word_dim, network)

    def forward(
        self,
        clips: Clips,
        n_local: int,
        *,
        select: bool = True,
        generator: torch.Generator | None = None,
        together: Callable[[Tensor], Tensor] = lambda rows: rows,
    ) -> Losses:
        """Return the losses of a batch.

        Args:
            clips: the batch; its clips stand in random order.
            n_local: the first so many clips enter the local loss.
            select: False takes the frames nearest the sentence (warm-up).
            generator: source of the `random` selection.
            together: makes the rows of a batch's scores from those of this process.
        """
        n_own = len(range(len(clips.video_B))[:n_local][clips.own])
        heard = self.textual(clips.texts)
        index_BT, frame_mask_BT = self.choose(
            clips, heard[clips.own], select=select, generator=generator
        )
        clip_B1 = torch.arange(len(index_BT), device=index_BT.device)[:, None]
        chosen = self.visual(clips.inputs_BU[clip_B1, index_BT])

        if self.network.global_frames == "all":
            frames_BUC = self.visual(clips.inputs_BU).frames_FC
            clip_BC = masked_mean(frames_BUC, clips.frame_mask_BU)
        else:
            clip_BC = masked_mean(chosen.frames_FC, frame_mask_BT)
        global_BB = self.global_branch.scores(
            self.global_branch.frames(clip_BC), self.global_branch.words(heard.sentences_JC)
        )
        local = self.local_branch(
            chosen.cells_FNC[:n_own],
            frame_mask_BT[:n_own],
            heard.words_JKC[:n_local],
            heard.mask_JK[:n_local],
        )
        local_BB = together(local.scores_IJ)
        global_BB = together(global_BB)
        temperature, margin = self.loss.temperature, self.loss.margin
        return Losses(
            mms_loss(local_BB, clips.video_B[:n_local], temperature=temperature, margin=margin),
            mms_loss(global_BB, clips.video_B, temperature=temperature, margin=margin),
        )

    @torch.no_grad()
    def choose(
        self,
        clips: Clips,
        heard: TextTokens,
        *,
        select: bool,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Choose each clip's frames; no gradient flows through the choice.

        Returns:
            `index_BT` into the candidates in time order and `mask_BT` of real frames.
        """
        settings = self.selection if select else replace(self.selection, method="none")
        if settings.method in ("none", "random"):  # these look at no picture
            frames_BUD = heard.words_JKC.new_zeros(*clips.frame_mask_BU.shape, 1)
        else:
            frames_BUD = self.global_branch.frames(self.visual(clips.inputs_BU).frames_FC)
        scores_BU = frame_scores(
            frames_BUD,
            self.global_branch.words(heard.words_JKC),
            self.global_branch.words(heard.sentences_JC),
            frame_mask_BU=clips.frame_mask_BU,
            word_mask_BK=heard.mask_JK,
            settings=settings,
            generator=generator,
        )
        return best_frames(scores_BU, clips.frame_mask_BU, settings.n_frames)
