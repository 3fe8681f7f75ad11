"""Strips of tiles around a frame, from real videos."""

from __future__ import annotations

import io
import json
import threading

import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner

from annot_server import context
from annot_server.cli import main
from annot_server.context import MAX_BYTES, get_strip, get_video, make_strips, strip_path
from annot_server.errors import BusyError, NotFoundError
from annot_server.imports import ClipSettings, import_clips
from annot_server.models import Video
from annot_server.sources import Source
from dataset_builder.tables import sha256_file

FPS, SECONDS = 10, 4
WIDTH, HEIGHT = 640, 360


@pytest.fixture
def database_url(sqlite_database_url: str) -> str:
    return sqlite_database_url


def write_video(path, *, noise: bool = False) -> Source:
    """Write a video whose shade tells the time: second s is grey 40 * s + 20."""
    import av

    rng = np.random.default_rng(1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for n in range(SECONDS * FPS):
            picture = np.full((HEIGHT, WIDTH, 3), 20 + round(40 * n / FPS), np.uint8)
            if noise:
                picture = rng.integers(0, 255, picture.shape, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())
    return Source(path.stem, path, sha256_file(path), 'video/mp4; codecs="avc1"')


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Source:
    return write_video(tmp_path_factory.mktemp("context") / "shades.mp4")


def shades(path) -> list[int]:
    """Return the middle grey of each tile, and check the strip's size on the way."""
    strip = np.asarray(PIL.Image.open(io.BytesIO(path.read_bytes())))
    assert strip.shape == (180, 11 * 320, 3)
    return [int(strip[90, 320 * n + 160, 0]) for n in range(11)]


def test_a_strip_goes_from_a_second_before_to_a_second_after_its_frame(home, video) -> None:
    found = shades(get_strip(home, video, 2))
    assert found == pytest.approx([20 + 40 * (1 + 0.2 * n) for n in range(11)], abs=4)


def test_the_middle_tile_is_the_frame_itself(home, video) -> None:
    assert shades(get_strip(home, video, 3))[5] == pytest.approx(140, abs=4)


def test_times_before_and_after_the_video_repeat_its_first_and_last_tile(home, video) -> None:
    before = shades(get_strip(home, video, 0))
    assert before[:6] == pytest.approx([20] * 6, abs=4)
    assert before[10] == pytest.approx(60, abs=4)
    after = shades(get_strip(home, video, 4))
    assert after[5:] == pytest.approx([176] * 6, abs=4)


def test_a_strip_is_made_once(home, video, monkeypatch) -> None:
    path = get_strip(home, video, 1)
    made = path.stat().st_mtime_ns
    monkeypatch.setattr(context, "make_strips", lambda *_: pytest.fail("made again"))
    assert get_strip(home, video, 1) == path
    assert path.stat().st_mtime_ns == made


def test_many_strips_made_in_passes_are_the_same_as_one_by_one(home, video, monkeypatch) -> None:
    one_by_one = [get_strip(home, video, second).read_bytes() for second in range(SECONDS)]
    for second in range(SECONDS):
        strip_path(home, video, second).unlink()
    monkeypatch.setattr(context, "SECONDS_A_PASS", 3)
    make_strips(home, video, range(SECONDS))
    assert [strip_path(home, video, s).read_bytes() for s in range(SECONDS)] == one_by_one


def test_a_strip_of_the_noisiest_video_stays_small(home, tmp_path) -> None:
    path = get_strip(home, write_video(tmp_path / "noise.mp4", noise=True), 2)
    assert path.stat().st_size <= MAX_BYTES


def test_a_source_that_is_gone_says_so(home, tmp_path) -> None:
    gone = Source("shades", tmp_path / "gone.mp4", "0" * 64, None)
    with pytest.raises(NotFoundError, match="not where it was imported from"):
        get_strip(home, gone, 1)
    with pytest.raises(NotFoundError, match="not where it was imported from"):
        get_video(gone)


def test_a_source_without_a_known_place_says_so(home) -> None:
    with pytest.raises(NotFoundError, match="not where it was imported from"):
        get_strip(home, Source("shades", None, "0" * 64, None), 1)


def test_another_file_in_the_place_of_a_source_is_not_shown(home, tmp_path) -> None:
    source = write_video(tmp_path / "shades.mp4")
    get_video(source)
    source.path.write_bytes(source.path.read_bytes() + b"changed")
    for look in (lambda: get_strip(home, source, 1), lambda: get_video(source)):
        with pytest.raises(NotFoundError, match="another file than the one imported"):
            look()


def test_a_file_that_is_no_video_any_more_leaves_no_strip(home, tmp_path) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"no video")
    broken = Source("broken", path, sha256_file(path), None)
    with pytest.raises(NotFoundError, match="no picture around second 1"):
        get_strip(home, broken, 1)
    assert not strip_path(home, broken, 1).exists()


def test_few_wait_for_a_strip_and_the_others_are_told_to_come_again(home, video, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    make = context.make_strips

    def slow(*args) -> None:
        begun.set()
        assert go_on.wait(10)
        make(*args)

    monkeypatch.setattr(context, "make_strips", slow)
    threads = [
        threading.Thread(target=get_strip, args=(home, video, second))
        for second in range(context.MAX_AT_ONCE)
    ]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    while context._room._value:  # until the last of them waits
        threading.Event().wait(0.001)
    with pytest.raises(BusyError):
        get_strip(home, video, 3)
    go_on.set()
    for thread in threads:
        thread.join()
    assert get_strip(home, video, 3).is_file()


# The command ----------------------------------------------------------------------------------


@pytest.fixture
def prepare(server, video, tmp_path):
    """Import a clip of the first three seconds; return what runs the command."""
    table = tmp_path / "clips.csv"
    table.write_text("video_id,start_s,end_s,action\nshades,0,3,crack egg\n")
    report = import_clips(
        server.database,
        server.home,
        server.config,
        csv_path=table,
        videos=video.path.parent,
        settings=ClipSettings(),
        now=server.now(),
    )
    assert report.problems == []
    run = CliRunner()
    return lambda: run.invoke(main, ["--home", str(server.home.path), "prepare-context", "--json"])


def test_strips_are_made_ahead_once(server, video, prepare) -> None:
    done = prepare()
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"made": 3, "already_here": 0, "without": 0}
    assert all(strip_path(server.home, video, second).is_file() for second in range(3))
    assert json.loads(prepare().stdout) == {"made": 0, "already_here": 3, "without": 0}


def test_a_video_that_is_gone_is_one_line_and_an_exit_with_1(server, prepare) -> None:
    def lose(session) -> None:
        session.get_one(Video, "shades").source_path = "/nowhere/shades.mp4"

    server.database.write(lose)
    done = prepare()
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {"made": 0, "already_here": 0, "without": 3}
    assert done.stderr == "the source of video 'shades' is not where it was imported from\n"
