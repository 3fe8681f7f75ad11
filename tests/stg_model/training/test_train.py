import json
import math
import os
from dataclasses import replace

import PIL.Image
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from stg_model.config import load_settings
from stg_model.errors import CheckpointError, TrainingError
from stg_model.features.encoders import encoder_for
from stg_model.settings import Settings
from stg_model.training.checkpoint import RESUME_NAME
from stg_model.training.processes import ALONE
from stg_model.training.run_log import CURVES_NAME, METRICS_NAME, TENSORBOARD_NAME
from stg_model.training.train import (
    Marks,
    Narration,
    parameter_groups,
    rate_factor,
    run_name,
    teach,
    train,
)

SMALL = [
    "training.steps=6",
    "training.batch=5",
    "training.local_batch=3",
    "training.save_every=2",
    "training.log_every=1",
    "training.tensorboard=false",
    "network.token_dim=8",
    "network.hidden_dim=8",
    "network.dim=8",
]


@pytest.fixture(scope="module")
def small(planted):
    """Five narrated videos, their encoder, and settings that train in a second."""
    settings = load_settings(None, SMALL)
    videos = [planted.narrated(video, settings) for video in planted.videos(5, seed=0)]
    return videos, encoder_of(videos, settings), settings


def encoder_of(videos, settings):
    return encoder_for(settings).listen(s.text for video in videos for s in video.sentences)


def weights_of(model):
    return torch.cat([value.flatten() for value in model.state_dict().values()])


def lines_of(folder):
    return [json.loads(line) for line in (folder / METRICS_NAME).read_text().splitlines()]


def untimed(folder):
    clocks = {"seconds", "waited_s"}
    return [{k: v for k, v in line.items() if k not in clocks} for line in lines_of(folder)]


def test_the_same_run_twice_gives_the_same_weights(small, tmp_path):
    first, second = train(tmp_path / "a", *small), train(tmp_path / "b", *small)
    assert torch.equal(weights_of(first), weights_of(second))


@pytest.mark.parametrize("change", [{"seed": 1}, {"weight_decay": 0.0}])
def test_another_seed_or_decay_gives_other_weights(small, tmp_path, change):
    videos, encoder, settings = small
    other = replace(settings, training=replace(settings.training, **change))
    first, second = train(tmp_path / "a", *small), train(tmp_path / "b", videos, encoder, other)
    assert not torch.allclose(weights_of(first), weights_of(second))


def test_training_leaves_torchs_own_generator_alone(small, tmp_path):
    before = torch.get_rng_state()
    train(tmp_path, *small)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_cut_run_goes_on_and_ends_as_if_it_had_not_been_cut(small, tmp_path, monkeypatch):
    whole = train(tmp_path / "whole", *small)
    real = Narration.marks

    def cut(self, model, batch, step):
        if step == 5:
            raise KeyboardInterrupt
        return real(self, model, batch, step)

    monkeypatch.setattr(Narration, "marks", cut)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", *small)
    with (tmp_path / "cut" / METRICS_NAME).open("a") as lines:
        lines.write('{"step": 5, "loss_gl')  # a kill may leave half a line
    steps = []
    monkeypatch.setattr(Narration, "marks", lambda *args: steps.append(args[-1]) or real(*args))
    again = train(tmp_path / "cut", *small)
    assert steps == [4, 5]  # saved after step 3; step 4 was done but lost
    assert torch.equal(weights_of(whole), weights_of(again))
    assert untimed(tmp_path / "cut") == untimed(tmp_path / "whole")
    assert [list(line) for line in lines_of(tmp_path / "cut")[:4]] == [
        list(line) for line in lines_of(tmp_path / "whole")[:4]
    ]


def test_a_finished_training_repeated_does_no_step_again(small, tmp_path, monkeypatch):
    first = train(tmp_path, *small)
    monkeypatch.setattr(Narration, "marks", None)
    assert torch.equal(weights_of(first), weights_of(train(tmp_path, *small)))


