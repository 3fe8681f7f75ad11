"""Which files browsers are offered, and under which media type."""

from __future__ import annotations

import re

import av
import numpy as np
import pytest

from dataset_builder.errors import VideoError
from dataset_builder.playback import browser_mime


def write(path, codec, *, start_s=0.0, pix_fmt="yuv420p"):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        for n in range(8):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 9 * n, np.uint8))
            frame.pts = n + round(10 * start_s)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("name", "codec", "mime"),
    [
        ("a.mp4", "libx264", r'video/mp4; codecs="avc1\.[0-9a-f]{6}"'),
        ("a.mov", "libx264", r'video/mp4; codecs="avc1\.[0-9a-f]{6}"'),
        ("a.webm", "libvpx", r'video/webm; codecs="vp8"'),
        ("a.webm", "libvpx-vp9", r'video/webm; codecs="vp9"'),
    ],
)
def test_a_file_that_browsers_play_has_its_type_and_codec(tmp_path, name, codec, mime):
    assert re.fullmatch(mime, browser_mime(write(tmp_path / name, codec)))


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mkv", "libx264"), ("a.avi", "mpeg4"), ("a.mp4", "mpeg4")]
)
def test_other_containers_and_codecs_have_none(tmp_path, name, codec):
    assert browser_mime(write(tmp_path / name, codec)) is None


def test_the_codec_is_what_the_file_s_own_header_says(tmp_path):
    mime = browser_mime(write(tmp_path / "a.mp4", "libx264", pix_fmt="yuv444p"))
    assert mime.startswith('video/mp4; codecs="avc1.f4'), "High 4:4:4 Predictive is profile 244"


def test_a_file_whose_clock_begins_elsewhere_has_none(tmp_path):
    """A browser's second 3 would be another picture than ours."""
    assert browser_mime(write(tmp_path / "a.webm", "libvpx")) is not None
    assert browser_mime(write(tmp_path / "b.webm", "libvpx", start_s=2)) is None


def test_no_video_is_an_error(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"no video")
    with pytest.raises(VideoError):
        browser_mime(path)
