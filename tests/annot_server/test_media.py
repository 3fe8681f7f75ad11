from __future__ import annotations

import html

import pytest

from annot_server.imports import ClipSettings, import_clips
from annot_server.views import media
from dataset_builder.frames import image_path


@pytest.fixture
def database_url(sqlite_database_url: str) -> str:
    return sqlite_database_url


@pytest.fixture
def image_url(project, sign_in) -> str:
    project.add_clip(1)
    client = sign_in("Bo")
    return client.post("/api/v1/leases").json["lease"]["frames"][0]["image_url"]


def test_a_frames_image_is_sent_to_be_kept_for_ever(sign_in, image_url) -> None:
    with sign_in().get(image_url) as response:
        assert response.status_code == 200
        assert response.mimetype == "image/jpeg"
        assert response.data[:2] == b"\xff\xd8"
    assert response.headers["Cache-Control"] == "private, max-age=31536000, immutable"


def test_images_are_for_people_who_are_signed_in(app, image_url) -> None:
    assert app.test_client().get(image_url).status_code == 401


@pytest.mark.parametrize(
    "name",
    [
        "../../config.toml",
        "..%2f..%2fsecret.key",
        "%2e%2e/%2e%2e/secret.key",
        "..\\..\\secret.key",
        "%2fetc%2fpasswd",
        "0" * 64 + ".jpg",
        "g" * 64 + ".jpg",
        "0" * 63 + ".jpg",
        "A" * 64 + ".jpg",
        "0" * 64 + "%00.jpg",
        "0" * 64 + "%0a.jpg",
    ],
)
def test_no_other_file_can_be_reached(sign_in, image_url, name) -> None:
    response = sign_in().get(f"/media/frames/{name}")
    assert response.status_code == 404
    assert b"redundancy" not in response.data


def test_a_file_in_the_store_that_is_no_image_of_ours_is_not_sent(
    server, sign_in, image_url
) -> None:
    path = image_path(server.home.frame_store, "notes")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"private")
    assert sign_in().get("/media/frames/notes.jpg").status_code == 404


@pytest.mark.parametrize(
    "path", ["/static/../config.py", "/static/%2e%2e/app.py", "/static//etc/passwd"]
)
def test_no_other_file_can_be_reached_through_static(app, path) -> None:
    assert app.test_client().get(path).status_code in (404, 308)


# What moves around a frame --------------------------------------------------------------------


@pytest.fixture
def imported(server, videos, tmp_path):
    """Two real videos with a clip each; returns the leased frames by video id."""
    table = tmp_path / "clips.csv"
    table.write_text("video_id,start_s,end_s,action\nv1,0,3,crack egg\nv2,0,3,crack egg\n")
    report = import_clips(
        server.database,
        server.home,
        server.config,
        csv_path=table,
        videos=videos,
        settings=ClipSettings(),
        now=server.now(),
    )
    assert report.problems == []


@pytest.fixture
def holder(sign_in, imported):
    """Return somebody with a lease on the first video's frames, and that lease."""
    client = sign_in("Bo")
    return client, client.post("/api/v1/leases").json["lease"]


def test_a_lease_says_where_its_video_and_each_frames_context_are(holder) -> None:
    client, lease = holder
    assert lease["clip"]["video_url"] == "/media/videos/v1"
    assert lease["clip"]["video_mime"].startswith('video/mp4; codecs="avc1.')
    for frame in lease["frames"]:
        with client.get(frame["context_url"]) as reply:
            assert reply.status_code == 200
            assert reply.mimetype == "image/jpeg"
        assert reply.headers["Cache-Control"] == "private, max-age=3600"


def test_a_clip_without_a_source_has_no_video_and_says_so_calmly(project, sign_in) -> None:
    project.add_clip(1)
    client = sign_in("Bo")
    lease = client.post("/api/v1/leases").json["lease"]
    assert lease["clip"]["video_url"] is None
    assert lease["clip"]["video_mime"] is None
    reply = client.get(lease["frames"][0]["context_url"])
    assert reply.status_code == 404
    assert "not where it was imported from" in html.unescape(reply.text)


@pytest.mark.parametrize(("role", "status"), [("annotator", 404), ("maintainer", 200)])
def test_context_is_for_those_who_held_the_frame_and_for_maintainers(
    holder, sign_in, role, status
) -> None:
    lease = holder[1]
    other = sign_in("Cleo", role)
    for url in (lease["frames"][0]["context_url"], lease["clip"]["video_url"]):
        with other.get(url) as reply:
            assert reply.status_code == status


def test_a_held_frame_opens_its_own_video_only(holder) -> None:
    assert holder[0].get("/media/videos/v2").status_code == 404


