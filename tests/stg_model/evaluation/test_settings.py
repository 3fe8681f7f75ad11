from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict

import pytest

from dataset_builder.errors import InputError
from stg_model.evaluation.settings import CHOICES, EvaluationSettings


def test_every_setting_has_its_choices_and_the_default_is_the_first():
    assert asdict(EvaluationSettings()) == {name: names[0] for name, names in CHOICES.items()}


def test_a_name_that_no_rule_has_is_refused():
    with pytest.raises(InputError, match="decoder must be one of exact, got 'released'"):
        EvaluationSettings(decoder="released")


def test_the_digest_changes_with_a_rule_and_only_then():
    assert EvaluationSettings().digest == EvaluationSettings(clips="benchmark").digest
    assert EvaluationSettings().digest != EvaluationSettings(clips="all").digest


def test_the_digest_is_the_same_in_another_process():
    program = "from stg_model.evaluation import EvaluationSettings as S; import sys\n"
    program += "sys.stdout.write(S().digest)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == EvaluationSettings().digest