def test_the_state_of_another_run_is_refused(small, tmp_path):
    videos, encoder, settings = small
    train(tmp_path, *small)
    other = replace(settings, training=replace(settings.training, seed=1))
    with pytest.raises(CheckpointError, match="other settings or data"):
        train(tmp_path, videos, encoder, other)
    with pytest.raises(CheckpointError, match="other settings or data"):
        train(tmp_path, videos[:-1], encoder, settings)


def test_a_state_that_cannot_be_read_is_one_clear_error(small, tmp_path):
    (tmp_path / RESUME_NAME).write_bytes(b"not a state")
    with pytest.raises(CheckpointError, match=r"resume\.pt: cannot be read"):
        train(tmp_path, *small)


@pytest.mark.parametrize("state", [7, {}, {"run": 1}, {"run": "r", "step": "x", "model": 1}])
def test_a_state_of_another_kind_is_one_clear_error(small, tmp_path, state):
    torch.save(state, tmp_path / RESUME_NAME)
    with pytest.raises(CheckpointError, match=r"resume\.pt: cannot be read .* --force") as caught:
        train(tmp_path, *small)
    assert "\n" not in str(caught.value)


def test_a_hostile_or_cut_state_is_refused_and_not_run(small, tmp_path):
    videos, _, settings = small
    made = tmp_path / "made"
    torch.save({"run": Hostile(made)}, tmp_path / RESUME_NAME)
    with pytest.raises(CheckpointError, match="cannot be read"):
        train(tmp_path, *small)
    assert not made.exists()
    right = {"run": run_name(settings, videos), "step": 1, "model": {}, "optimiser": {}}
    torch.save(right, tmp_path / RESUME_NAME)
    with pytest.raises(CheckpointError, match="does not fit the model"):
        train(tmp_path, *small)
    whole = (tmp_path / RESUME_NAME).read_bytes()
    for n_bytes in range(0, len(whole), 97):
        (tmp_path / RESUME_NAME).write_bytes(whole[:n_bytes])
        with pytest.raises(CheckpointError, match="cannot be read"):
            train(tmp_path, *small)


