"""Two readers of one video, decord and PyAV, behind one call that says which of them it trusted.

decord seeks, so it reads what is asked for here and there, wherever nothing speaks against it: it
is known to be right for the codec and the container, and lists the same frames at the same times as
the packets. PyAV reads the rest, and all that is asked for densely (`DENSE_SHARE`). Both deliver
upright pictures with square pixels: decord turns them by itself, PyAV's are turned here.
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

OUTSIDE_TOLERANCE_S = 0.5
"""How long before the first frame or after the end of the last a time still means that frame."""

BLOCK_FRAMES = 16
BLOCK_PX = 4_000_000
"""Most frames and pixels per decord call: while the caller works on a block, decord decodes ahead
without bound. At 1280x720, blocks of 16 frames cost 450-640 MB and of 4 frames 200 MB, as fast."""

CLOCK_TOLERANCE_S = 0.002
"""Matroska's clock ticks in milliseconds, and decord rounds to 32-bit floats."""

DECODER_THREADS = 4
"""Of PyAV; each holds a few decoded frames."""

AGREES = "decord agrees with the packets"

DENSE_SHARE = 2 / 3
"""A request is dense that wants something of this share of the whole seconds up to its last time.

PyAV passes every frame from the start to the last one wanted; decord takes 1.15 to 1.4 times as
long for each frame that it passes, and seeks over groups of pictures that nobody wants. So seeking
pays where it saves a third (`benchmarks/README.md`).
"""

IS_DENSE = "so many frames are wanted that seeking does not pay"


@dataclass(frozen=True, slots=True)
class Shown:
    """The picture for one wanted time: `wanted` is its position in the request.

    `time_s` is when it is shown; `image` is (height, width, 3) uint8, RGB.
    """

    wanted: int
    time_s: float
    image: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Reading:
    """How a request went.

    `delivered` holds the positions of the wanted times that were shown; `damage` is the first that
    was met, empty where there was none.
    """

    reader: Literal["decord", "pyav"]
    reason: str
    delivered: frozenset[int] = frozenset()
    damage: str = ""


class DecordUnfitError(VideoError):
    """decord cannot be trusted with this file or is slow at it; the message is the reason."""


def choose_reader(survey: Survey, times_s: Sequence[float] = ()) -> Reading:
    """Return which reader would read a video at some times, and why, without decoding it.

    Without times it is the one that may seek in it.
    """
    try:
        _refuse_dense(survey, times_s)
        _open_decord(survey, None)
    except DecordUnfitError as error:
        return Reading("pyav", str(error))
    return Reading("decord", AGREES)


def read_nearest(
    survey: Survey,
    times_s: Sequence[float],
    size: tuple[int, int] | None,
    keep: Callable[[Shown], None],
    before: Reading | None = None,
) -> Reading:
    """Hand the frame shown nearest to each time to `keep`, in ascending order of times.

    Times outside the video and times whose nearest frame is damaged are left out. When decord fails
    on the way PyAV reads it all anew, so `keep` may see a position twice, or one that the returned
    `delivered` does not hold: only what is in there counts, and its last picture.

    Args:
        survey: the video.
        times_s: (n,) seconds of the video's clock, in any order.
        size: (width, height) of the upright picture in pixels; None is the display size.
        keep: takes each frame.
        before: how other frames of this video were read, where these must be from the same reader;
            `DENSE_SHARE` then plays no part.

    Raises:
        VideoError: the video does not say when its frames are shown.
    """

    def hand_over(frames: Iterator[Shown]) -> frozenset[int]:
        delivered = set()
        for shown in frames:
            keep(shown)
            delivered.add(shown.wanted)
        return frozenset(delivered)

    try:
        if before is None:
            _refuse_dense(survey, times_s)
        elif before.reader == "pyav":
            raise DecordUnfitError(before.reason)
        return Reading("decord", AGREES, hand_over(_read_with_decord(survey, times_s, size)))
    except DecordUnfitError as error:
        reason = str(error)
    damage = Damage(survey)
    delivered = hand_over(read_with_pyav(survey, times_s, size, damage, DECODER_THREADS))
    if damage.first:
        # Threads tell of damage some packets late; one thread tells at which packet it is.
        damage = Damage(survey)
        delivered = hand_over(read_with_pyav(survey, times_s, size, damage))
    return Reading("pyav", reason, delivered, damage.first)


