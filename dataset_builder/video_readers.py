"""Two readers of one video, decord and PyAV, behind one call that says which of them it trusted.

decord reads wherever nothing speaks against it: it is known to be right for the codec and the
container, and lists the same frames at the same times as the packets. PyAV reads the rest. Both
deliver upright pictures with square pixels: decord turns them by itself, PyAV's are turned here.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import av
import numpy as np
import numpy.typing as npt

from dataset_builder.errors import VideoError
from dataset_builder.video_survey import Survey, open_container, reason_of

Image = npt.NDArray[np.uint8]
Reader = Literal["decord", "pyav"]

END_TOLERANCE_S = 0.5
"""How long after the end of the last frame a wanted second may lie and still be that frame."""

BLOCK = 16
"""Frames per decord call: an open decord reader holds what it decoded ahead."""

CLOCK_TOLERANCE_S = 0.002
"""decord keeps times as 32-bit floats and Matroska in whole milliseconds."""

AGREES = "decord agrees with the packets"


class DecordUnfitError(VideoError):
    """decord cannot be trusted with this file; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The picture for one wanted time: `wanted` is its position in the request."""

    wanted: int
    time_s: float
    image: Image


def choose_reader(survey: Survey) -> tuple[Reader, str]:
    """Return which reader is trusted with a video, and why, without decoding it."""
    try:
        _open_decord(survey, None)
    except DecordUnfitError as error:
        return "pyav", str(error)
    return "decord", AGREES


def read_nearest(
    survey: Survey,
    times_s: Sequence[float],
    size: tuple[int, int] | None,
    keep: Callable[[Shown], None],
    *,
    partial: bool = False,
) -> tuple[Reader, str]:
    """Hand the frame shown nearest to each time to `keep`; return which reader delivered, and why.

    Times past the end are never handed over. When decord fails on the way PyAV begins anew, so that
    `keep` may see a position twice: the last one counts.

    Args:
        survey: the video.
        times_s: (n,) seconds of the video's clock, in any order.
        size: (width, height) of the upright picture in pixels; None is the display size.
        keep: takes each frame.
        partial: also pass over times whose nearest frame is damaged.

    Raises:
        VideoError: the video is damaged before the last wanted frame, and `partial` is not set.
    """
    try:
        for shown in _read_with_decord(survey, times_s, size):
            keep(shown)
        return "decord", AGREES
    except DecordUnfitError as error:
        reason = str(error)
    for shown in read_with_pyav(survey, times_s, size, partial=partial):
        keep(shown)
    return "pyav", reason


def _check_decord(survey: Survey, decord_reader: Any) -> None:
    n_expected, n_found = len(survey.times_s), len(decord_reader)
    if n_found != n_expected:
        raise DecordUnfitError(f"decord counts {n_found} frames, the packets {n_expected}")
    starts = np.asarray(decord_reader.get_frame_timestamp(range(n_found)), np.float64)[:, 0]
    difference = float(np.abs(starts - starts[0] - survey.times_s).max())
    # A 32-bit float of a late time is off by up to its own spacing.
    if difference > CLOCK_TOLERANCE_S + float(np.spacing(np.float32(starts.max()))):
        raise DecordUnfitError(f"decord's times differ from the packets' by {difference:.3f} s")


def _open_decord(survey: Survey, size: tuple[int, int] | None) -> Any:
    if survey.objection:
        raise DecordUnfitError(survey.objection)
    decord = _decord()
    if decord is None:
        raise DecordUnfitError("decord is not installed")
    if size is None and not survey.is_square_pixel:
        size = (survey.width, survey.height)
    scaling = {} if size is None else {"width": size[0], "height": size[1]}
    try:
        reader = decord.VideoReader(str(survey.path), **scaling)
        _check_decord(survey, reader)
    except (decord.DECORDError, RuntimeError) as error:
        raise DecordUnfitError(f"decord cannot open it ({reason_of(error)})") from error
    return reader


def _read_with_decord(
    survey: Survey, times_s: Sequence[float], size: tuple[int, int] | None
) -> Iterator[Shown]:
    positions: dict[int, list[int]] = {}
    for position, time_s in enumerate(times_s):
        frame = nearest_frame(survey, time_s)
        if frame is not None:
            positions.setdefault(frame, []).append(position)
    frames = sorted(positions)
    reader = _open_decord(survey, size)
    for start in range(0, len(frames), BLOCK):
        block = frames[start : start + BLOCK]
        try:
            images = reader.get_batch(block).asnumpy()
        except (_decord().DECORDError, RuntimeError) as error:
            raise DecordUnfitError(f"decord failed on the way ({reason_of(error)})") from error
        for frame, image in zip(block, images, strict=True):
            for position in positions[frame]:
                yield Shown(position, float(survey.times_s[frame]), image)


def nearest_frame(survey: Survey, time_s: float) -> int | None:
    """Return the index of the frame nearest to a time (of two, the earlier); None past the end.

    Past the end begins `END_TOLERANCE_S` after the last frame has ended.
    """
    times = survey.times_s
    if time_s > survey.duration_s + END_TOLERANCE_S:
        return None
    after = int(np.searchsorted(times, time_s))
    if after == 0:
        return 0
    if after == len(times) or time_s - times[after - 1] <= times[after] - time_s:
        return after - 1
    return after


def read_with_pyav(
    survey: Survey,
    times_s: Sequence[float],
    size: tuple[int, int] | None = None,
    *,
    partial: bool = False,
) -> Iterator[Shown]:
    """Yield the frame nearest to each time, in ascending order of times, from one sequential pass.

    Times beyond the end are left out. With `partial`, so are times whose nearest frame is damaged:
    lost itself, or built on a lost one (up to the next key frame).

    Raises:
        VideoError: a packet on the way cannot be decoded and `partial` is not set.
    """
    order = sorted(range(len(times_s)), key=lambda i: times_s[i])
    size = size or (survey.width, survey.height)
    pending = order[::-1]
    before: tuple[float, av.VideoFrame] | None = None
    damage = _Damage(survey, is_fatal=not partial)
    for time_s, frame in _decoded(survey, damage):
        while pending and times_s[pending[-1]] <= time_s:
            wanted_s = times_s[pending[-1]]
            chosen = (time_s, frame)
            if before is not None and wanted_s - before[0] <= time_s - wanted_s:
                chosen = before
            position = pending.pop()
            if not damage.covers(wanted_s, chosen[0]):
                yield Shown(position, chosen[0], _upright(chosen[1], survey, size))
        if not pending:
            return
        before = (time_s, frame)
    while pending and before is not None:
        position = pending.pop()
        wanted_s = times_s[position]
        is_past = wanted_s > survey.duration_s + END_TOLERANCE_S
        if not is_past and not damage.covers(wanted_s, before[0]):
            yield Shown(position, before[0], _upright(before[1], survey, size))


class _Damage:
    """Keeps which timestamps of a video are lost while its packets are decoded one by one."""

    def __init__(self, survey: Survey, *, is_fatal: bool) -> None:
        self._survey = survey
        self._is_fatal = is_fatal
        self._lost_s: list[float] = []
        self._is_sound = True
        self._sound_from_pts = survey.origin_pts

    def decode(self, packet: Any) -> list[av.VideoFrame]:
        """Return a packet's frames; a packet that fails spoils those up to the next key frame."""
        if packet.is_keyframe and packet.pts is not None:
            self._is_sound = True
            self._sound_from_pts = packet.pts
        try:
            frames = [frame for frame in packet.decode() if isinstance(frame, av.VideoFrame)]
        except av.FFmpegError as error:
            if packet.pts is None or packet.pts < self._survey.origin_pts:
                return []
            at_s = self._seconds(packet.pts)
            if self._is_fatal:
                raise VideoError(
                    f"{self._survey.path}: is damaged at {at_s:.2f} s ({reason_of(error)}); get "
                    "the video again, or keep its readable seconds with --partial"
                ) from error
            self._is_sound = False
            frames = []
        if packet.pts is not None and not (self._is_sound and packet.pts >= self._sound_from_pts):
            self._lost_s.append(self._seconds(packet.pts))
        return frames

    def covers(self, wanted_s: float, nearest_s: float) -> bool:
        """Whether a lost frame lies as near to a wanted time as the frame chosen for it."""
        distance = abs(wanted_s - nearest_s)
        return any(abs(wanted_s - lost_s) <= distance for lost_s in self._lost_s)

    def _seconds(self, pts: int) -> float:
        return float((pts - self._survey.origin_pts) * self._survey.time_base)


def _decoded(survey: Survey, damage: _Damage) -> Iterator[tuple[float, av.VideoFrame]]:
    with open_container(survey.path) as container:
        for packet in container.demux(container.streams.best("video")):
            for frame in damage.decode(packet):
                if frame.pts is not None and frame.pts >= survey.origin_pts:
                    yield float((frame.pts - survey.origin_pts) * survey.time_base), frame


def _upright(frame: av.VideoFrame, survey: Survey, size: tuple[int, int]) -> Image:
    width, height = size if survey.quarter_turns % 2 == 0 else size[::-1]
    # Bilinear is what decord scales with; the two differ by less than one grey level on average.
    picture = frame.to_ndarray(format="rgb24", width=width, height=height, interpolation="BILINEAR")
    return np.ascontiguousarray(np.rot90(picture, survey.quarter_turns), dtype=np.uint8)


@functools.cache
def _decord() -> Any:
    """Return the decord module, or None where it has no build or does not load."""
    try:
        decord = importlib.import_module("decord")
    except (ImportError, OSError, RuntimeError):
        return None
    decord.logging.set_level(decord.logging.QUIET)
    return decord
