"""A backup while people work, what comes back of it, and what is refused."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, select, text, update
from sqlalchemy.exc import OperationalError

from annot_server import backup as backup_module
from annot_server import postgres_tools
from annot_server import restore as restore_module
from annot_server.answers import give_answer
from annot_server.assignment import next_lease
from annot_server.cli import main
from annot_server.config import Home
from annot_server.database import open_engine
from annot_server.errors import StorageError
from annot_server.models import Answer, Base, Frame, Person
from annot_server.retirement import AGREEMENT
from annot_server.server import Server, database_url, open_server
from dataset_builder.frames import image_path
from dataset_builder.geometry import Point
from dataset_builder.tables import write_sums

ON_POSTGRES = pytest.mark.parametrize(
    "database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


def answer_all(server: Server, person_id: int, name: str, n: int = 100) -> Iterator[str]:
    """Answer every open frame for a person, and give each key once it is acknowledged."""
    rng = np.random.default_rng(0)

    def lease(session):
        return next_lease(
            session,
            person_id=person_id,
            now=server.now(),
            lease_s=300,
            lease_frames=5,
            rng=rng,
        )

    n_given = 0
    while n_given < n and (held := server.database.write(lease)):
        for frame in held.frames:
            key = f"{name}-{frame.frame_id}"
            server.database.write(
                lambda session, frame=frame, key=key: give_answer(
                    session,
                    person_id=person_id,
                    frame_id=frame.frame_id,
                    point=Point(0.5, 0.25),
                    key=key,
                    now=server.now(),
                )
            )
            n_given += 1
            yield key


@pytest.fixture
def worked(server, project) -> Server:
    """Return a server with three frames of redundancy 2; Ada has answered all, Bo two."""
    project.add_clip(3, redundancy=2)
    assert len(list(answer_all(server, project.person("Ada"), "Ada"))) == 3
    next(answer_all(server, project.person("Bo"), "Bo"))
    return server


@pytest.fixture
def command(home: Home) -> Callable[..., Result]:
    """Run a command on the server's folder, or on another home."""

    def command(*arguments: object, home: Path = home.path) -> Result:
        return CliRunner().invoke(main, ["--home", str(home), *map(str, arguments)])

    return command


@pytest.fixture
def out(worked, command, tmp_path) -> Path:
    """Return a backup of the server, with its frames."""
    done = command("backup", tmp_path / "backup", "--with-frames")
    assert done.exit_code == 0, done.output
    return tmp_path / "backup"


@pytest.fixture
def target(engine: Engine, request) -> Iterator[list[str]]:
    """Return the options that name an empty database to restore to; PostgreSQL needs one."""
    if engine.dialect.name == "sqlite":
        yield []
        return
    admin = engine.execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE restored STRATEGY FILE_COPY"))
    url = engine.url.set(database="restored").render_as_string(hide_password=False)
    yield ["--database-url", url]
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE restored WITH (FORCE)"))


@pytest.fixture
def restore(command, target, tmp_path) -> Callable[..., Result]:
    """Restore a backup to the folder `new`, and to an empty database where it needs one."""

    def restore(backup: Path, *options: object) -> Result:
        return command("restore", backup, *target, *options, home=tmp_path / "new")

    return restore


def everything(engine: Engine) -> dict[str, list[tuple]]:
    """Return every row of every table."""
    with engine.connect() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in Base.metadata.sorted_tables
        }


@pytest.fixture
def restored_engine(tmp_path) -> Iterator[Callable[[], Engine]]:
    """Return a function that opens the database of the restored folder."""
    engines = []

    def opened() -> Engine:
        home = Home(tmp_path / "new")
        engines.append(open_engine(database_url(home, home.config())))
        return engines[-1]

    yield opened
    for engine in engines:
        engine.dispose()


