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
from stg_model.network.losses import contrastive_loss
from stg_model.network.selection import best_frames, frame_scores
from stg_model.network.sinkhorn import Transport
from stg_model.network.tokens import Texts, TextTokens, masked_mean
from stg_model.settings import Settings

SEEN_AT_ONCE = 8
"""Clips whose candidate frames are looked at together for the choice. More do not fit into a
processor's cache: a batch of 48 took 2.3 times as long at once, with equal results."""


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
class Choice:
    """Frames chosen of each clip, `index_BT` into its candidates in time order.

    `mask_BT` is False where a clip has too few. `transport` says how Sinkhorn's iterations ended,
    None where they were not asked.
    """

    index_BT: Tensor
    mask_BT: Tensor
    transport: Transport | None


@dataclass(frozen=True, slots=True)
class Losses:
    """The two losses of a batch, both scalars; 0 for one that `loss.which` leaves out."""

    local_loss: Tensor
    global_loss: Tensor
    choice: Choice

    @property
    def total(self) -> Tensor:
        """Their plain sum (paper section 3.4)."""
        return self.local_loss + self.global_loss

    def diagnostics(self) -> dict[str, float]:
        """Say how Sinkhorn's iterations ended, for a line of metrics; empty where none were run.

        `sinkhorn_iterations`; `sinkhorn_frame_error` and `sinkhorn_word_error`, the largest of the
        clips' marginal errors; `sinkhorn_converged`, the share of clips within the tolerance.
        """
        found = self.choice.transport
        if found is None:
            return {}
        return {
            "sinkhorn_iterations": found.n_iterations,
            "sinkhorn_frame_error": found.frame_error_B.max().item(),
            "sinkhorn_word_error": found.word_error_B.max().item(),
            "sinkhorn_converged": found.converged_B.double().mean().item(),
        }


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
        choice = self._choice(clips, heard[clips.own], select=select, generator=generator)
        clip_B1 = torch.arange(len(choice.index_BT), device=choice.index_BT.device)[:, None]
        chosen = self.visual(clips.inputs_BU[clip_B1, choice.index_BT])
        local_loss = global_loss = heard.words_JKC.new_zeros(())
        if self.loss.which != "local":
            if self.network.global_frames == "all":
                frames_BUC = self.visual(clips.inputs_BU).frames_FC
                clip_BC = masked_mean(frames_BUC, clips.frame_mask_BU)
            else:
                clip_BC = masked_mean(chosen.frames_FC, choice.mask_BT)
            with self._autocast(clip_BC):
                own_global_BB = self.global_branch.scores(
                    self.global_branch.frames(clip_BC),
                    self.global_branch.words(heard.sentences_JC),
                )
            scores_BB = together(own_global_BB.to(clip_BC.dtype))
            global_loss = contrastive_loss(scores_BB, clips.video_B, self.loss)
        if self.loss.which != "global":
            with self._autocast(chosen.cells_FNC):
                own_local_BB = self.local_branch.scores(
                    chosen.cells_FNC[:n_own],
                    choice.mask_BT[:n_own],
                    heard.words_JKC[:n_local],
                    heard.mask_JK[:n_local],
                )
            scores_BB = together(own_local_BB.to(chosen.cells_FNC.dtype))
            local_loss = contrastive_loss(scores_BB, clips.video_B[:n_local], self.loss)
        return Losses(local_loss, global_loss, choice)

    def _autocast(self, like: Tensor) -> torch.autocast:
        """Return the context in which matrix products have the settings' precision."""
        return torch.autocast(
            like.device.type, torch.bfloat16, enabled=self.network.precision == "bfloat16"
        )

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
        choice = self._choice(clips, heard, select=select, generator=generator)
        return choice.index_BT, choice.mask_BT

    @torch.no_grad()
    def _choice(
        self,
        clips: Clips,
        heard: TextTokens,
        *,
        select: bool,
        generator: torch.Generator | None,
    ) -> Choice:
        settings = self.selection if select else replace(self.selection, method="none")
        if settings.method in ("none", "random"):  # these look at no picture
            frames_BUD = heard.words_JKC.new_zeros(*clips.frame_mask_BU.shape, 1)
        else:
            few = torch.split(clips.inputs_BU, SEEN_AT_ONCE)
            seen = [self.visual(some_BU).frames_FC for some_BU in few]
            frames_BUD = self.global_branch.frames(torch.cat(seen))
        found = frame_scores(
            frames_BUD,
            self.global_branch.words(heard.words_JKC),
            self.global_branch.words(heard.sentences_JC),
            frame_mask_BU=clips.frame_mask_BU,
            word_mask_BK=heard.mask_JK,
            settings=settings,
            generator=generator,
        )
        index_BT, mask_BT = best_frames(found.scores_BU, clips.frame_mask_BU, settings.n_frames)
        return Choice(index_BT, mask_BT, found.transport)
