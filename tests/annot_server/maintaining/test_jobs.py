"""Jobs on both databases: taken once, taken up again, given up; what they make."""

from __future__ import annotations

import io
import zipfile
from functools import partial

import pytest
from sqlalchemy import select

from annot_server import figures, jobs, worker
from annot_server.errors import NotFoundError
from annot_server.exports import export_folder, snapshots_of, zipped
from annot_server.figures import EVERY_S, ask_if_stale, figures_to_show, newest_figures
from annot_server.jobs import FIGURES, SNAPSHOT
from annot_server.models import Job, Snapshot
from annot_server.pauses import pause
from dataset_builder.geometry import Point
from dataset_builder.snapshot import read_snapshot

SNAPSHOT_ID = "20260304T050607Z-0123abcd"


@pytest.fixture
def ask(server, clock):
    """Return a function that queues a job and returns its id."""

    def ask(kind=SNAPSHOT, **arguments):
        return server.database.write(
            lambda s: jobs.enqueue(s, kind, arguments, by_person_id=None, now=clock())
        )

    return ask


@pytest.fixture
def take(server, clock):
    return lambda: server.database.write(lambda s: jobs.take_next(s, now=clock()))


@pytest.fixture
def newest(read):
    return lambda kind=SNAPSHOT: read(jobs.jobs_of, kind)[0]


def test_a_job_is_taken_once_and_the_oldest_first(ask, take) -> None:
    first, second = ask(), ask()
    assert [take().job_id, take().job_id, take()] == [first, second, None]


def test_a_job_whose_worker_fell_silent_is_taken_again(ask, take, server, clock, newest) -> None:
    ask()
    dead = take()
    clock.advance(jobs.SILENT_S)
    assert take() is None
    clock.advance(1)
    again = take()
    assert again.job_id == dead.job_id
    late = server.database.write(lambda s: jobs.finish(s, dead, {"by": "dead"}, now=clock()))
    assert not late
    assert newest().state == "running"
    assert server.database.write(lambda s: jobs.finish(s, again, {"by": "new"}, now=clock()))
    assert newest().result == {"by": "new"}


def test_a_sign_of_life_keeps_a_job(ask, take, server, clock) -> None:
    ask()
    claim = take()
    clock.advance(jobs.SILENT_S)
    assert server.database.write(lambda s: jobs.sign_of_life(s, claim, now=clock()))
    clock.advance(jobs.SILENT_S)
    assert take() is None


def test_a_job_that_kills_its_workers_is_given_up(ask, take, clock, newest) -> None:
    ask()
    for _ in range(jobs.MAX_TRIES):
        assert take() is not None
        clock.advance(jobs.SILENT_S + 1)
    assert take() is None
    assert (newest().state, newest().message) == ("failed", "given up: its worker died 3 times")


def test_a_worker_that_is_told_to_stop_puts_its_job_back(
    ask, take, server, newest, monkeypatch
) -> None:
    def stopped(*_: object) -> None:
        raise SystemExit(0)

    monkeypatch.setitem(worker.KINDS, SNAPSHOT, stopped)
    ask()
    with pytest.raises(SystemExit):
        worker.do(server, take())
    assert newest().state == "queued"


