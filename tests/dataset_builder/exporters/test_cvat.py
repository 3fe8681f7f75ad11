from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.exporters.cvat import cvat_files
from dataset_builder.geometry import Box
from dataset_builder.release import Tube

BOX = Box(0.25, 0.25, 0.75, 0.5)


def parsed(release):
    return {name: ET.fromstring(text) for name, text in cvat_files(release).items()}


def shown_as_cvat_would(track, n_frames):
    """Return which frames show the track: each keyframe holds until the next one."""
    keyframes = {int(box.get("frame")): box.get("outside") == "0" for box in track}
    shown, now = set(), False
    for frame in range(n_frames):
        now = keyframes.get(frame, now)
        if now:
            shown.add(frame)
    return shown


def with_tube(release, seconds):
    """Return the release with one tube only, in its first clip."""
    tube = Tube("tube", release.clips[0].clip_id, dict.fromkeys(seconds, BOX))
    return replace(release, tubes=(tube,)), release.clips[0].video_id


def test_every_tube_is_a_track_of_its_video_named_after_the_action(full_release):
    clips = {clip.clip_id: clip for clip in full_release.clips}
    phrases = {action.action_id: action.description for action in full_release.actions}
    found = {
        name.removesuffix(".xml"): [track.get("label") for track in root.iter("track")]
        for name, root in parsed(full_release).items()
    }
    expected = {video.video_id: [] for video in full_release.videos}
    for tube in sorted(full_release.tubes, key=lambda tube: tube.tube_id):
        clip = clips[tube.clip_id]
        expected[clip.video_id].append(phrases[clip.action_id])
    assert found == expected


@given(st.sets(st.integers(0, 29), min_size=1))
def test_cvat_shows_a_track_at_the_seconds_of_its_tube_and_no_others(full_release, seconds):
    release, video_id = with_tube(full_release, sorted(seconds))
    root = parsed(release)[f"{video_id}.xml"]
    (track,) = root.iter("track")
    n_frames = int(root.findtext("meta/task/size"))
    assert shown_as_cvat_would(track, n_frames) == seconds
    assert all(int(box.get("frame")) < n_frames for box in track)


def test_every_second_from_the_first_to_one_after_the_last_has_a_box_of_its_own(full_release):
    release, video_id = with_tube(full_release, (2, 3, 6))
    (track,) = parsed(release)[f"{video_id}.xml"].iter("track")
    frames = [(int(box.get("frame")), box.get("outside")) for box in track]
    assert frames == [(2, "0"), (3, "0"), (4, "1"), (5, "1"), (6, "0"), (7, "1")]
    assert {box.get("keyframe") for box in track} == {"1"}


def test_coordinates_are_pixels_of_the_stated_size(full_release):
    release, video_id = with_tube(full_release, (2,))
    root = parsed(release)[f"{video_id}.xml"]
    size = [int(root.findtext(f"meta/task/original_size/{side}")) for side in ("width", "height")]
    video = next(video for video in release.videos if video.video_id == video_id)
    assert size == [video.width, video.height]
    box = next(root.iter("box"))
    corners = [float(box.get(name)) for name in ("xtl", "ytl", "xbr", "ybr")]
    assert corners == pytest.approx(
        [0.25 * size[0], 0.25 * size[1], 0.75 * size[0], 0.5 * size[1]], abs=0.01
    )


def test_a_tube_beyond_the_stated_duration_lengthens_the_task(full_release):
    release, video_id = with_tube(full_release, (40,))
    root = parsed(release)[f"{video_id}.xml"]
    assert root.findtext("meta/task/size") == "41"


def test_labels_name_the_actions_of_the_video_s_clips_once(full_release):
    odd, *others = full_release.actions
    release = replace(full_release, actions=(replace(odd, description='<"&">'), *others))
    phrases = {action.action_id: action.description for action in release.actions}
    first = [clip for clip in release.clips if clip.video_id == "video0"][:2]
    others = [clip for clip in release.clips if clip.video_id != "video0"]
    few = replace(release, clips=(*first, *others), tubes=())
    names = [label.findtext("name") for label in parsed(few)["video0.xml"].iter("label")]
    assert names == sorted({phrases[clip.action_id] for clip in first})
    assert '<"&">' in names
    assert len(names) == 2


def test_a_video_without_tubes_is_a_file_without_tracks(full_release):
    for root in parsed(replace(full_release, tubes=())).values():
        assert root.find("track") is None
        assert root.findtext("meta/task/size") == "30"
