"""Every wanted second shows the right frame, whichever reader delivers it.

The frames carry their own numbers as bars, so a reader that is one frame off is found out.
"""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from dataset_builder import video_readers
from dataset_builder.errors import VideoError
from dataset_builder.frames import read_frames_at
from dataset_builder.video_readers import Reading, Shown, read_nearest
from dataset_builder.video_survey import survey_video

EVEN = [round(n / 24, 3) for n in range(24 * 6)]
UNEVEN = [0.0, *(round(float(t), 3) for t in np.cumsum([0.04, 0.21, 0.09, 0.33, 0.017] * 8))]
OPEN_GOP = {"g": "24", "bf": "3", "x264-params": "open-gop=1:scenecut=0:b-adapt=0"}
CLOSED_HEVC = {"x265-params": "log-level=none:keyint=24:no-open-gop=1"}
FAST_VP9 = {"deadline": "realtime", "cpu-used": "8"}

RECIPES: dict[str, tuple[list[float], dict[str, Any], str]] = {
    "even": (EVEN, {}, "decord"),
    "no B-frames": (EVEN, {"codec_options": {"bf": "0"}}, "decord"),
    "uneven Matroska": (UNEVEN, {"suffix": ".mkv"}, "decord"),
    "uneven MP4": (UNEVEN, {}, "decord"),
    "long gaps": ([0.0, 4.0, 4.5, 9.0], {}, "decord"),
    "starts late": (EVEN, {"start_s": 1.5}, "decord"),
    "starts late, Matroska": (EVEN, {"start_s": 1.5, "suffix": ".mkv"}, "decord"),
    "turned left": (EVEN, {"quarter_turns": 1}, "decord"),
    "upside down": (EVEN, {"quarter_turns": 2}, "decord"),
    "turned right": (EVEN, {"quarter_turns": 3}, "decord"),
    "wide pixels": (EVEN, {"sample_aspect": Fraction(4, 3)}, "decord"),
    "wide pixels, turned": (EVEN, {"sample_aspect": Fraction(4, 3), "quarter_turns": 1}, "decord"),
    "closed HEVC": (EVEN, {"codec": "libx265", "codec_options": CLOSED_HEVC}, "decord"),
    "open GOP": (EVEN, {"codec_options": OPEN_GOP}, "pyav"),
    "MPEG-TS": (EVEN, {"suffix": ".ts"}, "pyav"),
    "VP9": (
        EVEN[:60],
        {"suffix": ".webm", "codec": "libvpx-vp9", "codec_options": FAST_VP9},
        "pyav",
    ),
    "AV1": (EVEN[:60], {"codec": "libsvtav1", "codec_options": {"preset": "8"}}, "pyav"),
}


@pytest.fixture(params=RECIPES)
def any_video(request: pytest.FixtureRequest, coded_video: Callable[..., Any]) -> Any:
    times_s, recipe, reader = RECIPES[request.param]
    return coded_video(times_s, **recipe), reader


def wanted_times(times_s: list[float]) -> list[float]:
    """Return every whole second, and times in between, in no order and one of them twice."""
    rng = np.random.default_rng(0)
    between = rng.uniform(0, times_s[-1], 30).tolist()
    wanted = [*range(int(times_s[-1]) + 1), *between, between[0]]
    return [wanted[i] for i in rng.permutation(len(wanted))]


def numbers_at(path: Path, wanted: list[float], read_number: Any) -> tuple[list[int], Reading]:
    found: dict[int, int] = {}
    survey = survey_video(path)

    def keep(shown: Shown) -> None:
        found[shown.wanted] = read_number(shown.image)

    reading = read_nearest(survey, wanted, None, keep)
    return [found[i] for i in range(len(wanted))], reading


