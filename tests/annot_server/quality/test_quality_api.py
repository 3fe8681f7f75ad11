"""What people see over HTTP: that gold cannot be told apart, and the pages before the frames."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select, update

from annot_server.models import Answer, Clip, Frame, GoldAnswer, Person, Video


@pytest.fixture
def golden(server, project, bring_gold, gold_frames) -> set[int]:
    """Ordinary clips and gold clips side by side; the gold frames' ids."""
    for start in range(0, 90, 3):
        project.add_clip(3, video_id="v0", start_s=start)
    # As an import of a real file would: the gold videos have one.
    playable = update(Video).values(source_path="v0.mp4", mime="video/mp4")
    server.database.write(lambda session: session.execute(playable))
    bring_gold("v1,0,crack egg,0.5,0.5,A note.", "v1,1,crack egg,,,", "v1,2,crack egg,0.1,0.9,")
    bring_gold("v2,0,stir soup,0.5,0.5,", "v2,1,stir soup,0.5,0.5,", seed=2)
    return set(gold_frames())


def shape(value: Any) -> Any:
    """Return what a reply looks like: keys in their order and types, without values."""
    if isinstance(value, dict):
        return tuple((key, shape(item)) for key, item in value.items())
    if isinstance(value, list):
        return tuple(sorted({shape(item) for item in value}))
    return type(value).__name__


def post(client, path: str, body: Any = None, key: str | None = None) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(f"/api/v1/{path}", json=body, headers=headers)


def look(response) -> Any:
    """Return all that a client can see of a reply but its values."""
    names = tuple(name for name, _ in response.headers)
    return response.status_code, names, shape(response.get_json(silent=True))


def everything_said(client, lease: dict[str, Any]) -> dict[str, Any]:
    """Do all that can be done with a lease's frames; return how each reply looked."""
    frame_id = lease["frames"][0]["frame_id"]
    click = {"point": {"x": 0.25, "y": 0.5}, "details": {"pointer": "mouse", "ms_taken": 900}}
    seen = {
        "renew": post(client, f"leases/{lease['lease_id']}/renew"),
        "answer": post(client, f"frames/{frame_id}/answers", click, f"a{frame_id}"),
        "again": post(client, f"frames/{frame_id}/answers", click, f"a{frame_id}"),
        "other key": post(client, f"frames/{frame_id}/answers", click, f"b{frame_id}"),
        "key reused": post(client, f"frames/{frame_id}/answers", {"point": None}, f"a{frame_id}"),
        "skip answered": post(client, f"frames/{frame_id}/skips", {"reason": "other"}),
        "undo": post(client, f"frames/{frame_id}/undo"),
        "undo again": post(client, f"frames/{frame_id}/undo"),
        "not visible": post(client, f"frames/{frame_id}/answers", {"point": None}, f"c{frame_id}"),
        "undo that": post(client, f"frames/{frame_id}/undo"),
        "skip": post(client, f"frames/{frame_id}/skips", {"reason": "cannot_tell"}),
        "skip again": post(client, f"frames/{frame_id}/skips", {"reason": "cannot_tell"}),
        "undo skip": post(client, f"frames/{frame_id}/undo"),
        "picture": client.get(lease["frames"][0]["image_url"]),
        "release": post(client, f"leases/{lease['lease_id']}/release"),
        "renew released": post(client, f"leases/{lease['lease_id']}/renew"),
    }
    looks = {name: look(response) for name, response in seen.items()}
    seen["picture"].close()
    return looks


def lease_of_kind(client, golden: set[int], is_gold: bool) -> dict[str, Any]:
    """Lease, and give back, until a lease of the kind comes."""
    for _ in range(60):
        lease = post(client, "leases", {}).json["lease"]
        if (lease["frames"][0]["frame_id"] in golden) is is_gold:
            return lease
        post(client, f"leases/{lease['lease_id']}/release")
    raise AssertionError("none in 60 leases")


def test_no_reply_to_any_request_tells_gold_apart(golden, sign_in) -> None:
    looks = []
    for name, is_gold in (("Ada", False), ("Bo", True)):
        client = sign_in(name)
        lease = lease_of_kind(client, golden, is_gold)
        looks.append({"lease": (200, (), shape(lease)), **everything_said(client, lease)})
    ordinary, gold = looks
    assert gold == ordinary
    done = {name for name, seen in gold.items() if seen[0] < 300}
    assert {"renew", "answer", "again", "undo", "not visible", "skip", "undo skip"} <= done


