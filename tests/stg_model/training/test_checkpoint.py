import json
from dataclasses import replace

import pytest
import safetensors.torch
import torch

from dataset_builder.errors import InputError
from stg_model.config import load_settings
from stg_model.errors import CheckpointError, ModelError, SettingsError
from stg_model.features.tiny import TinyEncoder
from stg_model.features.words import Vocabulary
from stg_model.training.checkpoint import (
    CONFIG_NAME,
    RESUME_NAME,
    WEIGHTS_NAME,
    Checkpoint,
    build_model,
    load_checkpoint,
    save_checkpoint,
)

WORDS = ("carrot", "cut")
TRAINED_ON = {"n_videos": 2, "n_sentences": 5, "transcripts_sha256": "ab"}


@pytest.fixture
def checkpoint():
    settings = load_settings(None, ["network.dim=8", "inference.background_threshold=0.3"])
    torch.manual_seed(0)
    encoder = TinyEncoder(settings, Vocabulary(WORDS))
    return Checkpoint(build_model(settings, encoder).eval(), settings, encoder, TRAINED_ON)


def test_a_checkpoint_comes_back_as_it_was_saved(checkpoint, tmp_path):
    saved = save_checkpoint(tmp_path, checkpoint)
    loaded = load_checkpoint(tmp_path)
    assert loaded.settings == checkpoint.settings
    assert loaded.encoder == checkpoint.encoder
    assert loaded.trained_on == checkpoint.trained_on
    assert loaded.digest == saved.digest
    assert not loaded.model.training
    for name, value in checkpoint.model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], value)


def test_the_digest_follows_content_and_not_the_place(checkpoint, tmp_path):
    digests = [save_checkpoint(tmp_path / name, checkpoint).digest for name in ("a", "b")]
    assert digests[0] == digests[1]
    with torch.no_grad():
        checkpoint.model.local_branch.word_projection.bias[0] += 1
    assert save_checkpoint(tmp_path / "c", checkpoint).digest != digests[0]
    encoder = TinyEncoder(checkpoint.settings, Vocabulary(("carrot", "dice")))
    other = replace(checkpoint, encoder=encoder)
    assert save_checkpoint(tmp_path / "d", other).digest != digests[0]


def test_weights_that_the_config_does_not_describe_are_refused(checkpoint, tmp_path):
    save_checkpoint(tmp_path, checkpoint)
    weights = safetensors.torch.load_file(tmp_path / WEIGHTS_NAME)
    weights["global_branch.word_projection.bias"] += 1
    safetensors.torch.save_file(weights, tmp_path / WEIGHTS_NAME)
    with pytest.raises(CheckpointError, match=r"not the weights that config\.json describes"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("value", [torch.nan, -torch.inf])
def test_weights_that_are_no_finite_numbers_are_refused_by_name(checkpoint, tmp_path, value):
    with torch.no_grad():
        checkpoint.model.local_branch.word_projection.bias[3] = value
    save_checkpoint(tmp_path, checkpoint)
    with pytest.raises(
        CheckpointError, match=r"local_branch\.word_projection\.bias holds"
    ) as caught:
        load_checkpoint(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", ["missing", "renamed", "extra", "shape"])
def test_loading_is_strict(checkpoint, tmp_path, change):
    """The released code drops attention weights in silence after a wrong rename; never here."""
    save_checkpoint(tmp_path, checkpoint)
    weights = safetensors.torch.load_file(tmp_path / WEIGHTS_NAME)
    name = "local_branch.region_attention.out.weight"
    if change in ("missing", "renamed", "shape"):
        value = weights.pop(name)
    if change == "renamed":
        weights[name.replace("region", "visual")] = value
    if change == "shape":
        weights[name] = value[:, :-1].contiguous()
    if change == "extra":
        weights["more"] = torch.zeros(1)
    safetensors.torch.save_file(weights, tmp_path / WEIGHTS_NAME)
    config = json.loads((tmp_path / CONFIG_NAME).read_text())
    from dataset_builder.tables import sha256_file

    config["weights_sha256"] = sha256_file(tmp_path / WEIGHTS_NAME)
    (tmp_path / CONFIG_NAME).write_text(json.dumps(config))
    wrong = "more" if change == "extra" else name
    with pytest.raises(CheckpointError, match=wrong):
        load_checkpoint(tmp_path)


def test_a_folder_that_is_no_checkpoint_is_one_clear_error(checkpoint, tmp_path):
    with pytest.raises(CheckpointError, match="give the folder that train wrote"):
        load_checkpoint(tmp_path / "none")
    save_checkpoint(tmp_path, checkpoint)
    (tmp_path / WEIGHTS_NAME).unlink()
    with pytest.raises(CheckpointError, match=r"model\.safetensors: missing"):
        load_checkpoint(tmp_path)


def test_an_unfinished_run_says_what_to_do(tmp_path):
    (tmp_path / RESUME_NAME).write_bytes(b"")
    with pytest.raises(CheckpointError, match="unfinished; run the same train command again"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(
            (key, value)
            for key in ("encoder", "settings", "trained_on")
            for value in (None, 7, "x")
        ),
        *(("encoder", value) for value in ({}, {"vocabulary": 3}, {"backbone": [2]})),
        ("encoder", {"backbone": "tiny", "vocabulary": 3}),
        ("trained_on", [1]),
        *(
            ("trained_on", TRAINED_ON | {name: [7]})
            for name in (*TRAINED_ON, "thresholds", "release")
        ),
        ("trained_on", TRAINED_ON | {"release": {"name": "r"}}),
        ("settings", {"network": {"dim": 10**9}}),
        ("weights_sha256", None),
    ],
)
def test_a_damaged_config_is_one_clear_error(checkpoint, tmp_path, key, value):
    save_checkpoint(tmp_path, checkpoint)
    config = json.loads((tmp_path / CONFIG_NAME).read_text())
    config[key] = value
    (tmp_path / CONFIG_NAME).write_text(json.dumps(config))
    with pytest.raises((ModelError, InputError)) as caught:
        load_checkpoint(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", "other", "is no grounding-checkpoint"),
        ("format_version", 9, "format_version 9 is not 2; train again"),
        ("encoder", None, "lacks 'encoder'"),
        ("encoder", {"backbone": "tiny"}, "lacks 'vocabulary'"),
        ("trained_on", {"n_videos": 2}, "lacks 'n_sentences'"),
        ("trained_on", TRAINED_ON | {"thresholds": "x"}, r"\(trained_on\.thresholds is 'x'\)"),
        ("settings", {"network": {"depth": 3}}, r"network\.depth: no such setting"),
    ],
)
def test_a_config_of_another_kind_is_refused(checkpoint, tmp_path, key, value, message):
    save_checkpoint(tmp_path, checkpoint)
    config = json.loads((tmp_path / CONFIG_NAME).read_text())
    if value is None:
        del config[key]
    else:
        config[key] = value
    (tmp_path / CONFIG_NAME).write_text(json.dumps(config))
    with pytest.raises(ModelError, match=message) as caught:
        load_checkpoint(tmp_path)
    assert isinstance(caught.value, SettingsError if key == "settings" else CheckpointError)
