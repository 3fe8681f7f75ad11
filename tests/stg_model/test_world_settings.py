"""The world's settings: read like the model's, and without change the world of before."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from stg_model.cli import main
from stg_model.config import load
from stg_model.errors import SettingsError
from stg_model.world.actions import ACTIONS
from stg_model.world.backdrop import furnish
from stg_model.world.narrate import narrate
from stg_model.world.render import Camera, Printer
from stg_model.world.scene import plan_set
from stg_model.world.settings import WorldSettings
from stg_model.world.staging import box_at
from stg_model.world.world import video_digest

TINY = WorldSettings(
    seed=4,
    train=2,
    validation=1,
    held_out=1,
    open=0,
    train_size=(128, 96),
    annotated_size=(160, 120),
    video_s=(30.0, 45.0),
    segment_s=(4.0, 6.0),
    gap_s=(2.0, 4.0),
    hidden_share=0.3,
)
BEFORE = {
    "w4-train-000": (
        "3e38d9ec1be54bd7",
        "46eab501fc0e96e8",
        "2756bfcb2892171d",
        "7e966783a5854366",
    ),
    "w4-train-001": (
        "946c5322daa8e057",
        "697fa24575bf7d0c",
        "aaa77068f7d0835b",
        "151e77713a989d15",
    ),
    "w4-held-out-000": (
        "9045efa0de7e111b",
        "00383161320dca8f",
        "963561b836df5e22",
        "9d0924bb4be51bdb",
    ),
}
"""What the first version planned, said, filmed and held for true, as digests."""


def sha256(content):
    return hashlib.sha256(content).hexdigest()[:16]


def filmed(plan):
    """The pictures of some moments as the encoder gets them."""
    printer, camera = Printer(), Camera(plan)
    grain = np.zeros((plan.height, plan.width), np.uint8)
    frames = (printer.print(camera.shot_at(t + 0.25), grain) for t in range(0, 30, 5))
    return b"".join(frame.to_ndarray(format="yuv420p").tobytes() for frame in frames)


def digests(plan):
    told = [(s.start_s, s.end_s, s.text) for s in narrate(TINY, plan)]
    boxes = [box_at(plan, float(s)) for s in range(int(plan.duration_s))]
    contents = (json.dumps(told).encode(), filmed(plan), repr(boxes).encode())
    return video_digest(plan)[:16], *map(sha256, contents)


def test_the_defaults_render_what_they_always_did():
    plans = [*plan_set(TINY, "train"), *plan_set(TINY, "held-out")]
    assert {plan.video_id: digests(plan) for plan in plans} == BEFORE


def test_settings_come_from_a_file_and_from_set(tmp_path):
    path = tmp_path / "world.toml"
    path.write_text(
        "train = 7\nverbs = ['cut', 'stir']\nvideo_s = [50, 60.5]\ndistractors = false\n"
    )
    settings = load(WorldSettings(), path, ["train=9", "annotated_size=[320, 240]"])
    assert (settings.train, settings.verbs) == (9, ("cut", "stir"))
    assert (settings.video_s, settings.annotated_size) == ((50.0, 60.5), (320, 240))
    assert not settings.distractors


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("trains=3", "no such setting; the nearest is train"),
        ("video_s=[3]", r"must be a row of 2 values, got \[3\]"),
        ("video_s=90", "must be a row of 2 values, got 90"),
        ("train_size=[320, 240.5]", r"must be int, got 240\.5"),
        ("verbs=[1]", "must be str, got 1"),
        ("verbs=cut", "must be a row of 1 values"),
        ("verbs=['cut','fry']", "verbs must be some of cut, stir, pour, shake, got fry"),
        ("objects=['jam']", r"actions_per_video must lie in 1\.\.2, got 4; so many pairs"),
        ("shift_sd_s=-1", "shift_sd_s must be 0 or more"),
        ("train", "must look like name=value"),
    ],
)
def test_impossible_settings_are_refused_in_one_line(change, says):
    with pytest.raises(SettingsError, match=says):
        load(WorldSettings(), None, [change])


def test_a_world_of_fewer_verbs_shows_and_tells_these_alone():
    settings = replace(TINY, train=20, verbs=("cut", "pour"), actions_per_video=2)
    assert [a.description for a in settings.actions] == [
        *("cut salad", "cut pancake", "pour pancake", "cut carrot", "pour soup", "pour milk")
    ]
    plans = plan_set(settings, "train")
    assert {p.action for plan in plans for p in plan.performances} == set(settings.actions)
    said = {word for plan in plans for s in narrate(settings, plan) for word in s.text.split()}
    assert {"cut", "pour"} <= said
    assert not {"stir", "shake", "jam"} & said
    assert WorldSettings().actions == ACTIONS


def test_without_distractors_only_what_is_used_lies_there():
    (plan,) = plan_set(replace(TINY, train=1), "train")
    (bare,) = plan_set(replace(TINY, train=1, distractors=False), "train")
    assert video_digest(plan) != video_digest(bare)
    assert plan.takes == bare.takes
    full, empty = (furnish(one, one.scenes[0]) for one in (plan, bare))
    assert full.mover == empty.mover
    changed = np.asarray(full.still) != np.asarray(empty.still)
    assert 0.005 < changed.any(axis=2).mean() < 0.2


def test_a_sentence_knows_what_it_is_about():
    for plan in plan_set(replace(TINY, train=10, compound_share=0.5), "train"):
        for sentence in narrate(TINY, plan):
            words = sentence.text.split()
            assert all(p in plan.performances for p in sentence.about)
            assert all({p.action.verb, p.action.thing} <= set(words) for p in sentence.about)
            assert bool(sentence.about) == any(v in words for v in ("cut", "stir", "pour", "shake"))


def test_the_command_takes_a_file_settings_and_its_own_options(tmp_path):
    config = tmp_path / "world.toml"
    config.write_text("train = 5\nvalidation = 0\nheld_out = 0\nopen = 0\nseed = 3\n")
    out = tmp_path / "world"
    arguments = ["render-world", str(out), "--config", str(config), "--train", "0"]
    arguments += ["--narration-shift", "5", "2", "--set", "noise_share=0.25"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    written = json.loads((out / "world.json").read_text())["settings"]
    assert (written["seed"], written["train"], written["held_out"]) == (3, 0, 0)
    assert (written["shift_mean_s"], written["shift_sd_s"]) == (5.0, 2.0)
    assert written["noise_share"] == 0.25
    wrong = CliRunner().invoke(main, [*arguments[:2], "--set", "trains=1"])
    assert wrong.exit_code == 1
    assert "the nearest is train" in wrong.output
