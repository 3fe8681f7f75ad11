"""docs/training.md names every setting with its default, every kind of file and every figure."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from stg_model.settings import Settings
from stg_model.training.transcripts.reading import SUFFIXES

TEXT = (Path(__file__).parents[3] / "docs/training.md").read_text(encoding="utf-8")
TABLE = TEXT.partition("## Settings")[2].partition("\n## ")[0]
SECTIONS = ("training", "loss", "fine_tuning")
SETTINGS = [
    (f"{section}.{entry.name}", getattr(getattr(Settings(), section), entry.name))
    for section in SECTIONS
    for entry in fields(getattr(Settings(), section))
]


@pytest.mark.parametrize(("name", "default"), SETTINGS)
def test_every_setting_stands_in_the_table_with_its_default(name, default):
    row = re.search(rf"^\| `{re.escape(name)}` \| (\S+) \|", TABLE, re.MULTILINE)
    assert row, f"{name} is not in docs/training.md"
    shown = row[1].strip("`")
    wanted = str(default).lower() if isinstance(default, bool) else default
    assert shown == wanted if isinstance(wanted, str) else float(shown) == wanted


def test_no_setting_stands_there_that_does_not_exist():
    named = set(re.findall(rf"`((?:{'|'.join(SECTIONS)})\.\w+)", TEXT))
    assert named == {name for name, _ in SETTINGS}


def test_every_kind_of_narration_is_named():
    for suffix in SUFFIXES:
        assert f"`{suffix}`" in TEXT


def test_every_figure_of_the_metrics_is_named(planted, tmp_path):
    import json

    from stg_model.config import load_settings
    from stg_model.features.encoders import encoder_for
    from stg_model.training.train import train

    changes = ("steps=2", "batch=3", "local_batch=2", "log_every=1", "tensorboard=false")
    settings = load_settings(None, [f"training.{c}" for c in changes] + ["selection.warmup=0"])
    videos = [planted.narrated(video, settings) for video in planted.videos(3, seed=0)]
    encoder = encoder_for(settings).listen(s.text for v in videos for s in v.sentences)
    train(tmp_path, videos, encoder, settings)
    for name in json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1]):
        assert f"`{name}`" in TEXT
