"""A whole study in miniature: every run once, gone on with, and told as it came out."""

import json
import shutil
from dataclasses import replace

import pytest
from click.testing import CliRunner
from PIL import Image

from stg_model.cli import main
from stg_model.config import load_settings
from stg_model.study import conduct, runs, writing
from stg_model.study.report import COMPARED, study_markdown
from stg_model.study.settings import Study, StudyPlan
from stg_model.study.variants import REFERENCE, TABLES

STEPS = [
    "training.steps=1",
    "training.batch=4",
    "training.local_batch=2",
    "network.dim=8",
    "network.token_dim=8",
    "network.hidden_dim=8",
]
PLAN = StudyPlan(model_seeds=2, world_seeds=1, first_world_seed=7, tables=("baselines", "losses"))


@pytest.fixture(scope="module")
def done(tiny_study_world, tmp_path_factory):
    """The study, its folder and what it found."""
    world, rendered = tiny_study_world
    out = tmp_path_factory.mktemp("studied")
    shutil.copytree(rendered, out / "worlds/w7")
    study = Study(PLAN, world, load_settings(None, STEPS))
    return study, out, conduct.conduct(study, out)


def test_every_variant_is_run_once_for_each_world_and_seed(done):
    _, out, results = done
    names = sorted(path.stem for path in (out / "runs").glob("*-baselines.json"))
    assert names == ["w7-baselines"]
    names = sorted(path.stem[:-9] for path in (out / "runs").glob("*-m*.json"))
    # "both" is what the model does anyway: its row shows the reference's runs.
    variants = ["as-configured", "global-alone", "local-alone-none-selected"]
    variants += ["narration-of-other-videos", "untrained"]
    assert names == sorted(f"w7-m{s}-{v}" for s in (0, 1) for v in variants)
    both = TABLES["losses"].variants[0]
    assert results.runs[both] == results.runs[REFERENCE]
    assert set(results.runs[REFERENCE]) == {(7, 0), (7, 1)}
    assert set(results.baselines) == {7}


def test_a_run_has_figures_of_every_source_and_says_what_it_cost(done):
    _, _, results = done
    found = results.runs[REFERENCE][7, 0]
    assert set(found.figures) == {"rollout", "global_patches", "global_shares"}
    for row in found.figures.values():
        assert 0 <= row["pointing"] <= 1
        assert 0 <= row["auc"] <= 1
        assert 0 <= row["temporal_iou"] <= 1
    assert found.steps == 1
    assert found.training_s > 0
    assert found.other_s > 0
    assert 0 < found.coverage["chance"] < 1
    untrained = TABLES["baselines"].variants[1]
    assert results.runs[untrained][7, 0].steps == 0


def test_seeds_and_variants_change_the_figures(done):
    _, _, results = done
    shuffled, untrained = TABLES["baselines"].variants
    rows = [
        results.runs[REFERENCE][7, 0],
        results.runs[REFERENCE][7, 1],
        results.runs[shuffled][7, 0],
        results.runs[untrained][7, 0],
    ]
    assert len({json.dumps(row.figures, sort_keys=True) for row in rows}) == 4


def test_a_study_goes_on_where_it_stopped(done, monkeypatch):
    study, out, results = done
    (removed,) = (out / "runs").glob("w7-m1-global-alone-*.json")
    before = removed.read_text()
    removed.unlink()
    done_again = []
    real = conduct.do_run
    monkeypatch.setattr(conduct, "do_run", lambda run: done_again.append(run) or real(run))
    again = conduct.conduct(study, out)
    assert [(run.variant.name, run.seed) for run in done_again] == [("global alone", 1)]
    mine, theirs = json.loads(removed.read_text()), json.loads(before)
    assert mine["figures"] == theirs["figures"]  # the same run twice is the same
    assert mine["digest"] == theirs["digest"]
    assert set(again.runs) == set(results.runs)