class Hostile:
    """Unpickled, it would make a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_metrics_have_a_line_for_each_logged_step(small, tmp_path):
    train(tmp_path, *small)
    lines = lines_of(tmp_path)
    assert [line["step"] for line in lines] == [0, 1, 2, 3, 4, 5]
    assert {"loss_global", "loss_local", "lr", "grad_norm", "seconds", "waited_s"} <= set(lines[0])
    assert "sinkhorn_iterations" not in lines[0]  # the warm-up selects nothing
    assert {"sinkhorn_iterations", "sinkhorn_converged"} <= set(lines[-1])


def test_the_figures_go_to_tensorboard_and_onto_a_picture(small, tmp_path):
    videos, encoder, settings = small
    settings = replace(settings, training=replace(settings.training, tensorboard=True))
    train(tmp_path, videos, encoder, settings)
    (events,) = (tmp_path / TENSORBOARD_NAME).iterdir()
    accumulator = EventAccumulator(str(events)).Reload()
    found = [(event.step, event.value) for event in accumulator.Scalars("loss_global")]
    wanted = [(line["step"], pytest.approx(line["loss_global"])) for line in lines_of(tmp_path)]
    assert found == wanted
    with PIL.Image.open(tmp_path / CURVES_NAME) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 300


def test_a_loss_that_is_no_number_ends_the_run_and_names_the_clips(small, tmp_path):
    videos, encoder, settings = small
    broken = replace(videos[0], inputs_F=videos[0].inputs_F * torch.nan)
    with pytest.raises(
        TrainingError, match=r"0: the loss is nan.*loss\.temperature.*v0 \d+\.\d-\d+\.\d s 'now"
    ):
        train(tmp_path, [broken, *videos[1:]], encoder, settings)


def test_the_rate_rises_then_falls_to_zero():
    settings = replace(Settings().training, steps=100, rate_warmup=0.1)
    factors = [rate_factor(step, settings) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9] == factors[10] == 1
    assert factors[55] == pytest.approx(0.5 * (1 + math.cos(math.pi * 0.5)))
    assert factors == sorted(factors[:10]) + sorted(factors[10:], reverse=True)
    assert factors[99] < 0.001


def test_words_learn_faster_by_their_factor(small):
    _, _, settings = small
    model = torch.nn.Module()
    model.textual = torch.nn.Embedding(3, 2)
    model.other = torch.nn.Linear(2, 2)
    groups = parameter_groups(model, settings.training)
    assert [group["lr"] for group in groups] == [4e-3, pytest.approx(12e-3)]
    assert groups[1]["params"][0] is model.textual.weight


def test_weights_that_are_frozen_are_not_trained(small):
    _, _, settings = small
    model = torch.nn.Module()
    model.textual = torch.nn.Identity()
    model.other = torch.nn.Linear(2, 2).requires_grad_(False)
    model.other.bias.requires_grad_(True)
    (group,) = parameter_groups(model, settings.training)
    assert group["params"] == [model.other.bias]


def test_a_runs_name_follows_settings_sources_and_sentences(small):
    videos, _, settings = small
    changed_source = [replace(videos[0], source_sha256="9" * 64), *videos[1:]]
    changed_text = [replace(videos[0], sentences=videos[0].sentences[:-1]), *videos[1:]]
    names = {run_name(settings, v) for v in (videos, changed_source, changed_text)}
    assert len(names) == 3
    assert run_name(settings, videos) == run_name(settings, list(videos))


def test_a_gradient_that_is_no_number_ends_the_run_before_it_is_taken(small, tmp_path):
    _, _, settings = small
    model = torch.nn.Module()
    model.weight = torch.nn.Parameter(torch.zeros(1))

    class Root:
        def batch(self, step):
            return None, [f"clip {step}"]

        def marks(self, model, _batch, _step):
            return Marks({"loss": model.weight.sqrt().sum()})

    groups = [{"params": [model.weight], "lr": 1.0}]
    with pytest.raises(TrainingError, match=r"step 0: the gradient is (inf|nan).*clip 0"):
        teach(tmp_path, model, groups, Root(), settings=settings, run="r", processes=ALONE)
    assert model.weight.item() == 0


@pytest.mark.learning
def test_from_sentences_alone_the_model_learns_what_when_and_where(planted, tmp_path):
    """Planted answers: losses fall below chance, peaks lie in the squares, seconds get names."""
    from stg_model.inference.grounding import point_predictions, score_video, second_predictions
    from stg_model.training.checkpoint import Checkpoint

    changes = ["training.steps=80", "training.batch=24", "training.local_batch=8"]
    settings = load_settings(None, changes)
    videos = [planted.narrated(video, settings) for video in planted.videos(30, seed=0)]
    encoder = encoder_of(videos, settings)
    model = train(tmp_path, videos, encoder, settings)

    lines = lines_of(tmp_path)
    assert lines[0]["loss_global"] > 0.9 * 2 * math.log(24)
    assert lines[-1]["loss_global"] < 0.75 * lines[0]["loss_global"]
    checkpoint = Checkpoint(model, settings, encoder, {})
    hits, right, n_seconds, area = [], 0, 0, []
    for video in planted.videos(8, seed=99):
        scores = score_video(checkpoint, video.features, planted.actions())
        wanted = [(second, action) for second, (action, _) in video.truth.items()]
        for found in point_predictions(scores, wanted, settings.inference):
            box = video.truth[found.second][1]
            hits.append(box.contains(found.point))
            area.append(box.area)
        for second in second_predictions(scores, None):
            right += second.action_id == video.truth.get(second.second, (None,))[0]
            n_seconds += 1
    random_pointing = sum(area) / len(area)  # about 0.08
    assert sum(hits) / len(hits) > random_pointing + 0.4
    assert right / n_seconds > 0.6  # half of the seconds are background; nine names to choose from