class Damage:
    """Keeps which frames of a video are lost while its packets are decoded one by one.

    A packet that cannot be decoded takes with it all that is built on it, up to the next key frame:
    decoders deliver those frames, smeared.
    """

    def __init__(self, survey: Survey) -> None:
        self.first = ""
        self._survey = survey
        self._lost_s: list[float] = []
        self._is_broken = False
        self._sound_from_pts: int | None = None
        if survey.starts_damaged:
            self._break(survey.origin_pts, "its first frame cannot be decoded")

    def decode(self, packet: Any) -> list[av.VideoFrame]:
        """Return the frames that a packet completes."""
        if self._is_broken and packet.is_keyframe:
            self._is_broken = False
            self._sound_from_pts = packet.pts
        frames: list[av.VideoFrame] = []
        try:
            frames = packet.decode()
        except av.FFmpegError as error:
            if packet.pts is not None and packet.pts >= self._survey.origin_pts:
                self._break(packet.pts, reason_of(error))
        if packet.pts is not None and (self._is_broken or self._leads_key_frame(packet.pts)):
            self._lost_s.append(self._seconds(packet.pts))
        return frames

    def covers(self, wanted_s: float, nearest_s: float) -> bool:
        """Whether a lost frame lies as near to a wanted time as the frame delivered for it."""
        distance = abs(wanted_s - nearest_s)
        return any(abs(wanted_s - lost_s) <= distance for lost_s in self._lost_s)

    def _break(self, pts: int, reason: str) -> None:
        self._is_broken = True
        self.first = self.first or f"is damaged at {self._seconds(pts):.2f} s ({reason})"

    def _leads_key_frame(self, pts: int) -> bool:
        """Whether a frame follows the first sound key frame but is shown before it."""
        return self._sound_from_pts is not None and pts < self._sound_from_pts

    def _seconds(self, pts: int) -> float:
        return float((pts - self._survey.origin_pts) * self._survey.time_base)


def read_with_pyav(
    survey: Survey,
    times_s: Sequence[float],
    size: tuple[int, int] | None,
    damage: Damage,
    n_threads: int = 1,
) -> Iterator[Shown]:
    """Yield what `read_nearest` promises from one sequential pass of PyAV, filling in `damage`.

    With more than one thread `damage` says only whether there is any.
    """
    inside = [i for i, time_s in enumerate(times_s) if _is_inside(survey, time_s)]
    pending = sorted(inside, key=lambda i: times_s[i], reverse=True)
    width_height = size or (survey.width, survey.height)
    before: tuple[float, av.VideoFrame] | None = None

    def shown(chosen: tuple[float, av.VideoFrame]) -> Iterator[Shown]:
        position = pending.pop()
        if not damage.covers(times_s[position], chosen[0]):
            yield Shown(position, chosen[0], _upright(chosen[1], survey, width_height))

    for now in _decoded(survey, damage, n_threads):
        while pending and (wanted_s := times_s[pending[-1]]) <= now[0]:
            is_before = before is not None and wanted_s - before[0] <= now[0] - wanted_s
            yield from shown(before if before is not None and is_before else now)
        if not pending:
            return
        before = now
    while before is not None and pending:
        yield from shown(before)