def test_other_settings_or_a_torn_file_mean_another_run(done):
    study, out, _ = done
    assert conduct.missing(study, out) == []
    names = {path.name for path in (out / "runs").iterdir()}
    other = replace(study, model=load_settings(None, [*STEPS, "loss.temperature=0.2"]))
    assert len(conduct.missing(other, out)) == 10
    elsewhere = replace(study, world=replace(study.world, noise_share=0.25))
    assert len(conduct.missing(elsewhere, out)) == 10
    assert not {path.name for path, _ in conduct.missing(other, out)} & names
    (torn,) = (out / "runs").glob("w7-m0-untrained-*.json")
    whole = torn.read_text()
    torn.write_text(whole[:50])
    assert [path.name for path, _ in conduct.missing(study, out)] == [torn.name]
    torn.write_text(whole)


def test_the_estimate_counts_steps_and_what_each_variant_took(tmp_path, done):
    study, out, _ = done
    todo = [
        run for _, run in conduct.missing(replace(study, plan=replace(PLAN, model_seeds=3)), out)
    ]
    assert len(todo) == 5
    assert conduct.estimate(tmp_path, todo) is None
    runs.save_finished(
        tmp_path / "runs/w7-m0-as-configured-12345678.json",
        runs.Finished("d", 7, 0, steps=10, training_s=20.0, other_s=3.0, figures={}, coverage={}),
    )
    # Four runs of one step at 2 s, one of none; each with 3 s of the rest.
    assert conduct.estimate(tmp_path, todo) == pytest.approx(4 * 2 + 5 * 3)
    more = replace(study, model=load_settings(None, [*STEPS, "training.steps=100"]))
    (run,) = [r for _, r in conduct.missing(more, out) if r.seed == 0 and r.variant == REFERENCE]
    assert conduct.estimate(tmp_path, [run]) == pytest.approx(100 * 2 + 3)
    assert conduct.told(None) == "no run done yet to judge by"
    assert conduct.told(90.0) == "about 2 processor minutes left"


def test_the_tables_show_every_row_its_difference_and_the_baselines(done):
    study, _, results = done
    text = study_markdown(study, results)
    assert "## Against systems that have learnt nothing" in text
    assert "## (b) Losses" in text
    assert "## (a)" not in text
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| ")}
    for name in ("centre point", "random", "fixed box", "strongest motion"):
        assert name in rows
    assert "untrained: attention roll-out" in rows
    assert rows["**both**"].count("reference") == len(COMPARED)
    assert rows["global alone"].count("[") == len(COMPARED)
    assert rows["global alone"].count("/1 |") == len(COMPARED)
    pointing = [results.runs[REFERENCE][7, seed].figures["rollout"]["pointing"] for seed in (0, 1)]
    assert f"{sum(pointing) / 2:.3f} ±" in rows["as configured: attention roll-out"]


def test_the_files_hold_every_run_and_a_picture(done):
    study, out, results = done
    markdown, as_json, picture = writing.write_study(study, results, out)
    assert markdown.read_text() == study_markdown(study, results)
    content = json.loads(as_json.read_text())
    assert content["n_runs"] == 10
    (row,) = [r for r in content["tables"]["losses"] if r["name"] == "global alone"]
    assert len(row["runs"]) == 2
    assert row["differences"]["rollout pointing"]["n_pairs"] == 2
    assert content["study"]["plan"]["model_seeds"] == 2
    with Image.open(picture) as drawn:
        assert drawn.width > drawn.height > 100
    controls = replace(study, plan=replace(PLAN, tables=("baselines",)))
    nothing_to_draw = writing.write_study(controls, results, out / "controls")
    assert [path.name for path in nothing_to_draw] == ["study.md", "study.json"]


def test_the_command_says_how_long_the_rest_takes(done, tmp_path):
    _, out, _ = done
    config = tmp_path / "study.toml"
    config.write_text("model_seeds = 2\nworld_seeds = 1\n")
    arguments = ["study", str(out), "--config", str(config), "--estimate", "--table", "attention"]
    result = CliRunner().invoke(main, [*arguments, "--seeds", "1"])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("4 runs, about")
    wrong = CliRunner().invoke(main, [*arguments, "--seeds", "0"])
    assert wrong.exit_code == 1
    assert "model_seeds must be 1 or more" in wrong.output
