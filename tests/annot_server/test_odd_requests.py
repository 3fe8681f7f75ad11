"""Requests with values that no database column holds: refused before they get to it."""

from __future__ import annotations

import pytest

NUL_IN_QUERY = [
    "/review?q=%00",
    "/review/clips?q=a%00b",
    "/maintain?q=%00",
    "/maintain/audit?q=%00",
    "/maintain/audit?what=%00",
    "/maintain/people?%00=x",
]
NUL_IN_PATH = [
    "/media/videos/%00",
    "/review/clips/%00",
    "/review/clips/%00/1",
    "/review/clips/a%00b/1/heatmap.png",
    "/panel/%00",
    "/join/%00",
]
HUGE = "9" * 20
HUGE_PATHS = [
    ("GET", f"/maintain/people/{HUGE}"),
    ("GET", f"/maintain/people/{HUGE}/set-aside"),
    *(("POST", f"/maintain/people/{HUGE}/{act}") for act in ("pause", "resume", "invite")),
    ("POST", f"/maintain/people/{HUGE}/set-aside"),
    ("POST", f"/maintain/people/1/tokens/{HUGE}/revoke"),
    *(("POST", f"/review/frames/{HUGE}/{act}") for act in ("ask-more", "settle", "unsettle")),
    ("GET", f"/review/clips/c/{HUGE}"),
    ("GET", f"/media/context/{HUGE}.jpg"),
    ("POST", f"/api/v1/frames/{2**31}/undo"),
]
REASON = {"reason": "looks odd"}


@pytest.fixture
def maintainer(sign_in):
    return sign_in("May", "maintainer")


@pytest.mark.parametrize("path", NUL_IN_PATH)
def test_a_nul_in_a_path_leads_nowhere(maintainer, path) -> None:
    assert maintainer.get(path).status_code == 404


def test_a_nul_in_a_path_of_the_api_leads_nowhere(maintainer) -> None:
    path = "/api/v1/panel-visits/%00/status"
    answer = maintainer.post(path, json={"status": "completed"})
    assert (answer.status_code, answer.json["error"]) == (404, "not_found")


@pytest.mark.parametrize("path", NUL_IN_QUERY)
def test_a_nul_in_a_query_is_refused(maintainer, path) -> None:
    answer = maintainer.get(path)
    assert answer.status_code == 422
    assert "no text can hold" in answer.text


@pytest.mark.parametrize("act", ["pause", "set-aside"])
def test_a_nul_in_a_form_is_refused_and_nothing_is_done(maintainer, project, act) -> None:
    ada = project.person("Ada")
    path = f"/maintain/people/{ada}/{act}"
    assert maintainer.post(path, data={"reason": "odd\0"}).status_code == 422
    assert "odd" not in maintainer.get("/maintain/audit").text


@pytest.mark.parametrize(("method", "path"), HUGE_PATHS)
def test_a_number_too_large_for_a_column_leads_nowhere(maintainer, method, path) -> None:
    data = REASON if method == "POST" and not path.startswith("/api/") else None
    # 405 where Werkzeug takes the path for one of another method.
    assert maintainer.open(path, method=method, data=data).status_code in (404, 405)


@pytest.mark.parametrize("act", ["pause", "resume", "invite", "set-aside"])
def test_nothing_can_be_done_to_somebody_who_is_not_there(maintainer, act) -> None:
    assert maintainer.post(f"/maintain/people/77/{act}", data=REASON).status_code == 404
