"""The commands ground and prelabel on four small video files."""

import pytest

from dataset_builder.domain import action_id_for
from dataset_builder.predictions import read_predictions
from dataset_builder.prelabels import read_prelabels
from stg_model.inference.predicting import actions_from
from tests.stg_model.commands.planted_set import run


def test_ground_predicts_every_second_and_every_frame_of_a_release(
    trained, world, tmp_path, caplog
):
    output = tmp_path / "predictions.jsonl"
    command = ("ground", trained[0], "--videos", world / "videos", "--release", world / "truth")
    result = run(*command, "--output", output)
    assert result.exit_code == 0, result.output
    predictions = read_predictions(output)
    assert len(predictions.seconds) == 4 * 30
    assert predictions.system.checkpoint_digest == trained[1]["digest"]
    assert "background threshold: validation planted 1.0.0" in predictions.system.supervision
    assert "was trained on 3 of these 4 videos (v0, v1, v2)" in caplog.text
    assert "was validated on 1 of these 4 videos (v3)" in caplog.text
    rows = [line.split(",") for line in (world / "clips.csv").read_text().splitlines()[1:]]
    asked = {
        (video_id, second, action_id_for(action))
        for video_id, start, end, action in rows
        for second in range(int(start), int(end))
    }
    assert asked <= set(predictions.points)
    for key, second in predictions.seconds.items():
        assert set(second.scores) == {action for video, _, action in asked if video == key[0]}
        if second.action_id is not None:
            assert (*key, second.action_id) in predictions.points
    assert "exists already" in run(*command, "--output", output).stderr
    first = output.read_bytes()
    assert run(*command, "--output", output, "--force").exit_code == 0
    assert output.read_bytes() == first


def test_ground_chooses_among_all_actions_and_writes_heatmaps(trained, world, tmp_path):
    output = tmp_path / "predictions.jsonl"
    command = ("ground", trained[0], "--videos", world / "videos", "--release", world / "truth")
    command += ("--pool", "all", "--heatmaps", "--output", output)
    result = run(*command)
    assert result.exit_code == 0, result.output
    predictions = read_predictions(output)
    assert predictions.system.pool == "all"
    assert all(point.heatmap is not None for point in predictions.points.values())
    output.unlink()
    result = run(*command)
    assert f"{tmp_path / 'predictions-heatmaps.npy'}: exists already" in result.stderr
    assert run(*command, "--force").exit_code == 0


@pytest.mark.parametrize("option", [("--heatmaps",), ("--pool", "all"), ("--features", "f")])
def test_one_video_has_no_pool_of_a_release_no_heatmaps_and_no_store(
    option, trained, world, tmp_path
):
    result = run(
        *("ground", trained[0], "--video", world / "videos/v2.mp4", "--actions", "cut carrot"),
        *("--output", tmp_path / "p.jsonl", *option),
    )
    assert result.exit_code == 2
    assert "--pool, --heatmaps and --features go with" in result.stderr


def test_ground_names_the_videos_that_it_misses(trained, world, tmp_path):
    (tmp_path / "v0.mp4").write_bytes((world / "videos/v0.mp4").read_bytes())
    result = run(
        *("ground", trained[0], "--videos", tmp_path, "--release", world / "truth"),
        *("--output", tmp_path / "p.jsonl"),
    )
    assert result.exit_code == 1
    assert "lacks 3 of the release's 4 videos (v1, v2, v3)" in result.stderr
    assert not (tmp_path / "p.jsonl").exists()


def test_ground_takes_one_video_and_a_list_of_actions(trained, world, tmp_path):
    phrases = tmp_path / "actions.txt"
    phrases.write_text("stir soup\ncut carrot\n")
    outputs = []
    for number, actions in enumerate((phrases, "cut carrot, stir soup")):
        output = tmp_path / f"{number}.jsonl"
        result = run(
            *("ground", trained[0], "--video", world / "videos/v2.mp4"),
            *("--actions", actions, "--output", output),
        )
        assert result.exit_code == 0, result.output
        outputs.append(output.read_bytes())
    assert outputs[0] == outputs[1]
    predictions = read_predictions(output)
    assert set(predictions.seconds) == {("v2", second) for second in range(30)}
    assert set(predictions.seconds["v2", 0].scores) == {"cut-carrot", "stir-soup"}


def test_a_list_of_actions_may_be_longer_than_a_file_name():
    phrases = [f"cut vegetable {number}" for number in range(30)]
    found = actions_from(", ".join(phrases))
    assert {action.description for action in found} == set(phrases)


@pytest.mark.parametrize(
    ("video", "message"),
    [
        ("v0.mp4", "latin.txt: cannot be read as UTF-8 text"),
        ("", "is no file; give one video"),
        ("none.mp4", "none.mp4: is no file; give one video"),
    ],
)
def test_ground_refuses_what_is_no_video_or_no_text_in_one_clear_line(
    trained, world, tmp_path, video, message
):
    latin = tmp_path / "latin.txt"
    latin.write_bytes("cut purée".encode("latin-1"))
    result = run(
        *("ground", trained[0], "--video", world / "videos" / video),
        *("--actions", latin if video == "v0.mp4" else "cut carrot"),
        *("--output", tmp_path / "p.jsonl"),
    )
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_ground_needs_a_release_or_a_video(trained, tmp_path):
    result = run("ground", trained[0], "--output", tmp_path / "p.jsonl")
    assert result.exit_code == 2
    assert "give VIDEO, --actions and --out (or --output), or --videos" in result.stderr


def test_prelabel_suggests_a_centre_for_each_frame_of_the_clips(trained, world, tmp_path, caplog):
    clips = tmp_path / "clips.csv"
    rows = (world / "clips.csv").read_text()
    clips.write_text(rows + "v9,1,3,cut carrot\nv0,5,4,cut carrot\n")
    output = tmp_path / "prelabels.jsonl"
    command = ("prelabel", trained[0], "--videos", world / "videos", "--clips", clips)
    result = run(*command, "--output", output)
    assert result.exit_code == 0, result.output
    assert "was trained on 3 of these 4 videos (v0, v1, v2)" in caplog.text
    prelabels = read_prelabels(output)
    n_clips = len(rows.splitlines()) - 1
    assert len(prelabels.items) == 4 * n_clips
    assert prelabels.checkpoint_digest == trained[1]["digest"]
    clip_ids = {item.clip_id for item in prelabels.items}
    assert len(clip_ids) == n_clips
    assert f"{n_clips * 4} frames" in result.stdout
    assert "exists already" in run(*command, "--output", output).stderr


def test_prelabels_are_the_points_of_ground(trained, world, tmp_path):
    points, centres = tmp_path / "p.jsonl", tmp_path / "c.jsonl"
    videos = ("--videos", world / "videos")
    run("ground", trained[0], *videos, "--release", world / "truth", "--output", points)
    run("prelabel", trained[0], *videos, "--clips", world / "clips.csv", "--output", centres)
    found = read_predictions(points).points
    for item in read_prelabels(centres).items:
        video_id, _, action_id = item.clip_id.split("_")
        point = found[video_id, item.second, action_id]
        assert (item.point, item.score) == (point.point, point.score)


def test_prelabel_without_any_usable_clip_is_an_error(trained, world, tmp_path):
    clips = tmp_path / "clips.csv"
    clips.write_text("video_id,start_s,end_s,action\nv9,1,3,cut carrot\n")
    result = run(
        *("prelabel", trained[0], "--videos", world / "videos", "--clips", clips),
        *("--output", tmp_path / "out.jsonl"),
    )
    assert result.exit_code == 1
    assert "no clip with a video in" in result.stderr
