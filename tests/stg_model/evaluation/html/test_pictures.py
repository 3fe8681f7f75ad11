"""Small pictures of frames, from a store of cut frames and from videos."""

from __future__ import annotations

import io

import av
import numpy as np
import PIL.Image
import pytest

from dataset_builder.errors import InputError
from dataset_builder.frames import cut_frames
from dataset_builder.report.pictures import StoredPictures, VideoPictures, small_jpeg

GREYS = (40, 120, 200)
"""Of each second of the video."""


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A folder with one video: three seconds of one grey each."""
    folder = tmp_path_factory.mktemp("videos")
    with av.open(str(folder / "v.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=2)
        stream.width, stream.height, stream.pix_fmt = 960, 540, "yuv420p"
        for grey in np.repeat(GREYS, 2):
            picture = np.full((540, 960, 3), grey, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return folder


@pytest.fixture(scope="module")
def store(videos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    cut_frames(videos / "v.mp4", folder, "v", [0, 2])
    return folder


@pytest.fixture
def release(make_release):
    return make_release(("v", 0, 3, "cut", {}), ("w", 0, 3, "cut", {}), durations={"v": 3, "w": 3})


def opened(jpeg):
    image = PIL.Image.open(io.BytesIO(jpeg))
    assert image.format == "JPEG"
    return image


def grey(jpeg):
    return float(np.asarray(opened(jpeg)).mean())


@pytest.mark.parametrize("source", ["store", "videos"])
def test_the_picture_is_the_frame_of_that_second_made_small(source, store, videos, release):
    pictures = (
        StoredPictures(store, release) if source == "store" else VideoPictures(videos, release)
    )
    for second in (0, 2):
        assert grey(pictures.jpeg("v", second)) == pytest.approx(GREYS[second], abs=4)
        assert opened(pictures.jpeg("v", second)).size == (480, 270)


def test_seconds_that_were_not_cut_and_other_videos_have_none(store, release):
    pictures = StoredPictures(store, release)
    assert pictures.jpeg("v", 1) is None
    assert pictures.jpeg("w", 0) is None


def test_seconds_past_a_video_s_end_and_other_videos_have_none(videos, release):
    pictures = VideoPictures(videos, release)
    assert pictures.jpeg("v", 9) is None
    assert pictures.jpeg("w", 0) is None


def test_a_picture_that_is_gone_is_none_and_a_broken_one_is_named(videos, tmp_path, release):
    cut = cut_frames(videos / "v.mp4", tmp_path, "v", [0, 2])
    first, last = sorted(
        tmp_path.rglob("*.jpg"), key=lambda p: p.stem != cut.frames[0].image_sha256
    )
    first.unlink()
    last.write_bytes(b"no picture")
    pictures = StoredPictures(tmp_path, release)
    assert pictures.jpeg("v", 0) is None
    with pytest.raises(InputError, match=last.name):
        pictures.jpeg("v", 2)


def test_a_store_or_folder_of_other_videos_is_refused(videos, store, two_videos):
    with pytest.raises(InputError, match="holds no frames of the videos of 'small'"):
        StoredPictures(store, two_videos)
    with pytest.raises(InputError, match="holds no video of 'small'"):
        VideoPictures(videos, two_videos)


def test_small_pictures_stay_as_they_are():
    assert opened(small_jpeg(PIL.Image.new("L", (30, 20)))).size == (30, 20)
