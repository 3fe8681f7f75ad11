from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict

import pytest

from dataset_builder.errors import InputError
from stg_model.evaluation import settings
from stg_model.evaluation.settings import CHOICES, EvaluationSettings, settings_from


def test_every_setting_has_its_choices_and_the_default_is_the_first():
    defaults = asdict(EvaluationSettings())
    assert {name: defaults[name] for name in CHOICES} == {n: c[0] for n, c in CHOICES.items()}
    numbers = {name for name, value in defaults.items() if not isinstance(value, str)}
    assert numbers == defaults.keys() - CHOICES.keys()


def test_a_name_that_no_rule_has_is_refused():
    with pytest.raises(InputError, match="decoder must be one of exact, released, got 'fast'"):
        EvaluationSettings(decoder="fast")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mask_threshold", 1.0),
        ("mask_threshold", float("nan")),
        ("mask_threshold", -0.0),
        ("mask_grid", 0),
        ("mask_grid", 1001),
        ("mask_grid", 160.0),
        ("frame_iou_threshold", -0.1),
        ("frame_iou_threshold", -0.0),
        ("frame_iou_threshold", 0.30000001),
        ("tube_iou_thresholds", ()),
        ("tube_iou_thresholds", (0.5, 0.3)),
        ("tube_iou_thresholds", (0.3, 0.3)),
        ("tube_iou_thresholds", (0.3, 0.3000001)),
        ("tube_iou_thresholds", (0.3, "0.5")),
        ("tube_iou_thresholds", ([], {})),
        ("query_iou_thresholds", (0.3, 1.0)),
        ("query_iou_thresholds", [0.3]),
        ("tube_gap_s", -1),
        ("tube_gap_s", True),
    ],
)
def test_a_number_out_of_range_is_refused(name, value):
    with pytest.raises(InputError, match=f"evaluation setting {name} must be"):
        EvaluationSettings(**{name: value})


def test_rules_are_read_from_text():
    found = settings_from(
        ["region=mask", "mask_threshold=0.4", "tube_gap_s=2", "tube_iou_thresholds=0.2,0.5"],
        clips="all",
    )
    assert found == EvaluationSettings(
        clips="all",
        region="mask",
        mask_threshold=0.4,
        tube_gap_s=2,
        tube_iou_thresholds=(0.2, 0.5),
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("region", "a rule is name=value"),
        ("colour=red", "a rule is name=value, with a name of alignment_average"),
        ("tube_gap_s=some", "tube_gap_s: 'some' is no number"),
        ("region=heat", "region must be one of box, mask"),
    ],
)
def test_a_rule_that_cannot_be_read_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        settings_from([change])


def test_the_digest_changes_with_a_rule_and_only_then():
    assert EvaluationSettings().digest == EvaluationSettings(clips="benchmark").digest
    assert EvaluationSettings().digest != EvaluationSettings(clips="all").digest


def test_the_digest_tells_versions_of_the_rules_apart(monkeypatch):
    """A repair keeps the names of rules and raises the version: older numbers differ by it."""
    now = EvaluationSettings()
    monkeypatch.setattr(settings, "RULES_VERSION", now.rules_version + 1)
    assert EvaluationSettings(rules_version=now.rules_version + 1).digest != now.digest


@pytest.mark.parametrize("version", [1, 3, "2", None])
def test_rules_of_another_version_are_refused(version):
    with pytest.raises(InputError, match=rf"another version of the rules .*{version!r}.* has 2"):
        EvaluationSettings(rules_version=version)


@pytest.mark.parametrize(
    "changes",
    [
        {"frame_iou_threshold": 0.0},
        {"tube_iou_thresholds": (0.0, 0.5)},
        {"query_iou_thresholds": (0.0,)},
    ],
)
def test_an_iou_that_everything_reaches_is_no_threshold(changes):
    (name,) = changes
    with pytest.raises(InputError, match=f"{name} must be above 0 with iou_comparison >="):
        EvaluationSettings(iou_comparison=">=", **changes)
    assert EvaluationSettings(**changes)


def test_a_setting_has_one_value():
    assert settings_from(["clips=all", "clips=all"], clips="all").clips == "all"
    with pytest.raises(InputError, match="clips is asked for as all and as benchmark; choose one"):
        settings_from(["clips=benchmark"], clips="all")
    with pytest.raises(InputError, match="tube_gap_s is asked for as 1 and as 2; choose one"):
        settings_from(["tube_gap_s=1", "tube_gap_s=2"])


def test_the_digest_is_the_same_in_another_process():
    program = "from stg_model.evaluation import EvaluationSettings as S; import sys\n"
    program += "sys.stdout.write(S().digest)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == EvaluationSettings().digest
