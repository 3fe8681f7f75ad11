from __future__ import annotations

from collections import Counter
from dataclasses import astuple, replace
from pathlib import Path

import av
import numpy as np
import pytest

from dataset_builder.domain import Action, Clip, Segment, Video
from dataset_builder.errors import InputError
from dataset_builder.geometry import Box, Point
from dataset_builder.predictions import read_predictions, write_predictions
from dataset_builder.release import Consensus, Release
from stg_model.baselines.centre_point import centre_point
from stg_model.baselines.fixed_box import fixed_box
from stg_model.baselines.random_point import random_point
from stg_model.baselines.strongest_motion import motion_points, strongest, strongest_motion
from stg_model.baselines.trivial import trivial_baselines
from stg_model.evaluation import EvaluationSettings, evaluate

WIDTH, HEIGHT, RATE, N_SECONDS = 160, 128, 8, 4


def release_of(n_videos: int = 2) -> Release:
    """Return videos v0, v1, ... with "cut" at seconds 0..2 and "stir" at second 2 and 3."""
    videos = [Video(f"v{n}", WIDTH, HEIGHT, float(N_SECONDS), "") for n in range(n_videos)]
    clips = [
        Clip(f"{video.video_id}-{action}", video.video_id, action, segment)
        for video in videos
        for action, segment in (("cut", Segment(0, 3)), ("stir", Segment(2, 4)))
    ]
    frames = [
        Consensus(
            c.clip_id, second, float(second), "", WIDTH, HEIGHT, 5, 5, 5, None, None, None, True, ""
        )
        for c in clips
        for second in range(int(c.segment.start_s), int(c.segment.end_s))
    ]
    boxes = {(frame.clip_id, frame.second): Box(0.1, 0.1, 0.4, 0.4) for frame in frames}
    return Release(
        name="small",
        version="1.0.0",
        derivation="none",
        videos=tuple(videos),
        actions=(Action("cut", "cut"), Action("stir", "stir")),
        clips=tuple(clips),
        frames=tuple(frames),
        answers=(),
        boxes=boxes,
        rules=dict.fromkeys(boxes, "exact"),
        tubes=(),
    )