@pytest.fixture
def by_decord_if_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no request count as dense, so that decord reads whatever it is fit for."""
    monkeypatch.setattr(video_readers, "DENSE_SHARE", 2)


@pytest.fixture(params=[2, video_readers.DENSE_SHARE])
def either_reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_readers, "DENSE_SHARE", request.param)


@pytest.mark.usefixtures("by_decord_if_fit")
def test_every_time_shows_the_right_frame_from_the_reader_that_is_trusted(
    any_video: Any, read_number: Any
) -> None:
    video, reader = any_video
    wanted = wanted_times(video.times_s)
    numbers, reading = numbers_at(video.path, wanted, read_number)
    assert numbers == [video.number_at(t) for t in wanted]
    assert reading.reader == reader, reading.reason
    survey = survey_video(video.path)
    assert survey.promised_s == survey.duration_s  # nothing of a whole file is missed


def test_pyav_shows_the_same_frames_where_many_are_wanted(any_video: Any, read_number: Any) -> None:
    video, reader = any_video
    wanted = wanted_times(video.times_s)
    numbers, reading = numbers_at(video.path, wanted, read_number)
    assert numbers == [video.number_at(t) for t in wanted]
    assert reading.reader == "pyav"
    assert (reading.reason == video_readers.IS_DENSE) == (reader == "decord")


@pytest.mark.parametrize("recipe", ["open GOP", "MPEG-TS"])
def test_decord_would_show_wrong_frames_where_it_is_kept_out(
    recipe: str, coded_video: Callable[..., Any], read_number: Any
) -> None:
    pytest.importorskip("decord")
    times_s, settings, _ = RECIPES[recipe]
    video = coded_video(times_s, **settings)
    survey = dataclasses.replace(survey_video(video.path), objection="")
    wanted = wanted_times(times_s)
    delivered = list(video_readers._read_with_decord(survey, wanted, None))
    assert any(read_number(s.image) != video.number_at(wanted[s.wanted]) for s in delivered)


def test_frames_behind_an_edit_list_are_not_counted(
    coded_video: Callable[..., Any], tmp_path: Path, read_number: Any
) -> None:
    video = coded_video(EVEN)
    edited = tmp_path / "edited.mp4"
    copy_packets(video.path, edited, shift_s=-0.5)
    numbers, reading = numbers_at(edited, [0, 1, 4], read_number)
    assert numbers == [12, 36, 108]
    assert (reading.reader, reading.reason) == ("pyav", "an edit list hides some of its frames")


def test_frames_after_the_end_of_an_edit_list_are_not_shown(
    coded_video: Callable[..., Any], tmp_path: Path
) -> None:
    data = bytearray(coded_video(EVEN).path.read_bytes())
    duration = data.index(b"elst") + 12  # after type, version and count: 6,000 ms of one edit
    assert data[duration : duration + 4] == (6000).to_bytes(4, "big")
    data[duration : duration + 4] = (3000).to_bytes(4, "big")
    shortened = tmp_path / "shortened.mp4"
    shortened.write_bytes(bytes(data))
    survey = survey_video(shortened)
    assert len(survey.times_s) == 72
    assert (survey.duration_s, survey.promised_s) == (3, 3)
    assert survey.objection == "an edit list hides some of its frames"


def test_a_stream_cut_within_a_group_of_pictures_starts_at_its_first_whole_frame(
    coded_video: Callable[..., Any], tmp_path: Path, read_number: Any
) -> None:
    video = coded_video(EVEN, suffix=".ts")
    cut = tmp_path / "cut.ts"
    copy_packets(video.path, cut, skip=10)
    numbers, _ = numbers_at(cut, [0, 1, 2], read_number)
    assert numbers == [24, 48, 72]


def test_a_size_is_width_and_height_of_the_upright_picture(
    coded_video: Callable[..., Any], read_number: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = coded_video(EVEN[:24], quarter_turns=1)
    monkeypatch.setattr(video_readers, "DENSE_SHARE", 2)
    by_decord = read_frames_at(video.path, [0.5, 0], (48, 80))
    monkeypatch.setattr(video_readers, "_decord", lambda: None)
    by_pyav = read_frames_at(video.path, [0.5, 0], (48, 80))
    assert by_decord.shape == by_pyav.shape == (2, 80, 48, 3)
    assert [read_number(image) for image in by_decord] == [12, 0]
    assert np.abs(by_decord.astype(int) - by_pyav).mean() < 2


def test_a_time_just_past_the_end_is_the_last_frame_and_a_later_one_is_refused(
    coded_video: Callable[..., Any], read_number: Any
) -> None:
    video = coded_video(EVEN[:30])  # ends at 1.25 s
    assert read_number(read_frames_at(video.path, [1.7])[0]) == 29
    with pytest.raises(VideoError, match=r"ends at 1\.25 s, so it shows nothing at 2, 3 s"):
        read_frames_at(video.path, [2, 0, 3])


def test_a_time_before_the_start_is_refused(coded_video: Callable[..., Any]) -> None:
    with pytest.raises(VideoError, match="shows nothing at -1 s"):
        read_frames_at(coded_video(EVEN[:24]).path, [-1])


class LyingDecord:
    """decord, but its reader says something false."""

    def __init__(self, lie: str) -> None:
        self._decord = pytest.importorskip("decord")
        self.DECORDError = self._decord.DECORDError
        self._lie = lie

    def VideoReader(self, path: str, **scaling: int) -> Any:  # noqa: N802
        reader = self._decord.VideoReader(path, **scaling)
        lie = self._lie

        class Liar:
            def __len__(self) -> int:
                return len(reader) + (lie == "count")

            def get_frame_timestamp(self, indices: Any) -> np.ndarray:
                times = np.array(reader.get_frame_timestamp(range(len(reader))))
                return times * 1.001 + 7 if lie == "clock" else times

            def get_batch(self, indices: Any) -> Any:
                if lie == "break" and indices[0] > 0:
                    raise RuntimeError("[06:46:23] /src/decoder.cc:218: worker died\n  stack")
                return reader.get_batch(indices)

        return Liar()


@pytest.mark.usefixtures("by_decord_if_fit")
@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        ("count", "decord counts 145 frames, the packets 144"),
        ("clock", "decord's times differ from the packets' by 0.006 s"),
        ("break", "decord failed on the way (worker died)"),
    ],
)
def test_pyav_takes_over_where_decord_contradicts_the_packets(
    lie: str,
    reason: str,
    coded_video: Callable[..., Any],
    read_number: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    video = coded_video(EVEN)
    liar = LyingDecord(lie)
    monkeypatch.setattr(video_readers, "_decord", lambda: liar)
    wanted = EVEN[:20]
    numbers, reading = numbers_at(video.path, wanted, read_number)
    assert numbers == list(range(20))
    assert (reading.reader, reading.reason) == ("pyav", reason)


@pytest.mark.usefixtures("by_decord_if_fit")
def test_decord_reads_ascending_blocks_of_sixteen_and_no_reader_outlives_the_call(
    coded_video: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    decord = pytest.importorskip("decord")
    asked: list[list[int]] = []
    readers: weakref.WeakSet[Any] = weakref.WeakSet()

    class Watched(decord.VideoReader):  # type: ignore[misc,name-defined]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            readers.add(self)

        def get_batch(self, indices: list[int]) -> Any:
            asked.append(list(indices))
            return super().get_batch(indices)

    monkeypatch.setattr(decord, "VideoReader", Watched)
    video = coded_video(EVEN)
    read_frames_at(video.path, EVEN[40::-1], (32, 18))
    assert [len(block) for block in asked] == [16, 16, 9]
    assert [index for block in asked for index in block] == list(range(41))
    assert len(readers) == 0


def break_packets(source: Path, target: Path, hit: set[int]) -> None:
    """Copy an MP4 with some packets (in decoding order) overwritten by ones."""
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        for number, packet in enumerate(container.demux(video=0)):
            if packet.size and number in hit:
                assert packet.pos is not None
                data[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    target.write_bytes(bytes(data))


def copy_packets(source: Path, target: Path, *, shift_s: float = 0, skip: int = 0) -> None:
    """Copy packets without decoding: shifted below zero an MP4 hides frames by an edit list."""
    options = {"avoid_negative_ts": "disabled"} if shift_s else {}
    with av.open(str(source)) as old, av.open(str(target), "w", options=options) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(old.demux(video=0)):
            if packet.size and number >= skip:
                packet.pts += round(shift_s / packet.time_base)
                packet.dts += round(shift_s / packet.time_base)
                packet.stream = stream
                new.mux(packet)


@pytest.mark.usefixtures("either_reader")
@pytest.mark.parametrize("hit", [0, 24, 27, 47])
def test_a_damaged_packet_spoils_frames_up_to_the_next_key_frame_and_shifts_nothing(
    hit: int, coded_video: Callable[..., Any], tmp_path: Path, read_number: Any
) -> None:
    video = coded_video(EVEN)
    broken = tmp_path / "broken.mp4"
    break_packets(video.path, broken, {hit})
    survey = survey_video(broken)
    shown: dict[int, int] = {}

    def keep(frame: Shown) -> None:
        shown[frame.wanted] = read_number(frame.image)

    reading = read_nearest(survey, EVEN, None, keep)
    shown = {wanted: shown[wanted] for wanted in reading.delivered}
    lost = set(range(len(EVEN))) - shown.keys()
    assert all(number == wanted for wanted, number in shown.items())
    assert lost
    assert lost <= set(range(24 * (hit // 24), 24 * (hit // 24 + 1)))
    assert reading.reader == "pyav"
    assert reading.damage.startswith("is damaged at ")


@pytest.mark.usefixtures("by_decord_if_fit")
def test_a_frame_that_decord_showed_before_it_failed_does_not_hide_the_damage(
    coded_video: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = tmp_path / "broken.mp4"
    break_packets(coded_video(EVEN).path, broken, {24})
    survey = survey_video(broken)
    smeared = Shown(1, 1.0, np.zeros((108, 192, 3), np.uint8))

    def show_one_and_fail(*args: Any) -> Any:
        yield smeared
        raise video_readers.DecordUnfitError("decord failed on the way (test)")

    monkeypatch.setattr(video_readers, "_read_with_decord", show_one_and_fail)
    assert read_nearest(survey, [0, 1, 2], None, lambda shown: None).delivered == {0, 2}
    with pytest.raises(VideoError, match="shows nothing at 1 s"):
        read_frames_at(broken, [0, 1, 2])


def test_damage_is_refused_only_where_it_is_asked_for(
    coded_video: Callable[..., Any], tmp_path: Path, read_number: Any
) -> None:
    broken = tmp_path / "broken.mp4"
    break_packets(coded_video(EVEN).path, broken, {24})
    assert [read_number(i) for i in read_frames_at(broken, [0, 2])] == [0, 48]
    with pytest.raises(VideoError, match=r"broken\.mp4: is damaged at 1\.00 s") as caught:
        read_frames_at(broken, [0, 1, 2])
    assert "\n" not in str(caught.value)


def test_a_video_whose_clock_runs_backwards_is_refused(coded_video: Callable[..., Any]) -> None:
    # AVI has no presentation times: H.264 with B-frames comes out of it in disorder.
    video = coded_video(EVEN[:48], suffix=".avi")
    with pytest.raises(VideoError, match="does not say when each frame is shown"):
        read_frames_at(video.path, [1])


@pytest.mark.parametrize(
    "name",
    [
        "videos/02_cups.mp4",
        "videos/03_blocks.mp4",
        "videos/04_coffee.mp4",
        "videos/05_default_juggle.mp4",
        "videos/flipping_a_pancake.mkv",
        "edge_videos/decord_unordered.mov",
        "edge_videos/decord_video_0.mov",
        "edge_videos/decord_video_90.mov",
        "edge_videos/mmaction_demo_glitch_end.mp4",
        "edge_videos/cvat_video_without_valid_keyframes.mp4",
    ],
)
def test_real_videos_look_the_same_from_both_readers(
    name: str, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("decord")
    survey = survey_video(shared_data / name)
    assert video_readers.choose_reader(survey).reader == "decord"
    wanted = np.linspace(0, survey.times_s[-1], 7).tolist()
    monkeypatch.setattr(video_readers, "DENSE_SHARE", 2)
    by_decord = read_frames_at(survey.path, wanted)
    monkeypatch.setattr(video_readers, "_decord", lambda: None)
    by_pyav = read_frames_at(survey.path, wanted)
    difference = np.abs(by_decord.astype(np.int16) - by_pyav).mean(axis=(1, 2, 3))
    assert difference.max() <= 2
