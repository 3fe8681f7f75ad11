"""The store of frames: what is cut, how it is named, and how a run goes on after another."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner

from dataset_builder import frames
from dataset_builder.cli import main
from dataset_builder.domain import Video
from dataset_builder.errors import DatasetError, InputError, VideoError
from dataset_builder.frames import (
    FrameSettings,
    cut_frames,
    find_videos,
    image_path,
    read_video_frames,
)

EVEN = [round(n / 24, 3) for n in range(108)]  # 4.5 s: seconds 0 to 4


@pytest.fixture
def video(coded_video: Callable[..., Any]) -> Any:
    return coded_video(EVEN)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def contents(store: Path) -> dict[str, tuple[bytes, int]]:
    """Return every file of a store with its content and time of last change."""
    return {
        path.relative_to(store).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in store.rglob("*")
        if path.is_file()
    }


def open_image(store: Path, digest: str) -> np.ndarray:
    with PIL.Image.open(image_path(store, digest)) as image:
        return np.asarray(image)


def cut_off(path: Path, folder: Path) -> Path:
    target = folder / "cut_off.mkv"
    target.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return target


def test_each_second_holds_the_frame_shown_then(video: Any, store: Path, read_number: Any) -> None:
    cut = cut_frames(video.path, store, "v1")
    numbers = [read_number(open_image(store, f.image_sha256)) for f in cut.frames]
    assert numbers == [0, 24, 48, 72, 96]
    assert [f.second for f in cut.frames] == [0, 1, 2, 3, 4]
    assert [f.timestamp_s for f in cut.frames] == pytest.approx([0, 1, 2, 3, 4])
    assert cut.missing_seconds == ()


def test_the_video_is_described_as_shown(video: Any, store: Path) -> None:
    cut = cut_frames(video.path, store, "v1")
    digest = hashlib.sha256(video.path.read_bytes()).hexdigest()
    assert cut.video == Video("v1", 192, 108, cut.video.duration_s, digest)
    assert cut.video.duration_s == pytest.approx(4.5, abs=0.002)


def test_an_image_is_named_by_its_content_and_made_with_the_stated_quality(
    video: Any, store: Path
) -> None:
    cut = cut_frames(video.path, store, "v1", [1])
    digest = cut.frames[0].image_sha256
    path = store / "images" / digest[:2] / f"{digest}.jpg"
    data = path.read_bytes()
    assert hashlib.sha256(data).hexdigest() == digest
    picture = frames.read_frames_at(video.path, [1])[0]
    expected = io.BytesIO()
    PIL.Image.fromarray(picture).save(expected, "JPEG", quality=88, subsampling="4:2:0")
    assert data == expected.getvalue()


def test_a_large_video_is_stored_at_most_1280_long(shared_data: Path, store: Path) -> None:
    path = shared_data / "edge_videos/cvat_video_without_valid_keyframes.mp4"
    cut = cut_frames(path, store, "large")
    assert (cut.video.width, cut.video.height) == (1920, 1080)
    assert open_image(store, cut.frames[0].image_sha256).shape == (720, 1280, 3)


def test_two_stores_hold_the_same_bytes(video: Any, tmp_path: Path) -> None:
    for name in ("a", "b"):
        cut_frames(video.path, tmp_path / name, "v1")
    first, second = (contents(tmp_path / name) for name in ("a", "b"))
    assert {k: v[0] for k, v in first.items()} == {k: v[0] for k, v in second.items()}


def test_a_second_run_touches_and_decodes_nothing(
    video: Any, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cut_frames(video.path, store, "v1")
    before = contents(store)

    def refuse(*args: Any) -> None:
        raise AssertionError("the video was read again")

    monkeypatch.setattr(frames, "read_nearest", refuse)
    assert cut_frames(video.path, store, "v1") == first
    assert cut_frames(video.path, store, "v1", [3, 1]) == first
    assert contents(store) == before
    assert read_video_frames(store, "v1") == first


def test_more_seconds_asked_later_are_added(video: Any, store: Path) -> None:
    cut_frames(video.path, store, "v1", [3])
    cut = cut_frames(video.path, store, "v1", [1])
    assert [f.second for f in cut.frames] == [1, 3]
    assert read_video_frames(store, "v1") == cut


def test_other_settings_are_cut_anew(
    video: Any, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cut_frames(video.path, store, "v1")
    small = cut_frames(video.path, store, "v1", [1], settings=FrameSettings(long_side_px=96))
    assert [f.second for f in small.frames] == [1]
    assert open_image(store, small.frames[0].image_sha256).shape == (54, 96, 3)
    assert "source or settings changed" in caplog.text


def test_another_source_under_the_same_id_is_cut_anew(
    video: Any, store: Path, coded_video: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    cut_frames(video.path, store, "v1")
    anew = cut_frames(coded_video(EVEN[:30], suffix=".mkv").path, store, "v1")
    assert [f.second for f in anew.frames] == [0, 1]
    assert "source or settings changed" in caplog.text


def test_a_lost_image_is_cut_again(video: Any, store: Path) -> None:
    cut = cut_frames(video.path, store, "v1")
    lost = image_path(store, cut.frames[2].image_sha256)
    lost.unlink()
    assert cut_frames(video.path, store, "v1") == cut
    assert lost.is_file()


def test_a_run_that_dies_leaves_no_record_and_the_next_one_completes(
    video: Any, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = frames._store_image
    calls: list[int] = []

    def die_at_the_third(*args: Any) -> str:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(frames, "_store_image", die_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            cut_frames(video.path, store, "v1")
    assert read_video_frames(store, "v1") is None
    assert len(cut_frames(video.path, store, "v1").frames) == 5
    assert not [p for p in store.rglob(".*")]


def test_a_second_past_the_end_is_refused_or_counted_as_missing(video: Any, store: Path) -> None:
    assert [f.second for f in cut_frames(video.path, store, "v1", [5]).frames] == [5]
    with pytest.raises(VideoError, match=r"ends at 4\.50 s, so .* at 6, 7 s; check .*--partial"):
        cut_frames(video.path, store, "v1", [4, 6, 7])
    cut = cut_frames(video.path, store, "v1", [4, 6, 7], partial=True)
    assert [f.second for f in cut.frames] == [4, 5]
    assert cut.missing_seconds == (6, 7)


def test_seconds_that_were_given_up_are_refused_again_without_partial(
    video: Any, store: Path
) -> None:
    cut_frames(video.path, store, "v1", [4, 9], partial=True)
    with pytest.raises(VideoError, match="shows nothing at 9 s"):
        cut_frames(video.path, store, "v1", [9])
    assert cut_frames(video.path, store, "v1", [1]).missing_seconds == (9,)


def test_a_cut_off_video_is_refused_or_its_end_counted_as_missing(
    coded_video: Callable[..., Any], store: Path, tmp_path: Path
) -> None:
    whole = coded_video([n / 10 for n in range(100)], suffix=".mkv")
    path = cut_off(whole.path, tmp_path)
    with pytest.raises(VideoError, match=r"cut_off\.mkv: is cut off at \d\.\d\d s of (9\.9|10\.)"):
        cut_frames(path, store, "v1")
    assert read_video_frames(store, "v1") is None
    cut = cut_frames(path, store, "v1", partial=True)
    seconds = [f.second for f in cut.frames] + list(cut.missing_seconds)
    assert seconds == list(range(10))
    assert cut.frames
    assert cut.missing_seconds


def test_the_damaged_real_video_is_refused_or_cut_up_to_the_damage(
    shared_data: Path, store: Path
) -> None:
    path = shared_data / "edge_videos/decord_corrupted.mp4"
    with pytest.raises(VideoError, match=r"damaged at 3\.00 s .* at 3, 4 s; get .*--partial"):
        cut_frames(path, store, "v1")
    cut = cut_frames(path, store, "v1", partial=True)
    assert [f.second for f in cut.frames] == [0, 1, 2]
    assert cut.missing_seconds == (3, 4)
    assert cut.reader == "pyav"


def test_a_video_that_breaks_decord_is_read_by_pyav(shared_data: Path, store: Path) -> None:
    pytest.importorskip("decord")
    path = shared_data / "edge_videos/decord_corrupted.mp4"
    with pytest.raises(VideoError, match=r"damaged at 3\.00 s"):
        cut_frames(path, store, "v1", [4])
    cut = cut_frames(path, store, "v1", [4], partial=True)
    assert cut.reader_reason.startswith("decord failed on the way")


@pytest.mark.parametrize("first", [[4], [0, 1, 2]])
def test_a_videos_images_come_from_one_reader(
    first: list[int], coded_video: Callable[..., Any], store: Path
) -> None:
    video = coded_video(EVEN)
    before = cut_frames(video.path, store, "v1", first)
    after = cut_frames(video.path, store, "v1", [0, 1, 2, 3, 4])
    assert (after.reader, after.reader_reason) == (before.reader, before.reader_reason)
    image_path(store, before.frames[0].image_sha256).unlink()
    assert cut_frames(video.path, store, "v1") == after


@pytest.mark.parametrize(
    "name",
    [
        "02_cups.mp4",
        "03_blocks.mp4",
        "04_coffee.mp4",
        "05_default_juggle.mp4",
        "flipping_a_pancake.mkv",
    ],
)
def test_real_videos_are_cut_within_half_a_frame_of_each_second(
    name: str, shared_data: Path, store: Path
) -> None:
    path = shared_data / "videos" / name
    cut = cut_frames(path, store, path.stem)
    last_second = int(cut.video.duration_s)
    assert [f.second for f in cut.frames] == list(range(last_second + 1))
    late = [abs(f.timestamp_s - f.second) for f in cut.frames[:last_second]]
    assert max(late) <= 0.5 / 24 + 0.001


def test_the_reader_and_its_reason_are_stored_and_logged(
    coded_video: Callable[..., Any], store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        cut_frames(coded_video(EVEN, suffix=".ts").path, store, "v1")
    reason = "decord reads other frames than asked from MPEG-TS"
    record = json.loads((store / "videos/v1.json").read_text())
    assert (record["reader"], record["reader_reason"]) == ("pyav", reason)
    assert f"video v1: 5 frames, 0 missing, read by pyav ({reason})" in caplog.text


def test_an_unknown_video_is_not_in_the_store(store: Path) -> None:
    assert read_video_frames(store, "v1") is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: record | {"format": "else"},
        lambda record: {k: v for k, v in record.items() if k != "frames"},
        lambda record: record | {"frames": [{"second": 1}]},
        lambda record: [record],
    ],
)
def test_a_record_that_makes_no_sense_is_named(
    damage: Callable[[Any], Any], video: Any, store: Path
) -> None:
    cut_frames(video.path, store, "v1", [1])
    path = store / "videos/v1.json"
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    with pytest.raises(InputError, match=r"v1\.json"):
        cut_frames(video.path, store, "v1", [1])


@pytest.mark.parametrize("video_id", ["", "a/b", "..", "+x", "ü"])
def test_an_id_that_cannot_be_a_file_name_is_refused(
    video_id: str, video: Any, store: Path
) -> None:
    with pytest.raises(InputError, match="rename the video"):
        cut_frames(video.path, store, video_id)
    assert not store.exists()


def test_videos_are_found_by_their_names(tmp_path: Path) -> None:
    for name in ("b.MP4", "a.mkv", "notes.txt"):
        (tmp_path / name).touch()
    assert find_videos(tmp_path) == {"a": tmp_path / "a.mkv", "b": tmp_path / "b.MP4"}
    assert find_videos(tmp_path / "a.mkv") == {"a": tmp_path / "a.mkv"}


def test_two_files_of_one_id_are_refused(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.mkv"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"a\.mp4: a\.mkv has the same video id 'a'; rename one"):
        find_videos(tmp_path)


def test_files_that_cannot_be_named_are_left_out_where_somebody_is_told(tmp_path: Path) -> None:
    for name in ("a.mkv", "a.mp4", "holiday 1.mp4"):
        (tmp_path / name).touch()
    told: list[str] = []
    assert find_videos(tmp_path, told.append) == {"a": tmp_path / "a.mkv"}
    assert [Path(line.partition(":")[0]).name for line in told] == ["a.mp4", "holiday 1.mp4"]


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no video"):
        find_videos(tmp_path)
    with pytest.raises(DatasetError, match="no such file or folder"):
        find_videos(tmp_path / "none")


@pytest.fixture
def folder(video: Any, tmp_path: Path) -> Path:
    """Return a folder of a good video, a file that is none, and another good one."""
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("a.mp4", "c.mp4"):
        (folder / name).write_bytes(video.path.read_bytes())
    (folder / "b.mp4").write_bytes(b"no video")
    return folder


def test_the_command_cuts_the_good_videos_and_reports_the_bad_one(
    folder: Path, store: Path
) -> None:
    result = CliRunner().invoke(main, ["cut-frames", str(folder), str(store)])
    assert result.exit_code == 1
    assert result.stdout.splitlines() == ["a: 5 frames", "c: 5 frames"]
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert "b.mp4: cannot be read as a video" in errors[0]
    assert "1 of 3 videos could not be cut" in result.stderr


def test_the_command_goes_on_where_it_stopped(folder: Path, store: Path) -> None:
    (folder / "b.mp4").unlink()
    first = CliRunner().invoke(main, ["cut-frames", str(folder), str(store), "--json"])
    before = contents(store)
    again = CliRunner().invoke(main, ["cut-frames", str(folder), str(store), "--json"])
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert first.stdout == again.stdout
    assert json.loads(first.stdout.splitlines()[0]) == {
        "video_id": "a",
        "frames": 5,
        "missing": 0,
        "reader": "pyav",
    }
    assert contents(store) == before


def test_the_command_keeps_what_a_damaged_video_shows_when_told_to(
    shared_data: Path, store: Path
) -> None:
    path = shared_data / "edge_videos/decord_corrupted.mp4"
    command = ["cut-frames", str(path), str(store)]
    assert CliRunner().invoke(main, command).exit_code == 1
    result = CliRunner().invoke(main, [*command, "--partial"])
    assert result.exit_code == 0
    assert result.stdout == "decord_corrupted: 3 frames, 2 missing\n"
