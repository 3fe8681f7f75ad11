"""What a video's packets say, read by PyAV before any picture is trusted.

A video's clock starts at its first presented frame; times are seconds of that clock and come from
timestamps, never from a frame rate. Reading packets decodes nothing, so it costs little more than
reading the file.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from dataset_builder.errors import VideoError

PYAV_ONLY_CODECS = {"av1": "decord has no AV1 decoder", "vp9": "decord's VP9 decoder crashes"}
PYAV_ONLY_CONTAINERS = {"mpegts": "decord reads other frames than asked from MPEG-TS"}


STREAM_CONTAINERS = {"mpegts", "mpeg"}
"""May begin anywhere: frames that lack their key frame there are no part of the video."""

CUT_OFF_S = 1.0
"""A Matroska or AVI file that ends this much before the length in its header lacks its end."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a video's packets say, before any picture is trusted.

    Attributes:
        path: the file.
        width: pixels of the display-oriented, square-pixel frame.
        height: the same.
        is_square_pixel: no scaling is needed to get from the stored picture to the shown one.
        quarter_turns: counter-clockwise quarter turns that bring a decoded picture upright.
        times_s: (n,) times of the presented frames, ascending from 0.
        duration_s: from the first presented frame to the end of the last one.
        promised_s: length by the file's index or header; more than `duration_s` if its end is
            gone. MPEG streams, WMV and live recordings promise nothing but what they hold.
        origin_pts: timestamp of the first presented frame, in `time_base`.
        starts_damaged: that frame cannot be decoded.
        time_base: seconds per timestamp unit.
        codec: short name of the codec.
        container: short name of the container.
        objection: why decord must not read this file; empty where nothing speaks against it.
    """

    path: Path
    width: int
    height: int
    is_square_pixel: bool
    quarter_turns: int
    times_s: npt.NDArray[np.float64]
    duration_s: float
    promised_s: float
    origin_pts: int
    starts_damaged: bool
    time_base: Fraction
    codec: str
    container: str
    objection: str


@dataclass(frozen=True, slots=True)
class _Scan:
    """One pass over a file: `end_s` is when the last packet of any stream ends."""

    first: av.VideoFrame | None
    packets: list[_Packet]
    end_s: float


@dataclass(frozen=True, slots=True)
class _Packet:
    pts: int
    duration: int
    is_key: bool
    is_discarded: bool


def survey_video(path: Path) -> Survey:
    """Read a video's packets and decode its first frame.

    Raises:
        VideoError: the file cannot be opened, has no video, or shows no frame.
    """
    try:
        with open_container(path) as container:
            return _survey(path, container)
    except (av.FFmpegError, OSError) as error:
        raise VideoError(f"{path}: cannot be read as a video ({reason_of(error)})") from error


def open_container(path: Path, **options: str) -> Any:
    """Open a file with PyAV; raises its errors."""
    return av.open(str(path), options=options)


def _video_stream(path: Path, container: Any) -> av.VideoStream:
    stream = container.streams.best("video")
    if not isinstance(stream, av.VideoStream):
        raise VideoError(f"{path}: holds no video; is it a video file?")
    return stream


def reason_of(error: Exception) -> str:
    """Return what a reader complained of, on one line and without places and clock times."""
    text = str(getattr(error, "strerror", None) or error).strip() or type(error).__name__
    # decord: "[06:46:23] /src/file.cc:218: Check failed: ..." and then a C++ stack.
    return re.sub(r"\[[\d:]+\] \S+:\d+: ", "", text.splitlines()[0])


def _survey(path: Path, container: Any) -> Survey:
    stream = _video_stream(path, container)
    container_name: str = container.format.name
    codec: str = stream.codec.canonical_name
    indexed = [entry.timestamp for entry in stream.index_entries]
    scan = _scan(container, stream)
    first, packets = scan.first, scan.packets
    origin = _origin_pts(scan, container_name)
    shown = {p.pts: p for p in packets if p.pts >= origin and not p.is_discarded}
    if first is None or stream.time_base is None or not shown:
        raise VideoError(f"{path}: no frame of it can be decoded; get the video again")
    in_order = [shown[pts] for pts in sorted(shown)]
    pts = np.array([p.pts for p in in_order])
    typical_gap = int(np.median(np.diff(pts))) if len(pts) > 1 else 0
    end_pts = in_order[-1].pts + (in_order[-1].duration or typical_gap)
    duration_s = float((end_pts - origin) * stream.time_base)
    is_edited = "mp4" in container_name and len(indexed) != _n_unedited(path)
    lacking_s = _lacking_s(container, stream, indexed, scan)
    width, height, quarter_turns = _display_shape(stream, first)
    return Survey(
        path=path,
        width=width,
        height=height,
        is_square_pixel=(stream.sample_aspect_ratio or 1) == 1,
        quarter_turns=quarter_turns,
        times_s=np.array([float((p.pts - origin) * stream.time_base) for p in in_order]),
        duration_s=duration_s,
        promised_s=duration_s + lacking_s,
        origin_pts=origin,
        starts_damaged=first.pts != origin,
        time_base=stream.time_base,
        codec=codec,
        container=container_name,
        objection=_objection(
            codec,
            container_name,
            packets,
            origin,
            is_edited=is_edited,
            starts_damaged=first.pts != origin,
        ),
    )


def _scan(container: Any, stream: av.VideoStream) -> _Scan:
    first = None
    packets: list[_Packet] = []
    end_s = 0.0
    for packet in container.demux():
        if packet.size and packet.pts is not None:
            duration = packet.duration or 0
            end_s = max(end_s, float((packet.pts + duration) * packet.time_base))
            if packet.stream is stream:
                packets.append(_Packet(packet.pts, duration, packet.is_keyframe, packet.is_discard))
        if first is None and packet.stream is stream:
            with contextlib.suppress(av.FFmpegError):
                first = next(iter(packet.decode()), None)
    return _Scan(first, packets, end_s)


def _origin_pts(scan: _Scan, container: str) -> int:
    """Return when the video's clock starts: what the file shows first, decodable or not."""
    candidates = [p.pts for p in scan.packets if not p.is_discarded][:1]
    if scan.first is not None and scan.first.pts is not None:
        if container in STREAM_CONTAINERS:
            return scan.first.pts
        candidates.append(scan.first.pts)
    return min(candidates, default=0)


