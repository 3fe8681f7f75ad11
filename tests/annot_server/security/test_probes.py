"""Hand-written bad requests (R39), paths that lead out, lines that forge a log, and bad videos."""

from __future__ import annotations

import json
import logging
import random
import struct
from pathlib import Path

import pytest
from click.testing import CliRunner

from annot_server.cli import main
from tests.annot_server.security.routes import ROUTES, url

ANSWERS = "/api/v1/frames/{frame_id}/answers"
JSON = "application/json"
DEEP = b'{"point": ' + b"[" * 30_000 + b"]" * 30_000 + b"}"
PLACE = '{"x": 0.5, "y": 0.5}'

# Body, content type, and the status that it deserves.
PROBES = {
    "a form": (b"x=0.5&y=0.5", "application/x-www-form-urlencoded", 415),
    "a multipart form": (b"--b--", "multipart/form-data; boundary=b", 415),
    "plain text": (b'{"point": null}', "text/plain", 415),
    "xml": (b"<point/>", "application/xml", 415),
    "no type at all": (b'{"point": null}', "", 415),
    "no body": (b"", JSON, 422),
    "no JSON": (b"{", JSON, 400),
    "bad UTF-8": (b'{"point": "\xff\xfe"}', JSON, 400),
    "UTF-16": ('{"point": null}'.encode("utf-16"), JSON, None),
    "a lone surrogate": (b'{"point": "\\ud800"}', JSON, 422),
    "a NUL": (b'{"point": "\\u0000"}', JSON, 422),
    "NaN": (b'{"point": {"x": NaN, "y": 0.5}}', JSON, 422),
    "infinity": (b'{"point": {"x": Infinity, "y": 0.5}}', JSON, 422),
    "a number too large": (b'{"point": {"x": 1e999, "y": 0.5}}', JSON, 422),
    "a whole number too large": (b'{"point": {"x": ' + b"9" * 5000 + b', "y": 0.5}}', JSON, None),
    "outside the frame": (b'{"point": {"x": 1.01, "y": 0.5}}', JSON, 422),
    "just outside": (b'{"point": {"x": -1e-9, "y": 0.5}}', JSON, 422),
    "a boolean": (b'{"point": {"x": true, "y": false}}', JSON, 422),
    "a string": (b'{"point": {"x": "0.5", "y": "0.5"}}', JSON, 422),
    "x alone": (b'{"point": {"x": 0.5}}', JSON, 422),
    "neither": (b'{"point": {}}', JSON, 422),
    "null coordinates": (b'{"point": {"x": null, "y": null}}', JSON, 422),
    "a third coordinate": (b'{"point": {"x": 0.5, "y": 0.5, "z": 0.5}}', JSON, 422),
    "a list": (b'{"point": [0.5, 0.5]}', JSON, 422),
    "a list of all": (b"[]", JSON, 422),
    "a number of all": (b"7", JSON, 422),
    "null of all": (b"null", JSON, 422),
    "an empty object": (b"{}", JSON, 422),
    "an unknown field": (b'{"point": null, "person_id": 2}', JSON, 422),
    "the frame's redundancy": (b'{"point": null, "redundancy": 0}', JSON, 422),
    "deep nesting": (DEEP, JSON, None),
    "a huge body": (b'{"point": null, "a": "' + b"a" * 70_000 + b'"}', JSON, 413),
    "odd details": (b'{"point": null, "details": {"zoom": -1}}', JSON, 422),
    "negative times": (b'{"point": null, "details": {"ms_taken": -5}}', JSON, 422),
    "an unknown pointer": (b'{"point": null, "details": {"pointer": "nose"}}', JSON, 422),
}


@pytest.fixture
def held(world, trained):
    """Return Ada and the frame that she holds."""
    ada = trained("Ada")
    frames = ada("POST", "/api/v1/leases", json={}).json["lease"]["frames"]
    return ada, frames[0]["frame_id"]


