"""The gates of the rendered world: a short training learns what is done when, and that it is done.

One seed in a plain world (nothing lies about unused, gaps show a talking head, no action is hidden,
narration does not lag): what a fair amount of training must reach anywhere. What the full world
gives stands in docs/study.md.
"""

from dataclasses import replace

import pytest

from stg_model.config import load_settings
from stg_model.study import runs
from stg_model.study.runs import Run, do_run
from stg_model.study.variants import REFERENCE
from stg_model.world import WorldSettings, render_world

PLAIN = WorldSettings(
    seed=5,
    train=48,
    validation=3,
    held_out=6,
    open=0,
    train_size=(112, 84),
    annotated_size=(112, 84),
    frames_per_second=4,
    video_s=(50.0, 70.0),
    talking_head_share=1.0,
    hidden_share=0.0,
    distractors=False,
    narrated_share=1.0,
    shift_sd_s=1.0,
)
SHORT = ["training.steps=120", "training.batch=24", "training.local_batch=6"]
SEED = 1


@pytest.mark.learning
def test_a_short_training_passes_the_gates(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "SOURCES", ("global_shares",))  # the gates ask for no other
    render_world(tmp_path / "world", PLAIN, processes=1)
    run = Run(REFERENCE, load_settings(None, SHORT), SEED, PLAIN, tmp_path / "world")
    row = do_run(run).figures["global_shares"]
    assert row["auc"] > 0.7
    assert row["temporal_iou"] > 0.35
    unheard = replace(run, variant=replace(REFERENCE, narration="unheard"))
    untrained = do_run(unheard).figures["global_shares"]
    # Talking heads look different to any network, so untrained ones tell them apart already.
    assert row["auc"] > untrained["auc"] + 0.05
    assert row["temporal_iou"] > untrained["temporal_iou"] + 0.2
