"""What our own exporters wrote, read back."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest

from dataset_builder.build import build_release
from dataset_builder.domain import action_id_for
from dataset_builder.exporters.activitynet import write_activitynet
from dataset_builder.exporters.cvat import write_cvat
from dataset_builder.exporters.label_studio import write_label_studio
from dataset_builder.importers.activitynet import read_activitynet
from dataset_builder.importers.cvat import read_cvat_clips
from dataset_builder.importers.label_studio import (
    read_label_studio_answers,
    read_label_studio_clips,
)
from dataset_builder.settings import BuildSettings


@pytest.fixture
def release(make_snapshot):
    settings = BuildSettings(benchmark_answers="all")
    return build_release(make_snapshot(), name="a", version="1.0.0", settings=settings)


def test_clips_come_back_from_activitynet_s_json(release, tmp_path):
    write_activitynet(release, tmp_path)
    found = read_activitynet(tmp_path / "activitynet.json", subset="test")
    assert found.problems == ()
    assert {clip.clip_id for clip in found.clips} == {clip.clip_id for clip in release.clips}


def test_clips_come_back_from_label_studio_to_a_twenty_fifth_of_a_second(release, tmp_path):
    write_label_studio(release, tmp_path)
    found = read_label_studio_clips(tmp_path, Fraction(25))
    assert found.problems == ()
    assert len(found.clips) == len(release.clips)
    back = {(c.video_id, action_id_for(c.description), c.segment) for c in found.clips}
    for clip in release.clips:
        assert any(
            (video_id, action_id) == (clip.video_id, clip.action_id)
            and 0 <= clip.segment.start_s - segment.start_s < 1 / 25
            and 0 <= segment.end_s - clip.segment.end_s < 1 / 25
            for video_id, action_id, segment in back
        )


def test_answers_come_back_from_label_studio(release, tmp_path):
    write_label_studio(release, tmp_path)
    found = read_label_studio_answers(tmp_path / "frames.json")
    clips = {clip.clip_id: clip for clip in release.clips}
    assert found.problems == ()
    assert len(found.answers) > 50
    back = (
        (a.video_id, action_id_for(a.description), a.second, a.point and a.point.rounded())
        for a in found.answers
    )
    told = ((clips[a.clip_id], a.second, a.point and a.point.rounded()) for a in release.answers)
    assert Counter(back) == Counter((c.video_id, c.action_id, *rest) for c, *rest in told)


def test_the_seconds_of_tubes_come_back_from_cvat_at_one_frame_a_second(release, tmp_path):
    write_cvat(release, tmp_path)
    found = read_cvat_clips(tmp_path, Fraction(1))
    clips = {clip.clip_id: clip for clip in release.clips}
    assert found.problems == ()
    assert {
        (clip.video_id, action_id_for(clip.description), second)
        for clip in found.clips
        for second in range(int(clip.segment.start_s), int(clip.segment.end_s))
    } == {
        (clips[clip_id].video_id, clips[clip_id].action_id, second)
        for clip_id, second in release.boxes
    }
