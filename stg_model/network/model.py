"""The whole network: backbone, words, frame selection, local and global branch.

Legend: B batch, U candidate frames, T selected frames, N regions, P patches of a region, C numbers
of a patch, K words, W word size, D embedding, F frames of one video, J texts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from stg_model.network.global_branch import GlobalBranch
from stg_model.network.local_branch import LocalBranch, masked_mean
from stg_model.network.losses import mms_loss
from stg_model.network.selection import best_frames, frame_scores
from stg_model.settings import Settings

PADDING_WORD = 0
"""Id of "no word here"; real words count from 1."""


@dataclass(frozen=True, slots=True)
class Clips:
    """One batch of narrated windows.

    `inputs_BUNPC` is what the backbone reads of the candidate frames, `frame_mask_BU` True where
    the video has such a second, `words_BK` word ids with `PADDING_WORD` at the end of short
    sentences, `video_B` the number of each clip's video.
    """

    inputs_BUNPC: Tensor
    frame_mask_BU: Tensor
    words_BK: Tensor
    video_B: Tensor


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
        self, backbone: nn.Module, token_dim: int, n_words: int, settings: Settings
    ) -> None:
        super().__init__()
        network = settings.network
        self.selection, self.loss, self.network = settings.selection, settings.loss, network
        self.backbone = backbone
        self.word_embedding = nn.Embedding(n_words + 1, network.word_dim, PADDING_WORD)
        nn.init.normal_(self.word_embedding.weight, std=network.word_init_sd)
        with torch.no_grad():
            self.word_embedding.weight[PADDING_WORD] = 0
        self.local_branch = LocalBranch(token_dim, network.word_dim, network)
        self.global_branch = GlobalBranch(token_dim, network.word_dim, network)

    def forward(
        self,
        clips: Clips,
        n_local: int,
        *,
        select: bool = True,
        generator: torch.Generator | None = None,
    ) -> Losses:
        """Return the losses of a batch.

        Args:
            clips: the batch; its clips stand in random order.
            n_local: the first so many clips enter the local loss.
            select: False takes the frames nearest the sentence (warm-up).
            generator: source of the `random` selection.
        """
        words_BKW, word_mask_BK = self.embed(clips.words_BK)
        index_BT, frame_mask_BT = self.choose(
            clips, words_BKW, word_mask_BK, select=select, generator=generator
        )
        clip_B1 = torch.arange(len(index_BT), device=index_BT.device)[:, None]
        chosen = self.backbone(clips.inputs_BUNPC[clip_B1, index_BT])

        if self.network.global_frames == "all":
            frames_BTD = self.backbone(clips.inputs_BUNPC).frames_FD
            clip_BD = masked_mean(frames_BTD, clips.frame_mask_BU)
        else:
            clip_BD = masked_mean(chosen.frames_FD, frame_mask_BT)
        global_BB = self.global_branch.scores(
            self.global_branch.frames(clip_BD),
            self.global_branch.sentences(words_BKW, word_mask_BK),
        )
        local = self.local_branch(
            chosen.cells_FND[:n_local],
            frame_mask_BT[:n_local],
            words_BKW[:n_local],
            word_mask_BK[:n_local],
        )
        temperature, margin = self.loss.temperature, self.loss.margin
        return Losses(
            mms_loss(
                local.scores_IJ, clips.video_B[:n_local], temperature=temperature, margin=margin
            ),
            mms_loss(global_BB, clips.video_B, temperature=temperature, margin=margin),
        )

    def embed(self, words_BK: Tensor) -> tuple[Tensor, Tensor]:
        """Return the embeddings of word ids and the mask of real words."""
        return self.word_embedding(words_BK), words_BK != PADDING_WORD

    @torch.no_grad()
    def choose(
        self,
        clips: Clips,
        words_BKW: Tensor,
        word_mask_BK: Tensor,
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
            frames_BUD = words_BKW.new_zeros(*clips.frame_mask_BU.shape, 1)
        else:
            frames_BUD = self.global_branch.frames(self.backbone(clips.inputs_BUNPC).frames_FD)
        scores_BU = frame_scores(
            frames_BUD,
            self.global_branch.words(words_BKW),
            self.global_branch.sentences(words_BKW, word_mask_BK),
            frame_mask_BU=clips.frame_mask_BU,
            word_mask_BK=word_mask_BK,
            settings=settings,
            generator=generator,
        )
        return best_frames(scores_BU, clips.frame_mask_BU, settings.n_frames)
