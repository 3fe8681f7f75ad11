"""`webdataset`: the shards, streamed and decoded."""

from __future__ import annotations

import pytest
import webdataset

from tests.dataset_builder.exporters.pictured import SCALE

# The library leaves the last shard open.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_every_frame_comes_back_with_its_picture(exported, release):
    folder = exported("webdataset", pictures=True)
    shards = sorted(str(path) for path in folder.glob("*.tar"))
    assert shards
    samples = list(webdataset.WebDataset(shards, shardshuffle=False).decode("rgb8"))
    found = {(sample["json"]["clip_id"], sample["json"]["second"]): sample for sample in samples}
    assert len(found) == len(samples)
    assert found.keys() == {(frame.clip_id, frame.second) for frame in release.frames}
    for frame in release.frames:
        sample = found[frame.clip_id, frame.second]
        assert sample["jpg"].shape == (frame.height // SCALE, frame.width // SCALE, 3)
        box = release.boxes.get((frame.clip_id, frame.second))
        assert sample["json"]["box"] == ([box.x1, box.y1, box.x2, box.y2] if box else None)
        assert len(sample["json"]["clicks"]) == frame.n_clicks
