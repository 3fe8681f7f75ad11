"""Several processes that train one model on shares of each batch, started by `torchrun`.

A batch of B clips is dealt like cards: of n processes, number r sees clips r, r + n, r + 2n, ...
It scores them against all sentences of the batch, and the rows of scores go round, so that every
process has the whole batch's scores and the same loss as one process alone would have. From that
loss each knows the gradient of its own rows; the sum of the processes' gradients is that of the
whole batch, and all take the same step.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed
from torch import Tensor

from stg_model.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Processes:
    """This process's number among those that train together; one alone does nothing here."""

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Say whether this process writes the files."""
        return self.rank == 0

    @property
    def own(self) -> slice:
        """This process's share of the clips of a batch."""
        return slice(self.rank, None, self.count)

    def shared(self, n_clips: int, setting: str) -> int:
        """Return how many clips can be dealt evenly, at most `n_clips`.

        Raises:
            TrainingError: a process would get none.
        """
        if n_clips < self.count:
            raise TrainingError(
                f"{self.count} processes cannot share {n_clips} clips; start fewer, or raise "
                f"{setting} or the number of videos"
            )
        return n_clips - n_clips % self.count

    def together(self, rows: Tensor) -> Tensor:
        """Return the rows of the whole batch from this process's, in the batch's order."""
        if self.count == 1:
            return rows
        whole: Tensor = _Together.apply(rows, self)  # type: ignore[no-untyped-call]
        return whole

    def sum_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """Replace each gradient by its sum over the processes."""
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        torch.distributed.all_reduce(flat)
        sizes = [gradient.numel() for gradient in gradients]
        for gradient, summed in zip(gradients, torch.split(flat, sizes), strict=True):
            gradient.copy_(summed.view_as(gradient))

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Let the leading process do this first, so that the others find the files it wrote."""
        if not self.leads:
            self.wait()
        yield
        if self.leads:
            self.wait()

    def wait(self) -> None:
        """Wait until every process has come here."""
        if self.count > 1:
            torch.distributed.barrier()


ALONE = Processes()


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Join the processes that `torchrun` started; without it this one is alone."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield ALONE
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    # The first may extract features for hours while the others wait.
    torch.distributed.init_process_group(
        "nccl" if device.type == "cuda" else "gloo", timeout=timedelta(days=2)
    )
    try:
        yield Processes(torch.distributed.get_rank(), count)
    finally:
        torch.distributed.destroy_process_group()


def device_of(name: str) -> torch.device:
    """Return the device that a setting names; processes on one machine take a GPU each.

    Raises:
        TrainingError: there is no GPU and the setting asks for one.
    """
    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        raise TrainingError(
            "training.device is cuda, but torch sees no GPU here; take auto or cpu, or install a "
            "torch with CUDA"
        )
    if name == "cpu" or not found:
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


class _Together(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, processes: Processes) -> Tensor:
        ctx.own = processes.own
        parts = [torch.empty_like(rows) for _ in range(processes.count)]
        torch.distributed.all_gather(parts, rows.contiguous())
        return torch.stack(parts, dim=1).flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0][ctx.own], None
