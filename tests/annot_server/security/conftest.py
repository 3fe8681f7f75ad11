"""A server with one of everything, and one caller of every kind, for questions of who may what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from annot_server import passwords
from annot_server.models import Clip, Frame, Person
from annot_server.tokens import SCOPES_OF_ROLE, create_token
from tests.annot_server.conftest import Project
from tests.annot_server.crowd import Acts

NASTY = "<x-evil onclick=alert(1)>'\"</x-evil>"
"""A name or phrase that becomes a tag wherever it is not escaped."""


@pytest.fixture
def database_url(sqlite_database_url: str) -> str:
    return sqlite_database_url


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(1, 8, 1))


@dataclass
class Caller:
    """Somebody who sends requests: by cookie, by token, or as nobody."""

    client: FlaskClient
    headers: dict[str, str]
    person_id: int | None = None

    def __call__(self, method: str, path: str, **options: Any) -> Any:
        headers = {**self.headers, **options.pop("headers", {})}
        return self.client.open(path, method=method, headers=headers, **options)


@pytest.fixture
def trained(app: Flask, project: Project) -> Callable[..., Caller]:
    """Return a function that signs somebody in who has been through consent and training."""

    def trained(name: str, role: str = "annotator") -> Caller:
        client = app.test_client()
        assert client.post(f"/join/{project.invite(name, role)}").status_code == 303
        now = project.server.now()

        def train(session) -> int:
            done = {"introduced_at": now, "qualified_at": now}
            session.execute(update(Person).where(Person.name == name).values(**done))
            return session.scalars(select(Person.id).where(Person.name == name)).one()

        return Caller(client, {}, project.server.database.write(train))

    return trained


@pytest.fixture
def token(app: Flask, project: Project) -> Callable[..., Caller]:
    """Return a function that gives a program with a token of one scope."""

    def token(scope: str) -> Caller:
        role = "model" if scope in SCOPES_OF_ROLE["model"] else "maintainer"
        name = f"token for {scope}"
        person_id = project.person(name, role)
        made = project.server.database.write(
            lambda session: create_token(
                session, name=name, scopes=[scope], now=project.server.now()
            )
        )
        return Caller(app.test_client(), {"Authorization": f"Bearer {made}"}, person_id)

    return token


@dataclass
class World:
    """What there is: Bo holds the first clip's frames and has answered one; all text is nasty."""

    project: Project
    acts: Acts
    bo: int
    frames: list[int]
    lease_id: int
    answered: int
    values: dict[str, Any]
    """What stands for each argument of a route."""


@pytest.fixture
def world(server, project, trained) -> World:
    frames = project.add_clip(4, action=f"crack {NASTY} egg", redundancy=1)
    project.add_clip(2, video_id="v2", action="pour milk", redundancy=1)
    bo = trained(f"Bo {NASTY}").person_id
    acts = Acts(server, server.clock)
    lease_id = acts.lease(bo).lease_id
    for i, frame in enumerate(frames[:2]):
        assert acts.answer(bo, frame, None, f"key-{i}") == "done"
    assert acts.skip(bo, frames[2]) == "done"
    with server.database.read() as session:
        clip_id, sha, second = session.execute(
            select(Clip.clip_id, Frame.image_sha256, Frame.second)
            .join(Frame)
            .where(Frame.id == frames[0])
        ).one()
    values = {
        "frame_id": frames[3],
        "lease_id": lease_id,
        "image_sha256": sha,
        "video_id": "v1",
        "clip_id": clip_id,
        "second": second,
        "person_id": bo,
        "token_id": 99,
        "job_id": 1,
        "snapshot_id": "none",
        "token": project.invite("Somebody new"),
        "name": "prolific",
        "submission": "s1",
        "filename": "style.css",
    }
    return World(project, acts, bo, frames, lease_id, frames[0], values)
