"""People who take a video slowly, or not at all, from a real server of one process."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from annot_server.models import Video
from dataset_builder.tables import sha256_file

THREADS, READERS = 4, 12
VIDEO_BYTES = 48 * 1024 * 1024
PATIENCE_S = 15
ASKED = {
    "the whole": "",
    "the rest": "Range: bytes=0-\r\n",
    "the end": "Range: bytes=-48000000\r\n",
}


@pytest.fixture
def port(project, tmp_path) -> Iterator[int]:
    """Run a server that has one clip of a long video, and return its port."""
    server = project.server
    path = tmp_path / "long.mp4"
    with path.open("wb") as file:
        file.truncate(VIDEO_BYTES)
    project.add_clip(2)
    source = {"source_path": str(path), "sha256": sha256_file(path), "mime": "video/mp4"}
    server.database.write(lambda session: session.execute(update(Video).values(source)))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("annot-server")), "--home", str(server.home.path)]
    options = ["run", "--port", str(port), "--workers", "1", "--threads", str(THREADS)]
    process = subprocess.Popen([*command, *options], start_new_session=True)
    try:
        wait_for(port)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            assert fetch(port, "GET", "/sign-in").status == 200
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def fetch(port: int, method: str, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


@pytest.fixture
def cookie(port, project) -> str:
    """Return the cookie of somebody who holds a frame of the video."""
    joined = fetch(port, "POST", f"/join/{project.invite('Ada')}")
    cookie = joined.getheader("Set-Cookie", "").split(";")[0]
    assert fetch(port, "POST", "/api/v1/leases", Cookie=cookie).status == 200
    # The first one is compared with what was imported, which few may wait for.
    assert fetch(port, "GET", "/media/videos/v1", Cookie=cookie, Range="bytes=0-9").status == 206
    return cookie


def ask_and_do_not_read(port: int, cookie: str, asked: str) -> socket.socket:
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.settimeout(PATIENCE_S)
    reader.connect(("127.0.0.1", port))
    head = f"GET /media/videos/v1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n"
    reader.sendall(f"{head}{asked}\r\n".encode())
    return reader


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_slow_readers_of_a_video_leave_threads_for_others(port, cookie, asked) -> None:
    readers = [ask_and_do_not_read(port, cookie, asked) for _ in range(READERS)]
    try:
        lines = {reader.recv(12).decode() for reader in readers}
        assert lines <= {"HTTP/1.1 206", "HTTP/1.1 503"}
        assert fetch(port, "GET", "/sign-in").status == 200
    finally:
        for reader in readers:
            reader.close()
    deadline = time.monotonic() + PATIENCE_S
    while fetch(port, "GET", "/media/videos/v1", Cookie=cookie, Range="bytes=0-9").status != 206:
        assert time.monotonic() < deadline, "their places are not given back"