def test_no_number_in_a_reply_tells_gold_apart(golden, sign_in) -> None:
    for name in ("Cy", "Di"):  # more ordinary answers than gold ones: counted ids would differ
        client = sign_in(name)
        for n, frame in enumerate(lease_of_kind(client, golden, False)["frames"]):
            post(client, f"frames/{frame['frame_id']}/answers", {"point": None}, f"{name}{n}")
            post(client, f"frames/{frame['frame_id']}/undo")
            post(client, f"frames/{frame['frame_id']}/skips", {"reason": "other"})
    said = []
    for name, is_gold in (("Ada", False), ("Bo", True)):
        client = sign_in(name)
        frame_id = lease_of_kind(client, golden, is_gold)["frames"][0]["frame_id"]
        replies = [
            post(client, f"frames/{frame_id}/answers", {"point": None}, "k"),
            post(client, f"frames/{frame_id}/answers", {"point": None}, "k"),
            post(client, f"frames/{frame_id}/answers", {"point": None}, "l"),
            post(client, f"frames/{frame_id}/answers", {"point": {"x": 0.5, "y": 0.5}}, "k"),
            post(client, f"frames/{frame_id}/skips", {"reason": "other"}),
        ]
        post(client, f"frames/{frame_id}/undo")
        replies += [
            post(client, f"frames/{frame_id}/undo"),
            post(client, f"frames/{frame_id}/skips", {"reason": "other"}),
            post(client, f"frames/{frame_id}/skips", {"reason": "other"}),
            post(client, f"frames/{frame_id}/answers", {"point": None}, "m"),
        ]
        said.append([reply.text.replace(str(frame_id), "ID") for reply in replies])
    assert said[0] == said[1]


def test_no_refusal_tells_gold_apart(golden, project, sign_in) -> None:
    client = sign_in("Bo")
    ordinary = project.add_clip(1, video_id="v9")[0]
    seen = {}
    for frame_id in (ordinary, min(golden)):
        replies = [
            post(client, f"frames/{frame_id}/answers", {"point": None}, "k"),
            post(client, f"frames/{frame_id}/skips", {"reason": "other"}),
            post(client, f"frames/{frame_id}/undo"),
        ]
        messages = [reply.json["message"].replace(str(frame_id), "ID") for reply in replies]
        seen[frame_id] = [look(reply) for reply in replies], messages
    assert seen[ordinary] == seen[min(golden)]


def test_a_clip_id_has_one_form(server, golden) -> None:
    with server.database.read() as session:
        clips = session.scalars(select(Clip)).all()
        for clip in clips:
            assert re.fullmatch(rf"{clip.video_id}_\d+-\d+_{clip.action_id}", clip.clip_id)
        whole = {clip.is_gold: clip.start_s % 1 == 0 and clip.end_s % 1 == 0 for clip in clips}
    assert whole == {True: True, False: True}


def test_answers_given_counts_gold_among_the_rest(server, golden, sign_in) -> None:
    client = sign_in()
    given = 0
    while given < 40:
        lease = post(client, "leases", {}).json["lease"]
        for frame in lease["frames"]:
            given += 1
            reply = post(client, f"frames/{frame['frame_id']}/answers", {"point": None}, str(given))
            assert reply.json["answers_given"] == given
    assert client.get("/api/v1/me").json["answers_given"] == given
    with server.database.read() as session:
        n_gold, n_others = (len(session.scalars(select(m.id)).all()) for m in (GoldAnswer, Answer))
    assert n_gold > 0
    assert n_gold + n_others == given


def test_a_paused_person_is_told_so_kindly_and_late_answers_are_taken(
    server, golden, project, sign_in
) -> None:
    client = sign_in()
    lease = post(client, "leases", {}).json["lease"]
    person_id = project.person("Grace")  # somebody else is not concerned
    assert person_id
    server.database.write(
        lambda session: session.execute(
            update(Person)
            .where(Person.name == "Ada")
            .values(paused_at=server.now(), paused_reason="looks away")
        )
    )
    refused = post(client, "leases", {})
    assert (refused.status_code, refused.json["lease"], refused.json["reason"]) == (
        200,
        None,
        "paused",
    )
    assert refused.json["message"].startswith("Thank you for your work so far.")
    assert "looks away" not in refused.text
    german = client.post("/api/v1/leases", json={}, headers={"Accept-Language": "de"})
    assert german.json["message"].startswith("Danke für Ihre bisherige Arbeit.")
    late = post(client, f"frames/{lease['frames'][0]['frame_id']}/answers", {"point": None}, "k")
    assert late.status_code == 201
    assert sign_in("Bo").post("/api/v1/leases", json={}).json["lease"] is not None


# The pages before the frames ------------------------------------------------------------------