def test_context_is_for_people_who_are_signed_in(app, holder) -> None:
    lease = holder[1]
    for url in (lease["frames"][0]["context_url"], lease["clip"]["video_url"]):
        assert app.test_client().get(url).status_code == 401


def test_a_video_is_sent_in_the_piece_that_is_asked_for(holder, videos) -> None:
    client, lease = holder
    whole = (videos / "v1.mp4").read_bytes()
    with client.get(lease["clip"]["video_url"], headers={"Range": "bytes=100-299"}) as reply:
        assert reply.status_code == 206
        assert reply.data == whole[100:300]
    assert reply.headers["Content-Range"] == f"bytes 100-299/{len(whole)}"
    assert reply.headers["Cache-Control"] == "private, max-age=3600"
    with client.get(lease["clip"]["video_url"], headers={"Range": "bytes=-50"}) as reply:
        assert reply.data == whole[-50:]
    with client.get(lease["clip"]["video_url"]) as reply:
        assert (reply.status_code, reply.data) == (200, whole)
    assert reply.headers["Accept-Ranges"] == "bytes"


def test_the_rest_of_a_video_comes_in_pieces(holder, videos, monkeypatch) -> None:
    """A browser that asks for the rest of a long video must not keep a thread for minutes."""
    monkeypatch.setattr(media, "PIECE_BYTES", 500)
    whole = (videos / "v1.mp4").read_bytes()
    client, lease = holder
    got = b""
    while len(got) < len(whole):
        asked = {"Range": f"bytes={len(got)}-"}
        with client.get(lease["clip"]["video_url"], headers=asked) as reply:
            assert reply.status_code == 206
            assert 0 < len(reply.data) <= 500
        got += reply.data
    assert got == whole


def test_a_piece_past_the_end_of_a_video_is_refused(holder) -> None:
    client, lease = holder
    asked = {"Range": "bytes=99999999-"}
    assert client.get(lease["clip"]["video_url"], headers=asked).status_code == 416


@pytest.mark.parametrize(
    ("asked", "start"),
    [
        ({}, 0),
        ({"Range": "bytes=-2000"}, -2000),
        ({"Range": "bytes=-99999999"}, 0),
        ({"Range": "bytes=0-99999999"}, 0),
        ({"Range": "bytes=10-1999,2500-"}, 10),
        ({"Range": "bytes=10-20000", "If-Range": '"another file"'}, 0),
        ({"Range": "lines=1-2"}, 0),
    ],
)
def test_no_reply_is_longer_than_a_piece(holder, videos, monkeypatch, asked, start) -> None:
    monkeypatch.setattr(media, "PIECE_BYTES", 500)
    whole = (videos / "v1.mp4").read_bytes()
    client, lease = holder
    start = start % len(whole)
    with client.get(lease["clip"]["video_url"], headers=asked) as reply:
        assert (reply.status_code, reply.data) == (206, whole[start : start + 500])
    assert reply.headers["Content-Range"] == f"bytes {start}-{start + 499}/{len(whole)}"


def test_a_video_and_a_strip_that_did_not_change_are_not_sent_again(holder) -> None:
    client, lease = holder
    for url in (lease["clip"]["video_url"], lease["frames"][0]["context_url"]):
        with client.get(url) as first:
            kept = {"If-None-Match": first.headers["ETag"]}
        with client.get(url, headers=kept) as again:
            assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize(("kind", "n_at_once"), [("video", 3), ("strip", 2)])
def test_few_are_sent_at_once_and_others_told_to_come_again(holder, kind, n_at_once) -> None:
    client, lease = holder
    urls = {"video": lease["clip"]["video_url"], "strip": lease["frames"][0]["context_url"]}
    url = urls.pop(kind)
    under_way = [client.get(url) for _ in range(n_at_once)]
    assert {reply.status_code for reply in under_way} == {200}
    refused = client.get(url)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    [other] = urls.values()
    with client.get(other) as reply:
        assert reply.status_code == 200
    under_way[0].close()
    with client.get(url) as reply:
        assert reply.status_code == 200
    for reply in under_way:
        reply.close()


def test_a_refused_piece_takes_no_place(holder) -> None:
    client, lease = holder
    for _ in range(5):
        asked = {"Range": "bytes=99999999-"}
        assert client.get(lease["clip"]["video_url"], headers=asked).status_code == 416


@pytest.mark.parametrize("name", ["..%2f..%2fsecret.key", "v1.mp4", "%00", "no such", "v1/../v2"])
def test_no_other_file_can_be_reached_as_a_video(holder, name) -> None:
    assert holder[0].get(f"/media/videos/{name}").status_code == 404
