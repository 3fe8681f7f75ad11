"""The commands ground VIDEO and draw."""

from __future__ import annotations

import csv
import json

import pytest
from click.testing import CliRunner

from dataset_builder.predictions import read_predictions
from stg_model.cli import main
from stg_model.inference.segments import segments_of
from stg_model.training.checkpoint import save_checkpoint

PHRASES = "cut carrot, stir soup"


@pytest.fixture(scope="module")
def places(checkpoint_of, film, tmp_path_factory):
    """A model that names an action at every second, and a video."""
    folder = tmp_path_factory.mktemp("ground")
    save_checkpoint(folder / "model", checkpoint_of("inference.background_threshold=-1.0"))
    film(folder / "v1.mp4", 6)
    return folder


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)


def test_a_folder_gets_segments_heatmaps_tubes_and_drawings(places, tmp_path):
    (tmp_path / "actions.txt").write_text("cut carrot\nstir soup\n", encoding="utf-8")
    out = tmp_path / "out"
    done = run(
        *("ground", places / "model", places / "v1.mp4", "--actions", tmp_path / "actions.txt"),
        *("--out", out, "--draw"),
    )
    assert done.exit_code == 0, done.output
    assert {path.name for path in out.iterdir()} == {
        "predictions.jsonl", "predictions-heatmaps.npy", "segments.json", "segments.csv",
        "annotated.mp4", "contact-sheet.png", "timeline.png",
    }  # fmt: skip
    found = read_predictions(out / "predictions.jsonl")
    assert len(found.seconds) == len(found.points) == 6
    assert None not in {point.heatmap for point in found.points.values()}
    segments = segments_of(found.seconds.values())
    with (out / "segments.csv").open(encoding="utf-8", newline="") as lines:
        rows = [(r["action_id"], int(r["start_s"]), int(r["end_s"])) for r in csv.DictReader(lines)]
    assert rows == [(s.action_id, s.start_s, s.end_s) for s in segments]
    assert [(t.action_id, tuple(t.boxes)) for t in found.tubes] == [
        (s.action_id, s.seconds) for s in segments
    ]
    assert f"6 seconds, {len(segments)} segments, 6 points in" in done.output


def test_the_file_alone_says_the_same_as_the_folder(places, tmp_path):
    run("ground", places / "model", places / "v1.mp4", "--actions", PHRASES, "--out", tmp_path)
    one = tmp_path / "one.jsonl"
    arguments = ("--video", places / "v1.mp4", "--actions", PHRASES, "--output", one)
    assert run("ground", places / "model", *arguments).exit_code == 0
    whole, alone = read_predictions(tmp_path / "predictions.jsonl"), read_predictions(one)
    assert alone.seconds == whole.seconds
    assert {k: (p.point, p.box) for k, p in alone.points.items()} == {
        k: (p.point, p.box) for k, p in whole.points.items()
    }
    assert alone.tubes == ()


def test_a_gap_joins_segments_and_is_said(places, tmp_path):
    run(
        *("ground", places / "model", places / "v1.mp4", "--actions", PHRASES, "--out", tmp_path),
        *("--set", "inference.segment_gap_s=60", "--set", "inference.background_threshold=none"),
    )
    whole = json.loads((tmp_path / "segments.json").read_text(encoding="utf-8"))
    assert whole["settings"]["inference"]["segment_gap_s"] == 60
    named = [row["action_id"] for row in whole["segments"]]
    assert len(named) == len(set(named))
    header = read_predictions(tmp_path / "predictions.jsonl").system
    assert "read with segment_gap_s=60" in header.supervision


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("v1.mp4",), "give VIDEO, --actions"),
        (("v1.mp4", "--actions", PHRASES), "give --out"),
        (("v1.mp4", "--actions", PHRASES, "--output", "p.jsonl", "--draw"), "--draw goes with"),
        (("v1.mp4", "--video", "v2.mp4", "--actions", PHRASES, "--out", "o"), "two videos"),
        (("v1.mp4", "--actions", PHRASES, "--out", "o", "--pool", "all"), "--pool, --heatmaps and"),
        (("v1.mp4", "--actions", PHRASES, "--out", "o", "--set", "network.dim=2"), "only [infer"),
        (("none.mp4", "--actions", PHRASES, "--out", "o"), "none.mp4: is no file"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(places, tmp_path, arguments, message):
    paths = [places / a if a.endswith(".mp4") else a for a in arguments]
    paths = [tmp_path / a if a in ("o", "p.jsonl") else a for a in paths]
    done = run("ground", places / "model", *paths)
    assert done.exit_code != 0
    assert message in done.output
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_overwritten_only_with_force(places, tmp_path):
    command = (
        "ground",
        places / "model",
        places / "v1.mp4",
        "--actions",
        PHRASES,
        "--out",
        tmp_path,
    )
    assert run(*command).exit_code == 0
    again = run(*command)
    assert again.exit_code == 1
    assert "exists already" in again.output
    assert run(*command, "--force").exit_code == 0


def test_a_file_of_any_system_is_drawn(places, tmp_path):
    one = tmp_path / "one.jsonl"
    run("ground", places / "model", places / "v1.mp4", "--actions", PHRASES, "--output", one)
    done = run("draw", places / "v1.mp4", one, "--out", tmp_path / "pictures")
    assert done.exit_code == 0, done.output
    assert len(list((tmp_path / "pictures").iterdir())) == 3
    other = run("draw", places / "v2.mp4", one, "--out", tmp_path / "more")
    assert other.exit_code == 1
    assert "have no second of video 'v2'" in other.output