@pytest.fixture
def newcomer(app, project):
    """Return a function that signs somebody in who has seen nothing yet."""

    def newcomer(name: str = "Nia", role: str = "annotator"):
        client = app.test_client()
        assert client.post(f"/join/{project.invite(name, role)}").status_code == 303
        return client

    return newcomer


def where(response) -> tuple[int, str]:
    return response.status_code, response.headers.get("Location", "")


def test_the_first_visit_leads_to_the_introduction_once(newcomer) -> None:
    client = newcomer()
    assert where(client.get("/")) == (303, "/introduction")
    assert where(client.get("/qualify")) == (303, "/introduction")
    page = client.get("/introduction")
    assert page.status_code == 200
    assert "What you will do" in page.text
    assert where(client.post("/introduction")) == (303, "/")
    assert client.get("/").status_code == 200
    assert client.get("/introduction").status_code == 200


def test_the_first_time_stands(server, newcomer, clock) -> None:
    client = newcomer()
    client.post("/introduction")
    first = clock.now
    clock.advance(60)
    client.post("/introduction")
    with server.database.read() as session:
        assert session.scalars(select(Person.introduced_at)).all() == [first]


@pytest.fixture
def questions(bring_gold) -> None:
    """Bring in ten qualification frames with the same known point, and two without."""
    rows = [f"v{1 + n // 4 % 2},{n % 4},question {n // 8},0.5,0.5,Look there." for n in range(8)]
    bring_gold(*rows, "v1,0,hidden,,,It is over.", "v2,2,hidden,,,", purpose="qualification")


def test_annotators_go_on_to_the_qualification_and_others_to_the_frames(
    questions, project, newcomer
) -> None:
    project.add_clip(3, video_id="v0")
    client = newcomer()
    client.post("/introduction")
    assert where(client.get("/")) == (303, "/qualify")
    assert client.get("/qualify").status_code == 200
    refused = post(client, "leases", {}).json
    assert (refused["lease"], refused["reason"]) == (None, "to_qualify")
    assert "short exercise" in refused["message"]
    reviewer = newcomer("Rae", "reviewer")
    reviewer.post("/introduction")
    assert reviewer.get("/").status_code == 200
    assert post(reviewer, "leases", {}).json["lease"] is not None


def test_the_known_answer_comes_only_after_the_answer(server, questions, newcomer) -> None:
    client = newcomer()
    client.post("/introduction")
    secret = re.compile(r"0\.5|tolerance|known|Look there|It is over|is_right")
    assert not secret.search(client.get("/qualify").text)
    for n in range(10):
        found = client.get("/api/v1/qualification")
        assert not secret.search(found.text.replace(f'"n_right":{n}', ""))
        frame = found.json["frame"]
        assert frame.keys() == {
            *("frame_id", "video_id", "second", "action_id", "description"),
            *("image_url", "width", "height"),
        }
        assert (found.json["state"], found.json["n_answered"]) == ("open", n)
        with server.database.read() as session:
            subject = session.get_one(Frame, frame["frame_id"])
            is_hidden = "hidden" in subject.clip_id
        body = {"point": None if is_hidden else {"x": 0.5, "y": 0.5}}
        told = post(client, f"qualification/frames/{frame['frame_id']}/answers", body).json
        assert told["is_right"]
        assert told["known"] == body["point"]
        assert told["tolerance"] == 0.08
        assert told["qualification"]["n_answered"] == n + 1
    assert told["qualification"]["state"] == "passed"
    assert told["qualification"]["n_right"] == 10
    assert client.get("/").status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 422), ({"point": {"x": 2, "y": 0}}, 422), ({"point": [0, 0]}, 422), ([], 422)],
)
def test_what_is_no_answer_is_refused(questions, newcomer, body, status) -> None:
    client = newcomer()
    frame_id = client.get("/api/v1/qualification").json["frame"]["frame_id"]
    path = f"qualification/frames/{frame_id}/answers"
    assert post(client, path, body).status_code == status
    assert client.get("/api/v1/qualification").json["n_answered"] == 0


def test_hidden_gold_is_not_asked_in_the_qualification(golden, questions, newcomer) -> None:
    client = newcomer()
    path = f"qualification/frames/{min(golden)}/answers"
    assert post(client, path, {"point": None}).status_code == 404


def test_both_pages_speak_german(questions, newcomer) -> None:
    client = newcomer()
    german = {"Accept-Language": "de"}
    assert "Was Sie tun werden" in client.get("/introduction", headers=german).text
    client.post("/introduction")
    assert "Eine kurze Übung" in client.get("/qualify", headers=german).text
