"""The pages by the test client: what they say, what their forms do, what they keep back."""

from __future__ import annotations

import io
import shutil
import zipfile

import pytest

from annot_server import worker
from annot_server.figures import Figures
from annot_server.forgetting import forget
from annot_server.models import ApiToken, AuditEntry, Frame, Invite, Person
from annot_server.tokens import create_token
from annot_server.views import people_pages

PAGES = (
    "/maintain",
    "/maintain?by=video&sort=-answers&q=v1&page=7",
    "/maintain?sort=unknown",
    "/maintain/pace",
    "/maintain/people",
    "/maintain/people?sort=seen",
    "/maintain/agreement",
    "/maintain/snapshots",
    "/maintain/audit?q=invite",
    "/review",
    "/review?kind=split",
    "/review?kind=unknown&page=x",
    "/review/clips",
    "/review/clips?sort=-worst",
)


@pytest.fixture
def mia(sign_in):
    return sign_in("Mia", "maintainer")


@pytest.fixture
def rita(sign_in):
    return sign_in("Rita", "reviewer")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens_on_an_empty_project(mia, path) -> None:
    assert mia.get(path).status_code == 200


@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens_on_a_project_at_work(mia, server, two_frames, path) -> None:
    del two_frames
    worker.work(server, lambda: False, until_idle=True)
    assert mia.get(path).status_code == 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", [path for path in PAGES if path.startswith("/maintain")])
def test_reviewers_keep_to_reviewing(rita, path) -> None:
    assert rita.get(path).status_code == 403


def test_the_navigation_names_what_its_reader_may_open(mia, rita) -> None:
    assert 'href="/maintain/people"' in mia.get("/review").text
    page = rita.get("/review").text
    assert 'href="/maintain' not in page
    assert '<a href="/review" aria-current="page">' in page


def test_progress_says_how_far_the_work_is(mia, two_frames) -> None:
    del two_frames
    page = mia.get("/maintain").text
    assert "of 5" in page
    assert ">crack egg</a>" in page
    assert 'data-x="2026-03-04"' in page


def test_a_frame_shows_its_answers_and_only_maintainers_learn_whose(
    mia, rita, read, project, two_frames
) -> None:
    clip_id = read(lambda s: s.get(Frame, two_frames[0]).clip_id)
    path = f"/review/clips/{clip_id}/1"
    page = rita.get(path).text
    assert "clicked at 20%, 20%" in page
    assert "not visible" in page
    assert "/maintain/people" not in page
    assert "Ada" not in page
    assert f"/maintain/people/{project.person('Ada')}" in mia.get(path).text
    assert rita.get(f"/review/clips/{clip_id}").headers["Location"].endswith("/0")
    assert rita.get(f"/review/clips/{clip_id}/99").status_code == 404
    assert rita.get(f"{path}/heatmap.png").mimetype == "image/png"


def test_two_more_are_asked_and_the_frame_leaves_the_queue(rita, read, two_frames) -> None:
    frame_id = two_frames[1]
    done = rita.post(
        f"/review/frames/{frame_id}/ask-more",
        data={"next": "/review?kind=split"},
        follow_redirects=True,
    )
    assert "Two more people will be asked" in done.text
    assert done.request.full_path == "/review?kind=split"
    frame = read(lambda s: s.get(Frame, frame_id))
    assert (frame.redundancy, frame.retired_at) == (4, None)


def test_leaving_a_frame_as_it_is_can_be_taken_back(rita, read, two_frames) -> None:
    frame_id = two_frames[1]
    rita.post(f"/review/frames/{frame_id}/settle")
    assert read(lambda s: s.get(Frame, frame_id)).settled_at is not None
    assert "Back into the queue" in rita.get("/review?kind=settled").text
    rita.post(f"/review/frames/{frame_id}/unsettle")
    assert read(lambda s: s.get(Frame, frame_id)).settled_at is None


def test_a_decision_that_cannot_be_is_said_on_the_page(rita, project) -> None:
    (frame_id,) = project.add_clip(1)
    page = rita.post(f"/review/frames/{frame_id}/settle", follow_redirects=True)
    assert page.status_code == 200
    assert "still waits for answers" in page.text


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_a_form_leads_to_our_own_pages_only(rita, two_frames, wanted) -> None:
    reply = rita.post(f"/review/frames/{two_frames[0]}/settle", data={"next": wanted})
    assert reply.headers["Location"] == "/review"


def test_names_are_shown_as_text(mia, project, server, read, two_frames) -> None:
    project.add_clip(1, video_id="v3", action="<b>stir</b> & 'mix'")
    person_id = project.person("<script>alert(1)</script>")
    worker.work(server, lambda: False, until_idle=True)
    for path in ("/maintain", "/maintain/people", f"/maintain/people/{person_id}", "/review/clips"):
        page = mia.get(path).text
        assert "<b>stir" not in page
        assert "<script>alert" not in page


def test_somebody_is_paused_and_let_go_on(mia, project, read) -> None:
    ada = project.person("Ada")
    paused = mia.post(
        f"/maintain/people/{ada}/pause", data={"reason": "too fast"}, follow_redirects=True
    )
    assert "Paused since" in paused.text
    assert read(lambda s: s.get(Person, ada)).paused_reason == "too fast"
    mia.post(f"/maintain/people/{ada}/resume")
    assert read(lambda s: s.get(Person, ada)).paused_at is None
    refused = mia.post(f"/maintain/people/{ada}/pause", data={"reason": " "}, follow_redirects=True)
    assert "a reason has 1 to 200 characters" in refused.text


