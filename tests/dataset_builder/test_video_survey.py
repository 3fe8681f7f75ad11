from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from dataset_builder.errors import VideoError
from dataset_builder.frames import probe_video
from dataset_builder.video_survey import survey_video

EVEN = [round(n / 24, 3) for n in range(48)]


@pytest.mark.parametrize(
    ("recipe", "shape"),
    [
        ({}, (192, 108)),
        ({"quarter_turns": 1}, (192, 108)),
        ({"quarter_turns": 3, "sample_aspect": Fraction(4, 3)}, (192, 144)),
        ({"sample_aspect": Fraction(4, 3)}, (256, 108)),
        ({"sample_aspect": Fraction(3, 4)}, (144, 108)),
    ],
)
def test_width_and_height_are_those_of_the_shown_picture(
    recipe: dict[str, Any], shape: tuple[int, int], coded_video: Callable[..., Any]
) -> None:
    probe = probe_video(coded_video(EVEN, **recipe).path)
    assert (probe.width, probe.height) == shape


def test_the_clock_starts_at_the_first_presented_frame(coded_video: Callable[..., Any]) -> None:
    video = coded_video(EVEN, start_s=1.5, suffix=".mkv")
    survey = survey_video(video.path)
    assert survey.times_s.tolist() == pytest.approx(EVEN)
    assert survey.duration_s == pytest.approx(2.0, abs=0.002)


def test_a_probe_names_the_video_and_what_it_is_made_of(coded_video: Callable[..., Any]) -> None:
    probe = probe_video(coded_video(EVEN, suffix=".ts").path, "v7")
    assert (probe.video_id, probe.n_frames) == ("v7", 48)
    assert (probe.codec, probe.container, probe.reader) == ("h264", "mpegts", "pyav")
    assert probe.reader_reason == "decord reads other frames than asked from MPEG-TS"


@pytest.mark.parametrize(("suffix", "kept"), [(".mp4", 0.6), (".mkv", 0.6), (".avi", 0.2)])
def test_a_file_that_lost_its_end_promises_more_than_it_holds(
    suffix: str, kept: float, coded_video: Callable[..., Any], tmp_path: Path
) -> None:
    whole = index_first(coded_video([n / 10 for n in range(100)], suffix=suffix).path, tmp_path)
    assert survey_video(whole).promised_s == survey_video(whole).duration_s
    probe_video(whole, whole=True)
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * kept)])
    survey = survey_video(cut)
    assert survey.duration_s < 8
    assert survey.promised_s == pytest.approx(10, abs=0.2)
    with pytest.raises(VideoError, match=r"is cut off at \d\.\d+ s of .*; get the video again, or"):
        probe_video(cut, whole=True)


@pytest.mark.parametrize("content", [b"", b"hello " * 500], ids=["empty", "text"])
def test_what_is_no_video_is_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"v\.mp4: cannot be read as a video") as caught:
        survey_video(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"v\.mp4: cannot be read .*No such file"):
        survey_video(tmp_path / "v.mp4")


def test_sound_without_pictures_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.mka"
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(VideoError, match=r"sound\.mka: holds no video"):
        survey_video(path)


def test_the_rotated_real_video_is_upright(shared_data: Path) -> None:
    lying = probe_video(shared_data / "edge_videos/decord_video_0.mov")
    standing = probe_video(shared_data / "edge_videos/decord_video_90.mov")
    assert (lying.width, lying.height) == (568, 320)
    assert (standing.width, standing.height) == (320, 568)


def test_the_real_video_of_wide_pixels_is_shown_wider(shared_data: Path) -> None:
    probe = probe_video(shared_data / "edge_videos/mmaction_demo_glitch_end.mp4")
    assert (probe.width, probe.height) == (427, 256)  # 340 columns of 64:51


def index_first(path: Path, folder: Path) -> Path:
    """Copy an MP4 with its index in front, so that it can be opened without its end."""
    if path.suffix != ".mp4":
        return path
    copy = folder / "index_first.mp4"
    options = {"movflags": "+faststart"}
    with av.open(str(path)) as old, av.open(str(copy), "w", options=options) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    return copy