def test_a_failure_of_ours_is_told_and_of_the_code_only_logged(
    ask, server, newest, monkeypatch, caplog
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setitem(worker.KINDS, "broken", broken)
    ask(snapshot_id="../../etc")
    worker.do_next(server)
    assert (newest().state, newest().message) == ("failed", "there is no such snapshot")
    ask("broken")
    worker.work(server, lambda: False, until_idle=True)
    assert "secret" not in newest("broken").message
    assert "secret detail" in caplog.text


@pytest.mark.usefixtures("two_frames")
def test_a_snapshot_is_made_read_and_sent(ask, server, clock, read, newest) -> None:
    clock.advance(3600)
    ask(snapshot_id=SNAPSHOT_ID)
    assert worker.work(server, lambda: False, until_idle=True) == 2  # the figures too
    result = newest().result
    assert (result["answers"], result["frames"], result["too_young"]) == (4, 5, 0)
    (stored,) = read(snapshots_of, server.home)
    assert (stored.digest, stored.is_here) == (result["digest"], True)
    folder = export_folder(server.home, SNAPSHOT_ID)
    assert len(read_snapshot(folder).answers) == 4
    archive = zipfile.ZipFile(io.BytesIO(b"".join(zipped(folder, "snapshot"))))
    assert archive.testzip() is None
    assert archive.read("snapshot/manifest.json") == (folder / "manifest.json").read_bytes()
    assert len(archive.namelist()) == sum(path.is_file() for path in folder.rglob("*"))


@pytest.mark.usefixtures("two_frames")
def test_a_snapshot_that_was_made_is_not_made_again(ask, take, server, clock, read) -> None:
    ask(snapshot_id=SNAPSHOT_ID)
    claim = take()
    worker.make_snapshot(server, claim, lambda *_: None)  # and then the worker died
    clock.advance(jobs.SILENT_S + 1)
    worker.do(server, take())
    assert len(read(snapshots_of, server.home)) == 1


@pytest.mark.parametrize("name", ["", "..", "../x", "20260304T050607Z-0123abcd/..", "x" * 30])
def test_no_other_folder_is_sent(server, name) -> None:
    with pytest.raises(NotFoundError):
        export_folder(server.home, name)


def test_a_snapshot_of_another_name_is_listed_but_not_here(server, read, clock) -> None:
    server.database.write(
        lambda s: s.add(
            Snapshot(snapshot_id="by hand", digest="0" * 64, answers=1, created_at=clock())
        )
    )
    (stored,) = read(snapshots_of, server.home)
    assert (stored.snapshot_id, stored.is_here) == ("by hand", False)


def test_figures_are_counted_when_something_changed_and_not_too_often(
    server, read, say, project, clock
) -> None:
    project.add_clip(3, redundancy=1)
    say("Ada", [Point(0.5, 0.5)])
    assert read(newest_figures).counted_at is None
    assert worker.work(server, lambda: False, until_idle=True) == 1
    found = read(newest_figures)
    assert found.counted_at == clock()
    assert [p["answers"] for p in found.people] == [1]
    assert found.audit["answers"] == 1
    say("Ada", [None])
    clock.advance(EVERY_S)
    assert worker.work(server, lambda: False, until_idle=True) == 0
    clock.advance(1)
    assert worker.work(server, lambda: False, until_idle=True) == 1
    assert read(newest_figures).people[0]["answers"] == 2
    clock.advance(EVERY_S + 1)
    assert not server.database.write(lambda s: ask_if_stale(s, now=clock()))


def test_a_small_projects_figures_are_those_of_this_moment(
    read, say, project, clock, monkeypatch
) -> None:
    project.add_clip(3, redundancy=1)
    say("Ada", [Point(0.5, 0.5), None])
    found = read(partial(figures_to_show, window=20, now=clock()))
    assert (found.counted_at, [p["answers"] for p in found.people]) == (clock(), [2])
    monkeypatch.setattr(figures, "SMALL", 2)
    assert read(partial(figures_to_show, window=20, now=clock())).counted_at is None


def test_figures_are_kept_without_names_and_reasons(server, project, clock) -> None:
    ada = project.person("Ada Lovelace")
    server.database.write(lambda s: pause(s, person_id=ada, reason="Lady Ada asked", now=clock()))
    worker.work(server, lambda: False, until_idle=True)
    with server.database.read() as session:
        (kept,) = session.scalars(select(Job.result).where(Job.kind == FIGURES)).all()
    assert f'"person_id": {ada}' in kept
    assert "Ada" not in kept


def test_figures_stay_while_they_are_counted_anew(server, read, project, clock) -> None:
    project.add_clip(1)
    worker.work(server, lambda: False, until_idle=True)
    server.database.write(lambda s: jobs.enqueue_again(s, FIGURES, now=clock()))
    server.database.write(lambda s: jobs.enqueue_again(s, FIGURES, now=clock()))
    found = read(newest_figures)
    assert (found.is_waiting, found.audit["frames"]) == (True, 1)
    assert len(read(jobs.jobs_of, FIGURES)) == 1


def test_files_larger_than_a_plain_archive_takes_are_sent_whole(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    (tmp_path / "answers.parquet").write_bytes(b"1" * 1001)
    archive = zipfile.ZipFile(io.BytesIO(b"".join(zipped(tmp_path, "snapshot"))))
    assert archive.read("snapshot/answers.parquet") == b"1" * 1001