def test_a_new_invite_link_is_shown_once(mia, project, app, read) -> None:
    ada = project.person("Ada")
    page = mia.post(f"/maintain/people/{ada}/invite").text
    link = page.split('<code class="link">')[1].split("<")[0]
    assert app.test_client().post(link.partition("8000")[2]).status_code == 303
    assert "/join/" not in mia.get(f"/maintain/people/{ada}").text
    assert read(lambda s: s.query(Invite).filter_by(person_id=ada).one()).expires_at is not None


def test_nobody_is_invited_who_was_forgotten(mia, project, server, read) -> None:
    ada = project.person("Ada")
    server.database.write(lambda s: forget(s, person_id=ada, secret=b"", now=server.now()))
    page = mia.post(f"/maintain/people/{ada}/invite", follow_redirects=True)
    assert "was forgotten; invite them under a new name" in page.text
    assert read(lambda s: s.query(Invite).filter_by(person_id=ada).count()) == 0


def test_a_token_is_revoked(mia, project, server, read) -> None:
    ada = project.person("Ada")
    server.database.write(
        lambda s: create_token(s, name="Ada", scopes=["annotate"], now=server.now())
    )
    assert "Revoke" in mia.get(f"/maintain/people/{ada}").text
    token_id = read(lambda s: s.query(ApiToken).one()).id
    page = mia.post(f"/maintain/people/{ada}/tokens/{token_id}/revoke", follow_redirects=True)
    assert "no longer works" in page.text
    assert read(lambda s: s.query(ApiToken).one()).revoked_at is not None


def test_the_page_of_one_person_revokes_nobody_elses_token(mia, project, server, read) -> None:
    project.person("Ada")
    bo = project.person("Bo")
    server.database.write(
        lambda s: create_token(s, name="Ada", scopes=["annotate"], now=server.now())
    )
    token_id = read(lambda s: s.query(ApiToken).one()).id
    page = mia.post(f"/maintain/people/{bo}/tokens/{token_id}/revoke", follow_redirects=True)
    assert f"there is no token {token_id}" in page.text
    assert read(lambda s: s.query(ApiToken).one()).revoked_at is None


def test_the_audit_log_says_who_invited_and_revoked(mia, project, server, read) -> None:
    ada = project.person("Ada")
    server.database.write(
        lambda s: create_token(s, name="Ada", scopes=["annotate"], now=server.now())
    )
    token_id = read(lambda s: s.query(ApiToken).one()).id
    mia.post(f"/maintain/people/{ada}/invite")
    mia.post(f"/maintain/people/{ada}/tokens/{token_id}/revoke")
    me = read(lambda s: s.query(Person).filter_by(name="Mia").one()).id
    done = read(
        lambda s: [
            (row.what, row.person_id)
            for row in s.query(AuditEntry).order_by(AuditEntry.id)
            if row.subject.endswith((f"person {ada}", f"person {ada} as annotator"))
        ]
    )
    assert done == [("invite", me), ("revoke_token", me)]


def test_setting_answers_aside_asks_first_and_says_what_it_did(
    mia, project, read, two_frames
) -> None:
    ada = project.person("Ada")
    path = f"/maintain/people/{ada}/set-aside"
    question = mia.get(path).text
    assert "2 answers will no longer count" in question
    refused = mia.post(path, data={"reason": ""}, follow_redirects=True)
    assert "say why" in refused.text
    done = mia.post(path, data={"reason": "clicked at random"}, follow_redirects=True)
    assert "2 answers were set aside, 2 frames opened again" in done.text
    assert read(lambda s: s.get(Frame, two_frames[0])).retired_at is None


def test_a_snapshot_is_asked_for_made_and_downloaded(mia, rita, server, clock, two_frames) -> None:
    del two_frames
    clock.advance(3600)
    page = mia.post("/maintain/snapshots", follow_redirects=True).text
    assert "waits for the worker" in page
    worker.work(server, lambda: False, until_idle=True)
    page = mia.get("/maintain/snapshots").text
    link = page.split('<a class="button" href="')[1].split('"')[0]
    reply = mia.get(link)
    assert reply.mimetype == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(reply.data))
    assert any(name.endswith("/data/answers.parquet") for name in archive.namelist())
    assert rita.get(link).status_code == 403
    shutil.rmtree(server.home.path / "exports")  # as after a restore
    page = mia.get("/maintain/snapshots").text
    assert link not in page
    assert "its folder is not on this server" in page


@pytest.mark.parametrize("name", ["x", "..%2f..%2fsecret", "20260304T050607Z-0123abcd"])
def test_what_is_no_snapshot_is_not_sent(mia, name) -> None:
    assert mia.get(f"/maintain/snapshots/{name}.zip").status_code == 404


def test_the_audit_log_names_who_did_what(mia, project) -> None:
    ada = project.person("Ada")
    mia.post(f"/maintain/people/{ada}/pause", data={"reason": "too fast"})
    page = mia.get("/maintain/audit?what=pause").text
    assert ">Mia</a>" in page
    assert f"person {ada}" in page


def test_the_figures_can_be_counted_at_once(mia, server) -> None:
    page = mia.post("/maintain/figures", data={"next": "audit"}, follow_redirects=True)
    assert page.request.path == "/maintain/audit"
    assert "being counted" in page.text
    worker.work(server, lambda: False, until_idle=True)
    assert "Every promise holds" in mia.get("/maintain/audit").text


def test_the_list_of_people_goes_over_the_figures_once(mia, monkeypatch) -> None:
    """However many people there are: each has a row in them."""
    begun = []

    class Rows(list):
        def __iter__(self):
            begun.append(self)
            return super().__iter__()

    figures = Figures(None, False, Rows(), None, None)
    monkeypatch.setattr(people_pages, "_figures", lambda _: figures)
    assert mia.get("/maintain/people").status_code == 200
    assert len(begun) == 1
