import pytest

from stg_model.config import load, load_settings, settings_from_json
from stg_model.errors import SettingsError
from stg_model.settings import Settings


def test_defaults_are_the_tiny_configuration():
    settings = Settings()
    assert (settings.training.window_s, settings.selection.n_frames) == (16, 6)
    assert (settings.selection.epsilon, settings.selection.max_iterations) == (0.2, 20)
    assert settings.selection.readout == "qp"
    assert (settings.network.cross_attention, settings.network.cross_temperature) == (
        "cosine",
        0.07,
    )
    assert settings.network.self_attention_scope == "frame"
    assert not settings.network.second_cross_residual


def test_a_file_changes_the_defaults_and_set_changes_the_file(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text("[training]\nsteps = 7\nbatch = 9\n[loss]\ntemperature = 1\n")
    settings = load_settings(path, ["training.batch=11", "network.cross_attention=dot_scaled"])
    assert (settings.training.steps, settings.training.batch) == (7, 11)
    assert settings.loss.temperature == 1.0
    assert settings.network.cross_attention == "dot_scaled"


def test_what_must_fit_together_is_looked_at_when_file_and_texts_are_read(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text("[training]\nbatch = 8\n")
    assert load_settings(path, ["training.local_batch=8"]).training.local_batch == 8
    whole = load_settings(None, ["features.backbone=clip", "training.local_batch=64"])
    assert whole.training.local_batch == whole.training.batch == 64
    stored = Settings().to_json()
    stored["training"]["batch"] = 6  # of a checkpoint; nothing broke by it
    old = settings_from_json(stored, "config.json")
    assert load(old, None, ["inference.window_s=8"]).training.local_batch == 10
    with pytest.raises(SettingsError, match=r"must be at most training\.batch, 7 "):
        load(old, None, ["training.batch=7"])


def test_an_unknown_key_is_refused_and_the_nearest_is_named():
    with pytest.raises(SettingsError, match=r"training\.stepz.*nearest is training\.steps"):
        load_settings(None, ["training.stepz=3"])


def test_an_unknown_key_in_a_file_names_the_file(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("[selection]\nreadouts = 'qp'\n")
    with pytest.raises(SettingsError, match=r"bad\.toml: selection\.readouts.*selection\.readout"):
        load_settings(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("selection.readout=best", "one of max, qp, sum, round_robin, got 'best'"),
        ("training.steps=many", "must be int, got 'many'"),
        ("training.steps=1.5", "must be int, got 1.5"),
        ("training.steps=true", "must be int, got True"),
        ("training.learning_rate=nan", "must be float, got nan"),
        ("training.steps=0", "must be 1 or more, got 0"),
        ("network.cell_px=0", "must be 1 or more, got 0"),
        ("training.batch=1", "must be 2 or more, got 1"),
        ("training.local_batch=1", "must be 2 or more, got 1"),
        ("training.weight_decay=-1", "must be 0 or more, got -1.0"),
        ("loss.temperature=0", "must be 1e-06 or more, got 0.0"),
        ("network.cross_temperature=1e-40", "must be 1e-06 or more, got 1e-40"),
        ("network.dim=100000000", r"network\.dim must be 8,192 or less \(.*\), got 100000000"),
        ("training.window_s=100000000", r"window_s must be 3,600 or less .*, got 100000000"),
        ("training.seed=99999999999999999999999", r"must be 9,223,372,036,854,775,807 or less"),
        ("inference.share_blur=1e9", r"must be 100 or less .*, got 1000000000\.0"),
        ("training.local_batch=49", r"must be at most training\.batch, 48 .*, got 49"),
        ("selection.n_frames=17", r"must be at most training\.window_s, 16 .*, got 17"),
        ("world.train=4", "no such setting; sections are features, network, selection, loss"),
        ("selection.warmup=1.2", r"must be within 0\.\.1, got 1.2"),
        ("network.normalise_scores=1", "must be bool, got 1"),
        ("features.frame_px=60", "must be a multiple of 8, got 60"),
        ("inference.smoothing_s=2", "must be odd, got 2"),
        ("training.steps", "must look like section.key=value"),
        ("training=3", "no such setting"),
    ],
)
def test_an_impossible_value_is_refused_with_what_would_do(change, message):
    with pytest.raises(SettingsError, match=message):
        load_settings(None, [change])


def test_a_file_that_is_no_toml_is_one_clear_error(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("[training\n")
    with pytest.raises(SettingsError, match=r"bad\.toml: cannot be read as TOML"):
        load_settings(path)


def test_a_value_outside_a_section_is_refused(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("steps = 3\n")
    with pytest.raises(SettingsError, match="'steps' must be a section"):
        load_settings(path)


def test_settings_survive_json_and_keep_their_digest():
    settings = load_settings(None, ["inference.background_threshold=0.25", "training.seed=4"])
    again = settings_from_json(settings.to_json(), "here")
    assert again == settings
    assert again.digest == settings.digest != Settings().digest


def test_every_setting_is_explained_where_it_stands():
    from pathlib import Path

    from stg_model import settings as records

    source = Path(records.__file__).read_text(encoding="utf-8")
    for section in Settings.__dataclass_fields__.values():
        for name in section.default_factory.__dataclass_fields__:
            line = source[source.index(f"    {name}: ") :].split("\n")
            end = next(i for i, text in enumerate(line) if i and '"""' in text)
            assert end <= 3, name


@pytest.mark.parametrize("side", [0.0, 0.005, 1.2])
def test_a_side_of_the_box_is_a_share_of_the_frame_that_can_be_seen(side):
    with pytest.raises(SettingsError, match=r"inference.box_width must be within 0\.01\.\.1"):
        load_settings(None, [f"inference.box_width={side}"])


def test_a_threshold_can_be_set_back_to_none():
    assert load_settings(None, ["inference.mask_threshold=none"]).inference.mask_threshold is None


def test_a_frozen_backbone_has_defaults_of_its_own_and_what_is_named_still_wins(tmp_path):
    tiny, clip = load_settings(), load_settings(None, ["features.backbone=clip"])
    assert (tiny.network.dim, tiny.network.cross_attention, tiny.loss.temperature) == (
        32, "cosine", 0.1
    )  # fmt: skip
    assert (clip.network.dim, clip.network.cross_attention, clip.loss.temperature) == (
        512, "dot_scaled", 1.0
    )  # fmt: skip
    file = tmp_path / "s3d.toml"
    file.write_text('[features]\nbackbone = "s3d"\n[network]\ndim = 64\n')
    s3d = load_settings(file, ["selection.epsilon=0.2"])
    assert (s3d.network.dim, s3d.selection.epsilon) == (64, 0.2)
    assert s3d.selection.n_frames == 8
    assert settings_from_json(s3d.to_json(), "config.json") == s3d