def test_a_restored_server_has_every_row_and_image(
    worked, out, restore, tmp_path, restored_engine
) -> None:
    done = restore(out, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["answers"] == 4
    assert json.loads(done.stdout)["audit_clean"] is True
    assert everything(restored_engine()) == everything(worked.database.engine)
    old, new = worked.home, Home(tmp_path / "new")
    assert new.key("session") == old.key("session")
    names = [path.name for path in old.frame_store.rglob("*.jpg")]
    assert len(names) == 3
    assert {path.name for path in new.frame_store.rglob("*.jpg")} == set(names)


def test_a_restored_server_knows_what_answers_agree_on_where_the_old_one_did_not(
    worked, command, restore, tmp_path, restored_engine
) -> None:
    before = everything(worked.database.engine)
    with worked.database.engine.begin() as connection:
        connection.execute(update(Frame).values(dict.fromkeys(AGREEMENT)))
    assert command("backup", tmp_path / "old", "--with-frames").exit_code == 0
    assert restore(tmp_path / "old").exit_code == 0
    assert everything(restored_engine()) == before


@pytest.mark.parametrize("step", ["upgrade", "copy_frames"])
def test_a_restore_that_fails_late_leaves_nothing_and_can_be_done_again(
    *, worked, out, restore, tmp_path, monkeypatch, restored_engine, step
) -> None:
    with monkeypatch.context() as failing:

        def fail(*_: object) -> None:
            raise StorageError("the disk is full")

        failing.setattr(restore_module, step, fail)
        failed = restore(out)
    assert (failed.exit_code, "the disk is full" in failed.stderr) == (1, True)
    assert not (tmp_path / "new").exists()
    again = restore(out)
    assert again.exit_code == 0, again.output
    assert everything(restored_engine()) == everything(worked.database.engine)


@ON_POSTGRES
def test_rows_that_a_failed_restore_cannot_remove_are_named(out, restore, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("", {}, Exception("the server closed the connection"))

    monkeypatch.setattr(restore_module, "audit", fail)
    monkeypatch.setattr(restore_module, "_drop_tables", fail)
    failed = restore(out)
    assert failed.exit_code == 1
    assert "drop that database and make it anew" in failed.stderr


def test_people_go_on_in_the_restored_server(worked, out, restore, tmp_path) -> None:
    restore(out)
    server = open_server(tmp_path / "new", clock=worked.clock)
    with server.database.read() as session:
        bo = session.scalars(select(Person.id).where(Person.name == "Bo")).one()
    given = list(answer_all(server, bo, "Bo"))
    server.database.close()
    assert len(given) == 2


def test_answers_acknowledged_before_a_backup_are_in_it_while_others_are_being_given(
    project, command, restore, tmp_path, restored_engine
) -> None:
    server = project.server
    for i in range(6):
        project.add_clip(20, video_id=f"v{i}", redundancy=3)
    told: dict[str, list[str]] = {"Ada": [], "Bo": [], "Cy": []}
    under_way, given_up = threading.Semaphore(0), threading.Event()
    people = {name: project.person(name) for name in told}

    def work(name: str) -> None:
        for key in answer_all(server, people[name], name):
            told[name].append(key)
            under_way.release()
            if given_up.is_set():
                return

    threads = [threading.Thread(target=work, args=[name]) for name in told]
    for thread in threads:
        thread.start()
    for _ in range(30):
        assert under_way.acquire(timeout=30)
    before = {key for keys in told.values() for key in keys}
    done = command("backup", tmp_path / "backup")
    given_up.set()
    for thread in threads:
        thread.join()
    assert done.exit_code == 0, done.output
    assert len(before) >= 30

    done = restore(tmp_path / "backup")
    assert done.exit_code == 0, done.output
    with restored_engine().connect() as connection:
        kept = set(connection.scalars(select(Answer.idempotency_key)))
    assert before <= kept
    assert kept <= {key for keys in told.values() for key in keys}


def test_without_its_frames_a_backup_finds_them_where_they_were(
    worked, command, restore, tmp_path
) -> None:
    done = command("backup", tmp_path / "backup")
    assert "--with-frames" in done.stderr
    assert not (tmp_path / "backup/frames").exists()
    done = restore(tmp_path / "backup")
    assert done.exit_code == 0, done.output
    [image, *_] = Home(tmp_path / "new").frame_store.rglob("*.jpg")
    kept = image_path(worked.home.frame_store, image.stem)
    assert image.read_bytes() == kept.read_bytes()
    assert kept.stat().st_mode & 0o044, "the old store's rights are its own"


def test_missing_images_are_counted_and_the_rest_is_restored(
    worked, command, restore, tmp_path
) -> None:
    command("backup", tmp_path / "backup")
    (tmp_path / "empty").mkdir()
    done = restore(tmp_path / "backup", "--frames", tmp_path / "empty")
    assert done.exit_code == 1
    assert done.stderr.startswith("3 frame images are missing, such as ")
    assert (tmp_path / "new/config.toml").is_file()


def test_a_backup_is_for_its_owner_alone(out) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in [out, *out.iterdir()]}
    assert {mode for mode in modes.values()} == {0o700, 0o600}
    assert modes["secret.key"] == 0o600


@pytest.mark.parametrize("is_empty", [True, False])
def test_restore_never_writes_to_a_folder_that_is_there(command, out, tmp_path, is_empty) -> None:
    (tmp_path / "new").mkdir()
    if not is_empty:
        (tmp_path / "new/diary").write_text("dear me")
    done = command("restore", out, home=tmp_path / "new")
    assert done.exit_code == 1
    assert "exists already; restore makes a new folder" in done.stderr
    assert len(list((tmp_path / "new").iterdir())) == (not is_empty)


def test_backup_never_writes_to_a_folder_that_is_there(command, out) -> None:
    before = write_sums(out)
    done = command("backup", out)
    assert done.exit_code == 1
    assert "exists already" in done.stderr
    assert write_sums(out) == before


@ON_POSTGRES
def test_a_postgres_database_that_is_not_empty_is_never_restored_to(
    engine, worked, out, command, tmp_path
) -> None:
    before = everything(engine)
    done = command("restore", out, home=tmp_path / "new")
    assert done.exit_code == 1
    assert "is not empty (it has " in done.stderr
    assert everything(engine) == before
    assert not (tmp_path / "new").exists()


def test_an_interrupted_backup_leaves_nothing_that_looks_like_one(
    worked, command, tmp_path, monkeypatch
) -> None:
    def fail(*_args: object) -> None:
        raise OSError(28, "No space left on device", "backup")

    monkeypatch.setattr(backup_module, "write_sums", fail)
    done = command("backup", tmp_path / "backup")
    assert done.exit_code == 1
    assert done.stderr == "Error: backup: No space left on device\n"
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


@ON_POSTGRES
def test_without_pg_dump_the_line_says_what_to_install(
    engine, worked, command, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(postgres_tools.shutil, "which", lambda _: None)
    done = command("backup", tmp_path / "backup")
    assert done.exit_code == 1
    assert "pg_dump was not found; install PostgreSQL's client programs" in done.stderr


@ON_POSTGRES
def test_pg_dump_says_in_one_line_why_it_failed(
    engine, worked, command, tmp_path, monkeypatch
) -> None:
    fails = shutil.which("false")
    monkeypatch.setattr(postgres_tools.shutil, "which", lambda _: fails)
    done = command("backup", tmp_path / "backup")
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1
