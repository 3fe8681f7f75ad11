"""A study's file, and the rows that its tables have."""

from dataclasses import replace
from pathlib import Path

import pytest

from stg_model.errors import SettingsError
from stg_model.settings import Settings
from stg_model.study.settings import load_study
from stg_model.study.variants import REFERENCE, TABLES

EXAMPLES = Path(__file__).parents[3] / "examples"


def test_the_examples_file_is_a_study_of_the_examples_model():
    study = load_study(EXAMPLES / "study.toml")
    assert (study.plan.model_seeds, study.plan.world_seeds) == (5, 3)
    assert study.plan.tables == tuple(TABLES)
    assert [world.seed for world in study.worlds] == [100, 101, 102]
    assert {world.open for world in study.worlds} == {0}
    same_seeds = replace(study.worlds[1], seed=0, open=study.world.open)
    assert same_seeds == study.world


def test_a_study_names_its_model_beside_itself_and_its_worlds_inside(tmp_path):
    (tmp_path / "model.toml").write_text("[training]\nsteps = 7\n")
    path = tmp_path / "study.toml"
    path.write_text("model = 'model.toml'\nworld_seeds = 1\n[world]\ntrain = 5\n")
    study = load_study(path, ["model_seeds=2", "tables=['losses']"], ["training.batch=19"])
    assert (study.model.training.steps, study.model.training.batch) == (7, 19)
    assert (study.plan.world_seeds, study.plan.model_seeds) == (1, 2)
    assert study.world.train == 5
    assert load_study().model == Settings()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model_seeds = 0", "model_seeds must be 1 or more, got 0"),
        ("first_world_seed = -1", "first_world_seed must be 0 or more"),
        ("seeds = 3", r"study\.toml: seeds: no such setting; the nearest is \w*_seeds"),
        ("tables = ['loss']", "tables must be some of baselines, selection, losses, attention"),
        ("world = 3", "'world' must be a section"),
        ("[world]\ntrains = 3", r"\[world\]: trains: no such setting; the nearest is train"),
        ("model = 3", "model must name a file, got 3"),
        ("model = 'none.toml'", r"none\.toml: cannot be read as TOML"),
    ],
)
def test_an_impossible_study_is_refused_in_one_line(tmp_path, text, says):
    path = tmp_path / "study.toml"
    path.write_text(text + "\n")
    with pytest.raises(SettingsError, match=says):
        load_study(path)


def test_a_frozen_backbone_is_refused_before_any_work():
    with pytest.raises(SettingsError, match="backbone must be tiny in a study, got clip"):
        load_study(None, [], ["features.backbone=clip"])


def test_every_table_has_the_reference_among_its_rows_but_for_the_controls():
    reference = REFERENCE.settings(Settings(), seed=3)
    assert reference.training.seed == 3
    for name, table in TABLES.items():
        names = [variant.name for variant in table.variants]
        assert len(set(names)) == len(names)
        same = [v.name for v in table.variants if v.settings(Settings(), 3) == reference]
        own = [v for v in table.variants if v.narration == "own"]
        assert len(same) == (len(table.variants) if name == "baselines" else 1)
        assert bool(own) == (name != "baselines")


def test_each_row_changes_what_its_table_is_about_alone():
    sections = {
        "selection": {"selection"},
        "losses": {"loss", "selection"},
        "attention": {"network"},
    }
    for table, allowed in sections.items():
        for variant in TABLES[table].variants:
            assert {change.split(".")[0] for change in variant.changes} <= allowed
    methods = {v.settings(Settings(), 0).selection.method for v in TABLES["selection"].variants}
    assert methods == {"none", "random", "global", "local", "word_max", "sinkhorn"}
