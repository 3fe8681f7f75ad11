"""Label Studio under the same load: a server of its own, a project with tasks, people signed up.

It runs as `label-studio start` runs it, on its default database, SQLite.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from server_load import Load, drive_all

ANNOTATORS, TASKS, REDUNDANCY = 32, 2000, 5
START_S, STOP_S, REPLY_S = 600, 20, 120
LABEL_CONFIG = """<View><Image name="image" value="$image"/>
<KeyPointLabels name="point" toName="image"><Label value="centre"/></KeyPointLabels></View>"""


def measure_peer(python: str | None, *, seconds: float) -> float:
    """Return how many pairs a second 32 annotators get from Label Studio.

    Args:
        python: the Python of the environment it is installed in; None: it is on the path.
        seconds: how long they work.
    """
    program = shutil.which("label-studio", path=str(Path(python).parent) if python else None)
    if program is None:
        raise click.UsageError(
            "label-studio was not found; pip install label-studio into an environment of its own "
            "and name its Python with --peer-python"
        )
    with tempfile.TemporaryDirectory() as folder, running(program, Path(folder)) as port:
        people = [sign_up(port, f"person{i}@example.org") for i in range(ANNOTATORS)]
        project = create_project(port, people[0])
        credentials = tuple(f"Project: {project}\r\n{lines}" for lines in people)
        outcomes = drive_all(Load(port, credentials, seconds, None, is_peer=True), 1)
    n = sum(len(outcome.acknowledged) for outcome in outcomes)
    rate = n / max(outcome.seconds for outcome in outcomes)
    refused = sum(sum(outcome.refused.values()) for outcome in outcomes)
    click.echo(f"label-studio {rate:>8.1f} pairs/s with {ANNOTATORS} annotators, {refused} refused")
    return rate


@contextmanager
def running(program: str, folder: Path) -> Iterator[int]:
    """Run a Label Studio on a fresh folder and give its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [program, "start", "--no-browser", "--port", str(port), "--data-dir", str(folder)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, "HOME": str(folder)}
        )
    try:
        deadline = time.monotonic() + START_S
        while not is_up(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise click.ClickException(
                    f"Label Studio did not start:\n{(folder / 'log').read_text()[-1000:]}"
                )
            time.sleep(0.5)
        yield port
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def is_up(port: int) -> bool:
    """Say whether it answers."""
    try:
        return ask(port, "GET", "/health")[0] == http.client.OK
    except OSError:
        return False


def ask(
    port: int, method: str, path: str, body: str | None = None, headers: str = ""
) -> tuple[int, list[str], bytes]:
    """Send one request and return status, cookies and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REPLY_S)
    lines = dict(line.split(": ", 1) for line in headers.split("\r\n") if line)
    connection.request(method, path, body, lines)
    reply = connection.getresponse()
    cookies = [
        value.partition(";")[0]
        for name, value in reply.getheaders()
        if name.lower() == "set-cookie"
    ]
    found = reply.status, cookies, reply.read()
    connection.close()
    return found


def sign_up(port: int, email: str) -> str:
    """Sign somebody up and return the header lines of their session."""
    _, cookies, _ = ask(port, "GET", "/user/signup/")
    token = next(c for c in cookies if c.startswith("csrftoken=")).partition("=")[2]
    form = urllib.parse.urlencode(
        {"email": email, "password": "benchmark-1", "csrfmiddlewaretoken": token}
    )
    status, cookies, body = ask(
        port,
        "POST",
        "/user/signup/",
        form,
        f"Cookie: csrftoken={token}\r\nContent-Type: application/x-www-form-urlencoded",
    )
    session = [c for c in cookies if c.startswith("sessionid=")]
    if not session:
        raise click.ClickException(f"Label Studio refused a new person: {status} {body[:300]!r}")
    token = next((c.partition("=")[2] for c in cookies if c.startswith("csrftoken=")), token)
    return f"Cookie: csrftoken={token}; {session[0]}\r\nX-CSRFToken: {token}"


def create_project(port: int, lines: str) -> int:
    """Make a project that wants five annotations a task, and its tasks; return its id."""
    settings = {
        "title": "benchmark",
        "label_config": LABEL_CONFIG,
        "maximum_annotations": REDUNDANCY,
    }
    tasks = [{"data": {"image": f"http://127.0.0.1/{i}.jpg"}} for i in range(TASKS)]
    headers = f"{lines}\r\nContent-Type: application/json"
    made = post(port, "/api/projects/", settings, headers)
    post(port, f"/api/projects/{made['id']}/import", tasks, headers)
    return int(made["id"])


def post(port: int, path: str, body: object, headers: str) -> dict[str, object]:
    """Send JSON and return the JSON that comes back."""
    status, _, reply = ask(port, "POST", path, json.dumps(body), headers)
    if status != http.client.CREATED:
        raise click.ClickException(f"Label Studio refused {path}: {status} {reply[:300]!r}")
    answered: dict[str, object] = json.loads(reply)
    return answered
