"""`cut-frames` past one process: the store is the same, whoever cut and whoever died."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import distributed
import pytest
from click.testing import CliRunner

from dataset_builder.cli import main
from tests.dask_cluster import ROOT, dask_cluster

N_VIDEOS = 5
SECONDS = 40


@pytest.fixture(scope="module")
def videos(coded_video: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of five H.264 videos whose pictures differ a little."""
    folder = tmp_path_factory.mktemp("videos")
    times = [round(n / 24, 3) for n in range(SECONDS * 24)]
    for number in range(N_VIDEOS):
        options = {"g": "48", "preset": "ultrafast", "crf": str(20 + 3 * number)}
        video = coded_video(times, codec_options=options)
        shutil.copy(video.path, folder / f"video{number}.mp4")
    return folder


@pytest.fixture(scope="module")
def cut_by_one(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the store that one process makes."""
    store = tmp_path_factory.mktemp("one") / "store"
    cut(videos, store)
    return contents(store)


def cut(videos: Path, store: Path, *options: str) -> str:
    result = CliRunner().invoke(main, ["cut-frames", str(videos), str(store), *options])
    assert result.exit_code == 0, result.output
    return result.stdout


def contents(store: Path) -> dict[str, bytes]:
    """Return the files of a store; what a killed process had begun to write has a hidden name."""
    return {
        path.relative_to(store).as_posix(): path.read_bytes()
        for path in store.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def records(store: Path) -> list[str]:
    return sorted(path.stem for path in (store / "videos").glob("[!.]*.json"))


def test_two_processes_cut_what_one_does(
    videos: Path, cut_by_one: dict[str, bytes], tmp_path: Path
) -> None:
    lines = cut(videos, tmp_path / "store", "--processes", "2", "--json").splitlines()
    assert sorted(json.loads(line)["video_id"] for line in lines) == records(tmp_path / "store")
    assert contents(tmp_path / "store") == cut_by_one


def test_the_videos_of_a_killed_cluster_worker_are_cut_by_another(
    videos: Path, cut_by_one: dict[str, bytes], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    (elsewhere := tmp_path / "dask").mkdir()
    with (
        dask_cluster(elsewhere) as running,
        distributed.Client(running.address, set_as_default=False) as client,
    ):
        client.wait_for_workers(2)
        victim = running.workers[0]
        (place,) = (at for at, pid in client.run(os.getpid).items() if pid == victim.pid)
        command = ["cut-frames", str(videos), "store", "--scheduler", running.address, "--json"]
        with subprocess.Popen(
            [sys.executable, "-m", "dataset_builder.cli", *command],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        ) as run:
            while not (client.processing()[place] and any(store.glob("images/*/*.jpg"))):
                assert run.poll() is None, "all was cut before a worker could die"
            victim.send_signal(signal.SIGSTOP)
            assert client.processing()[place], "the worker had nothing to do when it died"
            victim.kill()
            output, _ = run.communicate()
    assert run.returncode == 0
    assert len(output.splitlines()) == N_VIDEOS
    assert contents(store) == cut_by_one


def test_shards_cut_each_video_once(
    videos: Path, cut_by_one: dict[str, bytes], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    cut(videos, store, "--shard", "1/4")
    assert records(store) == ["video0", "video4"]
    for shard in ("2/4", "3/4", "4/4"):
        cut(videos, store, "--shard", shard)
    assert contents(store) == cut_by_one


@pytest.mark.parametrize("shard", ["0/4", "5/4", "1", "a/b", "1/0"])
def test_a_shard_that_cannot_be_is_refused(videos: Path, tmp_path: Path, shard: str) -> None:
    command = ["cut-frames", str(videos), str(tmp_path / "store"), "--shard", shard]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 2
    assert "must look like 2/8" in result.stderr


def test_a_bad_video_stops_no_other_and_bad_names_are_told_once(
    videos: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    shutil.copy(videos / "video0.mp4", folder / "good.mp4")
    (folder / "bad.mp4").write_bytes(b"no video")
    (folder / "bad name!.mp4").write_bytes(b"")
    command = ["cut-frames", str(folder), str(tmp_path / "store")]
    result = CliRunner().invoke(main, [*command, "--processes", "2"])
    assert result.exit_code == 1
    assert f"good: {SECONDS} frames" in result.stdout
    assert "bad.mp4: cannot be read as a video" in result.stderr
    assert "2 of 3 videos could not be cut" in result.stderr
    second = CliRunner().invoke(main, [*command, "--shard", "2/2"])
    assert (second.exit_code, second.stderr) == (0, "")