@pytest.mark.parametrize("what", PROBES)
def test_a_bad_answer_is_refused_in_json_and_nothing_is_stored(held, what) -> None:
    ada, frame = held
    body, kind, status = PROBES[what]
    headers = {"Content-Type": kind, "Idempotency-Key": "k"} if kind else {"Idempotency-Key": "k"}
    response = ada("POST", ANSWERS.format(frame_id=frame), data=body, headers=headers)
    assert 400 <= response.status_code < 500, response.text
    assert status in (None, response.status_code), response.text
    assert set(response.json) <= {"error", "message", "frame_id"}
    assert "Traceback" not in response.text
    assert ada("GET", "/api/v1/me").json["answers_given"] == 0


KEYS = ["", " ", "a b", "a\tb", "ä", "k" * 129, "a\x7f"]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_is_none_is_refused(held, key) -> None:
    ada, frame = held
    headers = {"Idempotency-Key": key}
    response = ada("POST", ANSWERS.format(frame_id=frame), json={"point": None}, headers=headers)
    assert response.status_code == 422
    assert response.json["message"].startswith("Idempotency-Key: ")


@pytest.mark.parametrize("frame_id", ["0", "2147483647", "2147483648", "9" * 40, "-1", "1.5", "x"])
def test_a_frame_that_is_none_is_not_found(held, frame_id) -> None:
    ada, _ = held
    path = ANSWERS.format(frame_id=frame_id)
    response = ada("POST", path, json={"point": None}, headers={"Idempotency-Key": "k"})
    assert response.status_code == 404
    assert response.json["error"] == "not_found"


def test_every_json_route_refuses_what_is_no_json(app, world, trained) -> None:
    maintainer = trained("Mo", "maintainer")
    found = {}
    for route in ROUTES:
        if route.method != "POST" or not route.path.startswith("/api/"):
            continue
        address = url(app, route, world.values)
        for what in ("a form", "no JSON", "bad UTF-8", "deep nesting", "a list of all"):
            body, kind, _ = PROBES[what]
            response = maintainer(
                "POST", address, data=body, headers={"Content-Type": kind, "Idempotency-Key": "k"}
            )
            found[f"{route} {what}"] = (response.status_code, response.is_json)
            takes_no_body = response.status_code in (200, 204)
            assert takes_no_body or (400 <= response.status_code < 500 and response.is_json), (
                route,
                what,
                response.text,
            )
    assert len(found) > 30


def test_every_form_survives_odd_values(app, world, trained) -> None:
    maintainer = trained("Mo", "maintainer")
    names = ("name", "password", "next", "language", "reason", "n", "now", "again", "comment", "q")
    for odd in ("", "\x00", "\ud800".encode("utf-8", "surrogatepass"), "9" * 5000, "\r\nX: y", "ß"):
        for route in ROUTES:
            if route.path.startswith("/api/") or route.endpoint == "accounts.sign_out":
                continue
            form = dict.fromkeys(names, odd)
            options = {"data": form} if route.method == "POST" else {"query_string": form}
            address = url(app, route, world.values)
            with maintainer(route.method, address, **options) as response:
                assert response.status_code < 500, (route, odd, response.data[-1000:])
                assert "X" not in response.headers


# Paths ------------------------------------------------------------------------------------------

UP = ["../" * 6, "..%2f" * 6, "%2e%2e/" * 6, "..%5c" * 6, "....//" * 6, "%252e%252e%252f" * 6, "/"]
PLACES = [
    "/media/frames/{}secret.key.jpg",
    "/media/frames/{}secret.key",
    "/media/videos/{}secret.key",
    "/media/context/{}secret.key.jpg",
    "/static/{}secret.key",
    "/static/{}annot_server/config.py",
    "/maintain/snapshots/{}secret.key.zip",
    "/maintain/snapshots/{}home.zip",
    "/review/clips/{}secret.key",
]


