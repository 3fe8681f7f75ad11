"""Datumaro: the XML files of "CVAT for video"."""

from __future__ import annotations

import pytest

# Its modules use what pandas and others of its libraries have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_every_tube_comes_back_second_by_second(exported, release):
    from datumaro import AnnotationType, Dataset

    folder = exported("cvat")
    clips = {clip.clip_id: clip for clip in release.clips}
    phrases = {action.action_id: action.description for action in release.actions}
    sizes = {video.video_id: (video.width, video.height) for video in release.videos}
    found = {}
    for video_id, (width, height) in sizes.items():
        dataset = Dataset.import_from(str(folder / f"{video_id}.xml"), "cvat")
        names = [label.name for label in dataset.categories()[AnnotationType.label]]
        for item in dataset:
            for box in item.annotations:
                if box.attributes["outside"]:
                    continue
                corners = (box.x / width, box.y / height)
                corners += ((box.x + box.w) / width, (box.y + box.h) / height)
                key = (video_id, item.attributes["frame"], names[box.label])
                found[key] = corners
    expected = {
        (clips[tube.clip_id].video_id, second, phrases[clips[tube.clip_id].action_id]): box
        for tube in release.tubes
        for second, box in tube.boxes.items()
    }
    assert found.keys() == expected.keys()
    for key, box in expected.items():
        assert found[key] == pytest.approx((box.x1, box.y1, box.x2, box.y2), abs=1e-4)