def _decoded(
    survey: Survey, damage: Damage, n_threads: int
) -> Iterator[tuple[float, av.VideoFrame]]:
    last_pts = survey.origin_pts - 1
    with open_container(survey.path) as container:
        stream = container.streams.best("video")
        stream.thread_count = n_threads
        stream.thread_type = "AUTO" if n_threads > 1 else "NONE"
        for packet in container.demux(stream):
            for frame in damage.decode(packet):
                if frame.pts is None or frame.pts < last_pts:
                    raise VideoError(
                        f"{survey.path}: does not say when each frame is shown (timestamp "
                        f"{frame.pts} after {last_pts}); re-encode the video as MP4"
                    )
                if frame.pts > last_pts:
                    last_pts = frame.pts
                    yield float((last_pts - survey.origin_pts) * survey.time_base), frame


def _upright(frame: av.VideoFrame, survey: Survey, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    width, height = size if survey.quarter_turns % 2 == 0 else size[::-1]
    # Bilinear is what decord scales with; the two differ by less than one grey level on average.
    picture = frame.to_ndarray(format="rgb24", width=width, height=height, interpolation="BILINEAR")
    return np.ascontiguousarray(np.rot90(picture, survey.quarter_turns), dtype=np.uint8)


def _read_with_decord(
    survey: Survey, times_s: Sequence[float], size: tuple[int, int] | None
) -> Iterator[Shown]:
    positions: dict[int, list[int]] = {}
    for position, time_s in enumerate(times_s):
        if _is_inside(survey, time_s):
            positions.setdefault(_nearest_frame(survey, time_s), []).append(position)
    frames = sorted(positions)
    width, height = size or (survey.width, survey.height)
    n_block = min(BLOCK_FRAMES, max(1, BLOCK_PX // (width * height)))
    reader = _open_decord(survey, size)
    for start in range(0, len(frames), n_block):
        block = frames[start : start + n_block]
        try:
            images = reader.get_batch(block).asnumpy()
        except (_decord().DECORDError, RuntimeError) as error:
            raise DecordUnfitError(f"decord failed on the way ({reason_of(error)})") from error
        for frame, image in zip(block, images, strict=True):
            for position in positions[frame]:
                yield Shown(position, float(survey.times_s[frame]), image)


def _refuse_dense(survey: Survey, times_s: Sequence[float]) -> None:
    seconds = {max(0, int(time_s)) for time_s in times_s if _is_inside(survey, time_s)}
    if seconds and not survey.objection and len(seconds) >= DENSE_SHARE * (1 + max(seconds)):
        raise DecordUnfitError(IS_DENSE)


def _is_inside(survey: Survey, time_s: float) -> bool:
    return -OUTSIDE_TOLERANCE_S <= time_s <= survey.duration_s + OUTSIDE_TOLERANCE_S


def _nearest_frame(survey: Survey, time_s: float) -> int:
    """Return the index of the frame shown nearest to a time, of two the earlier."""
    times = survey.times_s
    after = int(np.searchsorted(times, time_s))
    if after == 0:
        return 0
    if after == len(times) or time_s - times[after - 1] <= times[after] - time_s:
        return after - 1
    return after


def _open_decord(survey: Survey, size: tuple[int, int] | None) -> Any:
    """Open and check a decord reader; nobody may keep it longer than one request."""
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


def _check_decord(survey: Survey, decord_reader: Any) -> None:
    n_expected, n_found = len(survey.times_s), len(decord_reader)
    if n_found != n_expected:
        raise DecordUnfitError(f"decord counts {n_found} frames, the packets {n_expected}")
    starts = np.asarray(decord_reader.get_frame_timestamp(range(n_found)), np.float64)[:, 0]
    difference = float(np.abs(starts - starts[0] - survey.times_s).max())
    # A late time as a 32-bit float is off by up to its own spacing.
    if difference > CLOCK_TOLERANCE_S + float(np.spacing(np.float32(starts.max()))):
        raise DecordUnfitError(f"decord's times differ from the packets' by {difference:.3f} s")


@functools.cache
def _decord() -> Any:
    """Return the decord module, or None where it has no build or does not load."""
    try:
        decord = importlib.import_module("decord")
    except (ImportError, OSError, RuntimeError):
        return None
    decord.logging.set_level(decord.logging.QUIET)
    return decord
