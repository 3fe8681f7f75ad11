"""Encoding: the file that a reader opens shows what was drawn, when it was drawn."""

import av
import numpy as np
import pytest
from PIL import ImageChops, ImageStat

from dataset_builder.domain import frame_seconds
from dataset_builder.frames import read_frames_at
from stg_model.world.render import Camera, Printer, encode, planes_of
from stg_model.world.scene import plan_video
from stg_model.world.settings import WorldSettings

SETTINGS = WorldSettings(
    seed=4,
    actions_per_video=2,
    video_s=(16.0, 22.0),
    segment_s=(4.0, 5.0),
    gap_s=(2.0, 3.0),
    scene_s=(8.0, 10.0),
    annotated_size=(320, 240),
    hidden_share=0.4,
)


@pytest.fixture(scope="module")
def plan():
    return plan_video(SETTINGS, "held-out", 0)


@pytest.fixture(scope="module")
def video(plan, tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "a.mp4"
    encode(plan, path, "digest")
    return path


def test_the_file_has_every_frame_at_its_time_and_size(plan, video):
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.average_rate == plan.frames_per_second
        assert container.metadata["comment"] == "digest"
        frames = list(container.decode(stream))
        assert {(f.width, f.height, f.format.name) for f in frames} == {(320, 240, "yuv420p")}
        assert [f.time for f in frames] == [n / 8 for n in range(plan.n_frames)]
        assert float(stream.duration * stream.time_base) == plan.duration_s


def test_the_picture_at_a_time_is_the_one_that_was_drawn_for_it(plan, video):
    camera = Camera(plan)
    seconds = [s for p in plan.performances for s in frame_seconds(p.segment)[0]]
    times = [t for s in seconds for t in (s, s + 0.25)]
    frames = read_frames_at(video, times)
    for time_s, frame in zip(times, frames, strict=True):
        drawn = [np.asarray(camera.shot_at(time_s + d).picture()) for d in (-0.125, 0, 0.125)]
        errors = [np.abs(frame - d.astype(float)).mean() for d in drawn]
        assert errors[1] == min(errors)
        assert errors[1] < 6


def test_printing_only_the_moving_patches_gives_the_same_planes_as_printing_all(plan):
    camera, printer = Camera(plan), Printer()
    grain = np.random.default_rng(0).integers(0, 9, (plan.height, plan.width), np.uint8)
    for n in range(0, plan.n_frames, 3):
        shot = camera.shot_at(n / plan.frames_per_second)
        light, *colours = planes_of(shot.picture())
        expected = [light + grain, *colours]
        for plane, wanted in zip(printer.print(shot, grain).planes, expected, strict=True):
            got = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
            assert np.array_equal(got[:, : plane.width], wanted)


def test_an_action_is_hidden_by_a_talking_head_or_by_a_card():
    plans = [plan_video(SETTINGS, "open", index) for index in range(12)]
    hiding = {
        cover.kind
        for plan in plans
        for performance in plan.performances
        for second in frame_seconds(performance.segment)[0]
        if (cover := plan.cover_at(second))
    }
    assert hiding == {"head", "card"}


def test_each_scene_is_another_room(plan):
    camera = Camera(plan)
    seconds = [s for s in range(int(plan.duration_s)) if not plan.cover_at(s)]
    rooms = {plan.scene_at(s).look_seed: camera.shot_at(s).still for s in seconds}
    first, second = list(rooms.values())[:2]
    assert ImageStat.Stat(ImageChops.difference(first, second)).mean[0] > 5