@pytest.mark.parametrize("place", PLACES)
def test_no_path_leads_out(world, trained, place) -> None:
    maintainer = trained("Mo", "maintainer")
    secret = world.project.server.home.secret_path.read_text()
    for up in [*UP, str(world.project.server.home.path.resolve()) + "/", "file:///", "\x00"]:
        with maintainer("GET", place.format(up)) as response:
            assert response.status_code in (302, 303, 308, 400, 404, 405), (up, response.status)
            assert secret.encode() not in response.data


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "\t//e.x"],
)
def test_no_form_sends_people_elsewhere(app, world, trained, target) -> None:
    ada = trained("Ada")
    for route in ROUTES:
        if route.path.startswith("/api/"):
            continue
        options = {"query_string": {"next": target}}
        if route.method == "POST":
            options["data"] = {"next": target, "language": "de"}
        with ada(route.method, url(app, route, world.values), **options) as response:
            place = response.headers.get("Location", "/")
            assert place.startswith("/"), (route, place)
            assert not place.startswith(("//", "/\\")), (route, place)


# The log ----------------------------------------------------------------------------------------


def test_no_request_forges_a_line_of_the_log(app, world, trained, caplog) -> None:
    caplog.set_level(logging.INFO)
    forged = "%0aINFO%20annot_server:%20all%20is%20well%0d%0a"
    ada = trained("Ada")
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {}, {"Authorization": "Bearer a\tb"}):
        for path in (f"/{forged}", f"/join/{forged}", f"/media/videos/{forged}"):
            ada("POST", path, headers=headers)
            ada("GET", path, headers=headers)
    ada("POST", "/sign-in", data={"name": "a\nINFO forged", "password": "b\nINFO forged"})
    lines = [record.getMessage() for record in caplog.records]
    assert any("from another site" in line for line in lines)
    assert [line for line in lines if "\n" in line or "\r" in line] == []


def test_a_refused_request_puts_no_invite_link_into_the_log(app, project, caplog) -> None:
    token = project.invite("Ada")
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert app.test_client().post(f"/join/{token}", headers=headers).status_code == 403
    told = [record.getMessage() for record in caplog.records]
    assert "refused POST '/join/<token>' from another site" in told
    assert token not in "".join(told)


# Videos -----------------------------------------------------------------------------------------


def atom(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def bad_videos(good: bytes) -> dict[str, bytes]:
    """Return files that are not what they seem; `good` is a real MP4."""
    noise = random.Random(0).randbytes
    middle = len(good) // 2
    header = atom(b"ftyp", b"isom\0\0\2\0isomiso2mp41")
    return {
        "empty": b"",
        "text": b"this is not a video\n" * 100,
        "html": b"<script>alert(1)</script>",
        "noise": noise(20_000),
        "cut_off": good[:middle],
        "header_alone": header,
        "endless_atom": header + struct.pack(">I", 1) + b"moov" + struct.pack(">Q", 2**62),
        "deep_atoms": header + nested(200),
        "zip_bomb_name": b"PK\x03\x04" + b"\0" * 60_000,
        "garbled": good[:200] + noise(600) + good[800:],
        "playlist": b"#EXTM3U\n#EXTINF:9,\nfile:///etc/passwd\n#EXTINF:9,\nhttp://localhost:1/\n",
        "concat": b"ffconcat version 1.0\nfile /etc/passwd\n",
    }


def nested(depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = atom(b"moov", content)
    return content


def test_bad_videos_are_named_and_left_out_and_the_good_one_comes_in(videos, tmp_path) -> None:
    good = (videos / "v1.mp4").read_bytes()
    bad = bad_videos(good)
    folder = tmp_path / "videos"
    folder.mkdir()
    for name, content in {**bad, "good": good}.items():
        (folder / f"{name}.mp4").write_bytes(content)
    rows = [f"{name},0,2,crack egg" for name in [*bad, "good"]]
    clips = tmp_path / "clips.csv"
    clips.write_text("video_id,start_s,end_s,action\n" + "\n".join(rows) + "\n", encoding="utf-8")

    def cli(*arguments: object):
        return CliRunner().invoke(main, ["--home", str(tmp_path / "h"), *map(str, arguments)])

    assert cli("init").exit_code == 0
    done = cli("import-clips", clips, "--videos", folder, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout.splitlines()[-1])["clips"] == 1
    problems = [line for line in done.stderr.splitlines() if line.startswith(str(clips))]
    assert len(problems) == len(bad), done.stderr
    assert "Traceback" not in done.output
    assert "root:" not in done.output
    images = list(Path(tmp_path / "h/frames").rglob("*.jpg"))
    assert len(images) == 2
