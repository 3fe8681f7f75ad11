"""A server on a fresh database for each test: SQLite and PostgreSQL through one fixture.

The server fixture audits its database when it closes (R4). To use one database only, give
`@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)`, or override `database_url`
with `sqlite_database_url` in a folder's own conftest. Other settings than the defaults:
`@pytest.mark.parametrize("settings", [{"redundancy": 2}])`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, delete, select

from annot_server.app import app_of
from annot_server.audit import audit
from annot_server.config import Config, Home
from annot_server.database import open_engine
from annot_server.imports import ClipSettings, store_clips
from annot_server.invitations import invite
from annot_server.migration import upgrade
from annot_server.models import Base, Frame, Person
from annot_server.server import Server, open_server
from annot_server.views.current import EXTENSION
from annot_server.views.media import DEFAULT_THREADS, limit_slow_replies
from dataset_builder.domain import Segment, Video, frame_seconds
from dataset_builder.frames import FrameImage, VideoFrames, image_path
from dataset_builder.importers.clip_csv import ClipRow, action_of, clip_of
from dataset_builder.tables import sha256_bytes
from tests.postgres import NOT_FOUND, QUICK, own_postgres, postgres_programs

# PostgreSQL -----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_settings() -> dict[str, str]:
    """Return how the tests' PostgreSQL runs: quick, since nothing here dies."""
    return QUICK


@pytest.fixture(scope="session")
def postgres_url(postgres_settings: dict[str, str]) -> Iterator[str]:
    """Start a PostgreSQL of our own, and end it by its own process id."""
    if postgres_programs() is None:
        if os.environ.get("CI") == "true":
            pytest.fail(NOT_FOUND)
        pytest.skip(NOT_FOUND)
    with own_postgres(postgres_settings) as postgres:
        yield postgres.url


@pytest.fixture(scope="session")
def postgres_engine(postgres_url: str) -> Iterator[Engine]:
    """Migrate the database that the tests use one after the other."""
    engine = open_engine(postgres_url)
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_database_url(postgres_url: str, postgres_engine: Engine) -> str:
    """Return the URL of a migrated PostgreSQL database without rows."""
    empty(postgres_engine)
    return postgres_url


def empty(engine: Engine) -> None:
    """Delete every row: cheaper than a new database for each test, and engines stay warm."""
    with engine.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(delete(table))


# SQLite ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def sqlite_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Migrate the SQLite file that the tests use one after the other."""
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/annotations.db")
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite_database_url(sqlite_engine: Engine) -> str:
    """Return the URL of a migrated SQLite file without rows."""
    empty(sqlite_engine)
    return str(sqlite_engine.url)


# One server -----------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a fresh, migrated database: the test runs once on each kind."""
    return request.getfixturevalue(f"{request.param}_database_url")


@dataclass
class Clock:
    """The server's time, which stands still until a test moves it."""

    now: datetime = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings() -> dict[str, Any]:
    """Return the settings that differ from the defaults; override it or parametrize it."""
    return {}


@pytest.fixture
def home(tmp_path: Path, database_url: str, settings: dict[str, Any]) -> Home:
    """Return a server's folder whose settings name the fresh database."""
    home = Home(tmp_path / "home")
    home.create(Config(**{"database_url": database_url, **settings}))
    return home


@pytest.fixture
def engine(database_url: str, request: pytest.FixtureRequest) -> Engine:
    """Return the session's engine for the database."""
    kind = "sqlite" if database_url.startswith("sqlite") else "postgres"
    return request.getfixturevalue(f"{kind}_engine")


@pytest.fixture
def server(home: Home, engine: Engine, clock: Clock) -> Iterator[Server]:
    """Return a server's parts: settings, database, clock. Audits the database at the end."""
    server = open_server(home, engine=engine, clock=clock, rng=np.random.default_rng(7))
    yield server
    with server.database.read() as session:
        found = audit(session)
    assert found.is_clean, found


@pytest.fixture(scope="session")
def applications() -> dict[tuple[object, ...], Flask]:
    """Return the applications that there are, by the settings that they are made of."""
    return {}