def film(path: Path, corners: dict[int, tuple[int, int]], n_cut: int = 0) -> Path:
    """Write an H.264 file on which a square jumps, each second near its corner (x, y) in pixels.

    The last `n_cut` pictures are not in it.
    """
    backdrop = np.random.default_rng(0).integers(80, 120, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for n in range(RATE * N_SECONDS - n_cut):
            image = backdrop.copy()
            if n // RATE in corners:
                x, y = corners[n // RATE]
                x += 10 * (n % 2 + n // 2 % 2)
                image[y : y + 16, x : x + 16] = 250
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_the_centre_and_the_fixed_box_answer_every_frame_and_name_no_action():
    release = release_of()
    for found, box in (
        (centre_point(release), None),
        (fixed_box(release), Box(0.25, 0.25, 0.75, 0.75)),
    ):
        assert found.seconds == {}
        assert sorted(found.points) == sorted(
            (f"v{n}", second, action)
            for n in range(2)
            for second, action in [
                (0, "cut"), (1, "cut"), (2, "cut"), (2, "stir"), (3, "stir"),
            ]
        )  # fmt: skip
        assert {(p.point, p.box) for p in found.points.values()} == {(Point(0.5, 0.5), box)}


def test_the_fixed_box_has_a_tube_over_each_video_for_each_of_its_actions():
    release = release_of()
    clips = tuple(c for c in release.clips if c.clip_id != "v1-stir")
    found = fixed_box(replace(release, clips=clips, frames=()))
    assert [(t.video_id, t.action_id) for t in found.tubes] == [
        ("v0", "cut"), ("v0", "stir"), ("v1", "cut"),
    ]  # fmt: skip
    for tube in found.tubes:
        assert tube.boxes == dict.fromkeys(range(N_SECONDS), Box(0.25, 0.25, 0.75, 0.75))
    assert len({tube.score for tube in found.tubes}) == 1


def test_random_answers_are_uniform_over_actions_background_and_places():
    found = random_point(release_of(400))
    said = Counter(record.action_id for record in found.seconds.values())
    assert len(found.seconds) == 400 * N_SECONDS
    assert set(said) == {"cut", "stir", None}
    assert min(said.values()) > 400 * N_SECONDS / 3 * 0.9
    xy = np.array([(p.point.x, p.point.y) for p in found.points.values()])
    assert np.allclose(xy.mean(axis=0), 0.5, atol=0.02)
    assert np.allclose(xy.std(axis=0), 12**-0.5, atol=0.02)
    corners = np.array([(b.x1, b.y1, b.x2, b.y2) for p in found.points.values() if (b := p.box)])
    assert len(corners) == len(found.points)
    # The smaller and the larger of two uniform numbers are 1/3 and 2/3 on average.
    assert np.allclose(corners.mean(axis=0), [1 / 3, 1 / 3, 2 / 3, 2 / 3], atol=0.02)
    scores = np.array([p.score for p in found.points.values()])
    assert np.allclose([scores.mean(), scores.std()], [0.5, 12**-0.5], atol=0.02)


def test_the_pool_of_all_actions_lets_the_random_baseline_name_any_of_them():
    release = release_of(300)
    others = tuple(Action(f"other-{n}", f"other {n}") for n in range(4))
    release = replace(release, actions=(*release.actions, *others))
    found = random_point(release, pool="all")
    assert found.system.pool == "all"
    said = Counter(record.action_id for record in found.seconds.values())
    assert set(said) == {"cut", "stir", None, *(a.action_id for a in others)}
    assert min(said.values()) > 300 * N_SECONDS / 7 * 0.8
    for record in found.seconds.values():
        scores = {**record.scores, None: record.background}
        assert set(scores) == {"cut", "stir", None, record.action_id}
        assert max(scores, key=lambda name: scores[name]) == record.action_id
        assert record.action_id is None or (record.video_id, record.second, record.action_id) in (
            found.points
        )
    own = random_point(release)
    assert own.system.pool == "video"
    assert {record.action_id for record in own.seconds.values()} == {"cut", "stir", None}


@pytest.mark.parametrize("pool", ["video", "all"])
def test_chance_has_a_value_for_every_metric(pool):
    release = release_of(20)
    release = replace(release, actions=(*release.actions, Action("pour", "pour")))
    found = random_point(release, pool=pool)
    (row,) = evaluate(release, found, EvaluationSettings(pool=pool)).systems
    assert row.missing == {}
    assert None not in row.metrics.values()


def test_the_random_baseline_says_what_its_scores_say():
    for record in random_point(release_of()).seconds.values():
        scores = {**record.scores, None: record.background}
        assert max(scores, key=lambda name: scores[name]) == record.action_id


def test_the_random_baseline_depends_on_its_seed_and_not_on_the_order_of_the_release():
    release = release_of()
    backwards = replace(
        release,
        videos=release.videos[::-1],
        clips=release.clips[::-1],
        frames=release.frames[::-1],
    )
    assert random_point(backwards) == random_point(release)
    assert random_point(release, seed=1).points != random_point(release).points


def test_the_strongest_motion_is_where_two_images_differ_most():
    before = np.zeros((56, 56))
    after = before.copy()
    after[40:44, 10:14] = 90
    after[5, 50] = 255  # one bright pixel is less than a moving thing
    found = strongest(before, after)
    assert found.x == pytest.approx(12 / 56, abs=5 / 56)
    assert found.y == pytest.approx(42 / 56, abs=5 / 56)


def test_without_any_motion_the_answer_is_the_middle():
    assert strongest(np.full((56, 56), 7.0), np.full((56, 56), 7.0)) == Point(0.5, 0.5)


def test_the_motion_is_found_in_a_real_video_second_by_second(tmp_path):
    corners = {0: (10, 10), 1: (120, 96), 3: (10, 96)}
    found = motion_points(film(tmp_path / "v0.mp4", corners), [3, 0, 1])
    for point, second in zip(found, [3, 0, 1], strict=True):
        x, y = corners[second]
        assert point.x * WIDTH == pytest.approx(x + 18, abs=20)
        assert point.y * HEIGHT == pytest.approx(y + 8, abs=20)


def test_a_frame_just_past_the_videos_end_has_an_answer_too(tmp_path):
    path = film(tmp_path / "v0.mp4", {3: (10, 96)}, n_cut=3)  # 3.625 s
    found = motion_points(path, [N_SECONDS - 1, N_SECONDS])
    assert found[0].x < 0.5 < found[0].y
    assert found[1] == Point(0.5, 0.5)  # one picture against itself


def test_the_motion_baseline_answers_every_frame_from_its_own_video(tmp_path):
    videos = {
        "v0": film(tmp_path / "v0.mp4", dict.fromkeys(range(4), (10, 10))),
        "v1": film(tmp_path / "v1.mp4", dict.fromkeys(range(4), (120, 96))),
    }
    found = strongest_motion(release_of(), videos)
    assert found.points.keys() == centre_point(release_of()).points.keys()
    assert found.seconds == {}
    for key, answer in found.points.items():
        assert (answer.point.x < 0.4) == (key[0] == "v0")
        x, y = answer.point.x, answer.point.y
        edges = (max(0, x - 0.25), max(0, y - 0.25), min(1, x + 0.25), min(1, y + 0.25))
        assert answer.box is not None
        assert astuple(answer.box) == pytest.approx(edges, abs=1e-6)


def test_a_video_that_is_not_there_is_named(tmp_path):
    videos = {"v0": film(tmp_path / "v0.mp4", {})}
    with pytest.raises(InputError, match="video 'v1' of release 'small' has no file"):
        strongest_motion(release_of(), videos)


def test_motion_asks_for_the_videos_of_the_scored_clips_only(tmp_path):
    release = release_of()
    clips = tuple(replace(c, is_benchmark=c.video_id == "v0") for c in release.clips)
    videos = {"v0": film(tmp_path / "v0.mp4", {})}
    found = strongest_motion(replace(release, clips=clips), videos, clips="benchmark")
    assert {video_id for video_id, _, _ in found.points} == {"v0"}


def test_motion_joins_the_trivial_baselines_where_videos_are_given(tmp_path):
    names = [found.system.name for found in trivial_baselines(release_of())]
    assert names == ["centre point", "fixed box", "random"]
    for n in range(2):
        film(tmp_path / f"v{n}.mp4", {})
    with_motion = trivial_baselines(release_of(), tmp_path, pool="all")
    assert with_motion[2].system.pool == "all"
    names = [found.system.name for found in with_motion]
    assert names == ["centre point", "fixed box", "random", "strongest motion"]


def test_baselines_can_be_written_as_a_predictions_file(tmp_path):
    for number, found in enumerate(trivial_baselines(release_of())):
        path = tmp_path / f"{number}.jsonl"
        records = (found.seconds.values(), found.points.values(), found.tubes)
        write_predictions(path, found.system, *records)
        read = read_predictions(path)
        assert read.system == found.system
        assert read.seconds == found.seconds
        assert read.tubes == found.tubes
        assert read.points.keys() == found.points.keys()
        assert [p.box for p in read.points.values()] == [
            p.box for _, p in sorted(found.points.items())
        ]
