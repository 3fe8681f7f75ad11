"""Four small video files with narration, and a checkpoint that four steps made of them."""

import json

import pytest

from tests.stg_model.commands.planted_set import SMALL, run, train_command, write_set


@pytest.fixture(scope="session")
def world(planted, tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("world"), planted)


@pytest.fixture(scope="session")
def trained(world, tmp_path_factory):
    """A checkpoint that four steps made of three videos, calibrated on the fourth."""
    out = tmp_path_factory.mktemp("model") / "out"
    result = run(*train_command(world, out), "--validation", world / "validation", *SMALL, "--json")
    assert result.exit_code == 0, result.output
    return out, json.loads(result.stdout)