@pytest.fixture
def app(server: Server, applications: dict[tuple[object, ...], Flask]) -> Iterator[Flask]:
    """Give the application over the server's parts, as a new one: it takes long to make."""
    config = server.config
    kind = (config.is_https, config.trusted_proxies, config.session_days)
    if kind not in applications:
        applications[kind] = app_of(server)
    app = applications[kind]
    app.extensions[EXTENSION] = server
    app.config["SECRET_KEY"] = server.home.key("session")
    limit_slow_replies(app, n_threads=DEFAULT_THREADS)
    app.testing = True
    views = dict(app.view_functions)
    yield app
    app.view_functions = views


# What is in it --------------------------------------------------------------------------------


@dataclass
class Project:
    """Fills a server with clips and people, without video files."""

    server: Server
    people: dict[str, int] = field(default_factory=dict)

    def add_clip(
        self,
        n_frames: int = 3,
        *,
        video_id: str = "v1",
        action: str = "crack egg",
        start_s: int = 0,
        redundancy: int | None = None,
        hint_quota: int = 0,
        size: tuple[int, int] = (64, 48),
        split: str = "test",
        is_benchmark: bool = True,
    ) -> list[int]:
        """Add a clip of some frames and return their ids in time order."""
        row = ClipRow(2, video_id, Segment(start_s, start_s + n_frames), action)
        seconds, _ = frame_seconds(row.segment)
        images = tuple(FrameImage(s, float(s), self.add_image(video_id, s, size)) for s in seconds)
        video = Video(video_id, *size, 1000.0, sha256_bytes(video_id.encode()))
        cut = VideoFrames(video, images, "test", "test", ())
        settings = ClipSettings(split, is_benchmark)
        clip_id = clip_of(row, split, is_benchmark).clip_id
        assert action_of(row).action_id in clip_id

        def store(session):
            store_clips(
                session,
                cut,
                [row],
                settings,
                redundancy=redundancy or self.server.config.redundancy,
                hint_quota=hint_quota,
            )
            wanted = select(Frame.id).where(Frame.clip_id == clip_id).order_by(Frame.second)
            return list(session.scalars(wanted))

        return self.server.database.write(store)

    def add_image(self, video_id: str, second: int, size: tuple[int, int]) -> str:
        """Store a picture that is the same for the same video and second."""
        shade = sha256_bytes(f"{video_id}/{second}".encode())
        colour = tuple(int(shade[i : i + 2], 16) for i in (0, 2, 4))
        buffer = io.BytesIO()
        PIL.Image.new("RGB", size, colour).save(buffer, "JPEG")
        digest = sha256_bytes(buffer.getvalue())
        path = image_path(self.server.home.frame_store, digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())
        return digest

    def person(self, name: str, role: str = "annotator") -> int:
        """Return the id of a person, who is made when first named."""
        if name not in self.people:
            now = self.server.now()

            def add(session):
                person = Person(name=name, role=role, created_at=now)
                session.add(person)
                session.flush()
                return person.id

            self.people[name] = self.server.database.write(add)
        return self.people[name]

    def invite(self, name: str, role: str = "annotator") -> str:
        """Return a fresh invite token."""
        now = self.server.now()
        return self.server.database.write(
            lambda session: invite(session, name=name, role=role, now=now)
        )


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two real H.264 files of 4 s, `v1.mp4` and `v2.mp4`."""
    folder = tmp_path_factory.mktemp("videos")
    for video_id, shade in (("v1", 60), ("v2", 160)):
        write_video(folder / f"{video_id}.mp4", shade=shade)
    return folder


def write_video(path: Path, *, shade: int, seconds: int = 4, fps: int = 10) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(seconds * fps):
            picture = np.full((48, 64, 3), shade, np.uint8)
            picture[10:30, i : i + 10] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())


@pytest.fixture
def project(server: Server) -> Project:
    return Project(server)


@pytest.fixture
def sign_in(app: Flask, project: Project) -> Callable[..., FlaskClient]:
    """Return a function that gives a signed-in test client: `sign_in("Ada", "maintainer")`."""

    def sign_in(name: str = "Ada", role: str = "annotator") -> FlaskClient:
        client = app.test_client()
        response = client.post(f"/join/{project.invite(name, role)}")
        assert response.status_code == 303, response.text
        client.post("/introduction")  # the annotation page is for people who went through it
        return client

    return sign_in
