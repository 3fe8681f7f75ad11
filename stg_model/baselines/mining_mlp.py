"""Mining-MLP (R33): a small classifier of frame features, learnt from transcripts alone.

After Kuehne et al., "Mining YouTube: a dataset for learning fine-grained action concepts from
webly supervised video data", 2019. A training video says only which actions follow each other. In
the first round each gets an equal share of the video, background between them; the classifier is
trained on these labels; the video is cut anew by the best alignment of its transcript to what the
classifier says; and so on. Test videos are cut the same way, with their own order given.

An alignment adds log p(label | frame) - log p(label), likelihoods but for a factor of each frame:
without the second term whatever is common, background first, grows in every round.

Legend: T seconds, C size of a feature, L labels (the last is background), M positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from stg_model.errors import TrainingError
from stg_model.evaluation.alignment import align

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MiningSettings:
    """How the classifier is trained; rounds and layers are given (R33), the rest is our choice."""

    rounds: int = 5
    hidden_dim: int = 512
    epochs: int = 8
    """Passes over all seconds in each round."""
    batch: int = 512
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    seed: int = 0


@dataclass(frozen=True, slots=True)
class MiningMlp:
    """A trained classifier: `actions` are its labels, background comes after them."""

    actions: tuple[str, ...]
    network: nn.Module
    mean_C: Tensor
    sd_C: Tensor
    log_prior_L: Floats

    def log_likelihoods(self, features_TC: npt.NDArray[np.float32]) -> Floats:
        """Return log p(label | second) - log p(label), (T, L)."""
        with torch.no_grad():
            inputs_TC = (torch.from_numpy(features_TC) - self.mean_C) / self.sd_C
            log_TL = F.log_softmax(self.network(inputs_TC), dim=-1).double().numpy()
        found: Floats = log_TL - self.log_prior_L
        return found


def train_mining_mlp(
    features: Mapping[str, npt.NDArray[np.float32]],
    transcripts: Mapping[str, Sequence[str]],
    settings: MiningSettings = MiningSettings(),
) -> MiningMlp:
    """Learn from the order of actions in each video.

    Args:
        features: (T, C) of each training video.
        transcripts: the actions of each, in order; videos without features, with more actions than
            seconds or without any are left out.
        settings: of the training; the seed decides everything random.

    Raises:
        TrainingError: no video is left, or features differ in size.
    """
    videos = sorted(
        v for v, said in transcripts.items() if v in features and 0 < len(said) <= len(features[v])
    )
    if not videos:
        raise TrainingError(
            "no video has both features and a transcript that fits into its seconds; "
            "do the transcripts' ids match the files' names?"
        )
    sizes = {features[video].shape[1] for video in videos}
    if len(sizes) > 1:
        raise TrainingError(f"frame features must be of one size, got {sorted(sizes)}")
    actions = tuple(sorted({action for video in videos for action in transcripts[video]}))
    orders = [positions(transcripts[video], actions) for video in videos]
    inputs_SC = torch.from_numpy(np.concatenate([features[video] for video in videos]))
    lengths = [len(features[video]) for video in videos]
    labels_S = np.concatenate([uniform_labels(n, o) for n, o in zip(lengths, orders, strict=True)])
    generator = torch.Generator().manual_seed(settings.seed)
    model = _trained(actions, inputs_SC, labels_S, settings, generator)
    for _ in range(1, settings.rounds):
        labels_S = np.concatenate(
            [
                aligned_labels(model.log_likelihoods(features[video]), order)
                for video, order in zip(videos, orders, strict=True)
            ]
        )
        model = _trained(actions, inputs_SC, labels_S, settings, generator)
    return model


def positions(transcript: Sequence[str], actions: Sequence[str]) -> list[int]:
    """Return the labels of an alignment's positions: background before, between and after.

    >>> positions(["stir", "cut"], ["cut", "stir"])
    [2, 1, 2, 0, 2]
    """
    order = [len(actions)]
    for action in transcript:
        order += [actions.index(action), len(actions)]
    return order


def uniform_labels(n_seconds: int, order: Sequence[int]) -> npt.NDArray[np.int64]:
    """Share a video equally among its positions; where they are too many, among its actions.

    >>> uniform_labels(5, [2, 1, 2, 0, 2]).tolist(), uniform_labels(3, [2, 1, 2, 0, 2]).tolist()
    ([2, 1, 2, 0, 2], [1, 1, 0])
    """
    shared = order if len(order) <= n_seconds else order[1::2]
    position = np.arange(n_seconds) * len(shared) // n_seconds
    return np.array(shared, dtype=np.int64)[position]


def aligned_labels(scores_TL: Floats, order: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return each second's label in the best alignment of an order; every action gets a second.

    Raises:
        ValueError: there are more actions than seconds.
    """
    boundaries = align(scores_TL[:, order], [number % 2 for number in range(len(order))])
    return np.repeat(np.array(order, dtype=np.int64), np.diff(boundaries))


def _trained(
    actions: tuple[str, ...],
    inputs_SC: Tensor,
    labels_S: npt.NDArray[np.int64],
    settings: MiningSettings,
    generator: torch.Generator,
) -> MiningMlp:
    """Train a fresh classifier on the labels of all seconds."""
    n_labels, size = len(actions) + 1, inputs_SC.shape[1]
    first, second = nn.Linear(size, settings.hidden_dim), nn.Linear(settings.hidden_dim, n_labels)
    for layer in (first, second):
        nn.init.kaiming_uniform_(layer.weight, a=5**0.5, generator=generator)
        nn.init.zeros_(layer.bias)
    network = nn.Sequential(first, nn.ReLU(), second)
    mean_C, sd_C = inputs_SC.mean(0), inputs_SC.std(0, correction=0).clamp(min=1e-6)
    target_S = torch.from_numpy(labels_S)
    optimiser = torch.optim.AdamW(
        network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
    )
    for _ in range(settings.epochs):
        order_S = torch.randperm(len(target_S), generator=generator)
        for start in range(0, len(order_S), settings.batch):
            chosen = order_S[start : start + settings.batch]
            loss = F.cross_entropy(network((inputs_SC[chosen] - mean_C) / sd_C), target_S[chosen])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    counts_L = 1.0 + np.bincount(labels_S, minlength=n_labels)  # none is impossible
    return MiningMlp(actions, network, mean_C, sd_C, np.log(counts_L / counts_L.sum()))