def _lacking_s(container: Any, stream: av.VideoStream, indexed: list[int], scan: _Scan) -> float:
    """Return how much of a file's end is gone, by what it says of itself, seconds."""
    stated_s, tick_s = 0.0, float(stream.time_base or 0)
    if "mp4" in container.format.name:
        missing = indexed[len(scan.packets) - 1 :]  # from the last that is there on
        return (missing[-1] - missing[0]) * tick_s if missing else 0.0
    if "matroska" in container.format.name:
        stated_s = (container.duration or 0) / av.time_base
    elif container.format.name == "avi":
        stated_s = stream.frames * tick_s
    lacking_s = stated_s - scan.end_s
    return lacking_s if lacking_s > CUT_OFF_S else 0.0


def _n_unedited(path: Path) -> int:
    with open_container(path, ignore_editlist="1") as container:
        return len(_video_stream(path, container).index_entries)


def _display_shape(stream: av.VideoStream, first: av.VideoFrame) -> tuple[int, int, int]:
    width = max(1, round(first.width * (stream.sample_aspect_ratio or 1)))
    quarter_turns = round(first.rotation / 90) % 4
    if quarter_turns % 2:
        return first.height, width, quarter_turns
    return width, first.height, quarter_turns


def _objection(
    codec: str,
    container: str,
    packets: list[_Packet],
    origin_pts: int,
    *,
    is_edited: bool,
    starts_damaged: bool,
) -> str:
    if container in PYAV_ONLY_CONTAINERS:
        return PYAV_ONLY_CONTAINERS[container]
    if codec in PYAV_ONLY_CODECS:
        return PYAV_ONLY_CODECS[codec]
    if is_edited or any(packet.is_discarded for packet in packets):
        return "an edit list hides some of its frames"
    if starts_damaged or origin_pts > min(packet.pts for packet in packets):
        return "it begins with frames that cannot be decoded"
    key_pts = packets[0].pts
    for packet in packets:
        if packet.is_key:
            key_pts = packet.pts
        elif packet.pts < key_pts:
            return "a key frame is followed by frames shown before it (open GOP)"
    return ""
