"""A small run that one process or several can do; `test_processes.py` starts it under torchrun.

    python -m torch.distributed.run --nproc-per-node 2 shared_run.py FOLDER begin | go-on

`begin` writes the losses and gradients of one batch (gradients.pt), trains to the end (whole.pt),
then trains once more and is killed at step 5; `go-on` does the rest of that (cut.pt).
"""

import os
import signal
import sys
from pathlib import Path

import torch

from stg_model.config import load_settings
from stg_model.features.encoders import encoder_for
from stg_model.training.checkpoint import build_model
from stg_model.training.dataset import NarratedClips, NarratedVideo
from stg_model.training.narrations import Sentence
from stg_model.training.processes import joined
from stg_model.training.train import Narration, repeatable, train

SETTINGS = load_settings(
    None,
    [
        *("training.steps=8", "training.save_every=2", "training.log_every=1"),
        *("training.batch=6", "training.local_batch=4", "training.window_s=6"),
        *("training.tensorboard=false", "training.device=cpu", "selection.n_frames=3"),
        *("network.token_dim=8", "network.hidden_dim=8", "network.word_dim=8", "network.dim=8"),
        *("features.frame_px=24", "selection.warmup=0.25"),
    ],
)


def videos():
    chance = torch.Generator().manual_seed(5)
    words = ("cut", "stir", "pour", "the", "carrot", "lemon")
    return [
        NarratedVideo(
            f"v{number}",
            f"{number:064d}",
            torch.randn(9 + number, 9, 4, 24, generator=chance),
            tuple(
                Sentence(at, at + 1.0, f"{words[(number + at) % 6]} {words[number % 5]} the")
                for at in range(0, 9, 2 + number % 2)
            ),
        )
        for number in range(7)
    ]


def gradients(processes):
    """Losses and gradients of one batch in float64; those of the whole batch on every process."""
    encoder = encoder_of()
    with repeatable(0):
        model = build_model(SETTINGS, encoder).double()
        clips = NarratedClips(videos(), encoder, SETTINGS.training, processes)
        batch, _ = clips.batch(7)
        object.__setattr__(batch, "inputs_BU", batch.inputs_BU.double())
        marks = Narration(clips, SETTINGS, processes).marks(model, batch, 7)
        torch.stack(list(marks.losses.values())).sum().backward()
    processes.sum_gradients(list(model.parameters()))
    found = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return found | {name: loss.detach() for name, loss in marks.losses.items()}


def encoder_of():
    return encoder_for(SETTINGS).listen(s.text for video in videos() for s in video.sentences)


def killed_at(step_of_death):
    real = Narration.marks

    def marks(self, model, batch, step):
        if step == step_of_death:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, model, batch, step)

    return marks


def main(folder, what):
    torch.set_num_threads(1)
    with joined(torch.device("cpu")) as processes:
        if what == "begin":
            found = gradients(processes)
            whole = train(folder / "whole", videos(), encoder_of(), SETTINGS, processes)
            if processes.leads:
                torch.save(found, folder / "gradients.pt")
                torch.save(whole.state_dict(), folder / "whole.pt")
            Narration.marks = killed_at(5)
        cut = train(folder / "cut", videos(), encoder_of(), SETTINGS, processes)
        if processes.leads:
            torch.save(cut.state_dict(), folder / "cut.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
