from __future__ import annotations

import pytest

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
