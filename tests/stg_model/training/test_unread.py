"""Settings that were changed though nothing reads them."""

import pytest

from stg_model.config import load_settings
from stg_model.settings import Settings
from stg_model.training.unread import UNREAD, unread


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([], []),
        (["training.steps=3", "loss.margin=0.2"], []),
        (["features.crop=square"], ["features.crop (features.backbone is tiny)"]),
        (["features.backbone=clip", "features.crop=square"], []),
        (
            ["features.backbone=s3d", "features.legacy_pixels=true", "features.clip_frames=8"],
            ["features.legacy_pixels (features.backbone is s3d)"],
        ),
        (
            ["network.form=plain", "network.compile=true"],
            ["network.compile (network.form is plain)"],
        ),
        (["loss.kind=milnce", "loss.margin=0.2"], ["loss.margin (loss.kind is milnce)"]),
    ],
)
def test_a_changed_setting_that_nothing_reads_is_named_with_the_reason(changes, said):
    assert list(unread(load_settings(None, changes))) == said


def test_the_table_names_settings_and_values_that_exist():
    known = {f"{s}.{key}" for s, values in Settings().to_json().items() for key in values}
    for decider, values, names in UNREAD:
        assert {decider, *names} <= known
        for value in values:
            load_settings(None, [f"{decider}={value}"])
