"""Leases live while somebody is at work, and are given back by a page that closes."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser


def reload_and_lease(annotator):
    """Load the page anew under a clock that the test moves; return the lease it gets."""
    page = annotator.page
    page.clock.install()
    page.reload()
    annotator.wait_for_frame()
    # The page's own reply may be out of reach after a reload; whoever asks again gets the same.
    asked = page.context.request.post(f"{annotator.server.url}/api/v1/leases", data={})
    return asked.json()["lease"]


def test_leases_are_renewed_while_somebody_is_there_and_lapse_when_not(annotator):
    page = annotator.page
    renewal = f"/leases/{reload_and_lease(annotator)['lease_id']}/renew"
    asked = []
    page.on("request", lambda r: asked.append(r.url) if r.url.endswith(renewal) else None)
    with page.expect_response(f"**{renewal}") as reply:
        page.clock.fast_forward(110_000)
    assert reply.value.status == 200
    page.clock.fast_forward(600_000)  # nobody has touched the page
    page.clock.fast_forward(600_000)
    assert len(asked) == 1
    page.keyboard.press("ArrowLeft")
    with page.expect_response(f"**{renewal}"):
        page.clock.fast_forward(10_000)


def test_after_a_lost_lease_the_work_goes_on(annotator):
    page = annotator.page
    lease = reload_and_lease(annotator)
    path = f"/leases/{lease['lease_id']}"
    assert page.context.request.post(f"{annotator.server.url}/api/v1{path}/release").ok
    with page.expect_response(f"**{path}/renew") as reply:
        page.clock.fast_forward(110_000)
    assert reply.value.status == 409
    clicked = [annotator.click(0.3 + 0.2 * n, 0.5) for n in range(3)]
    assert clicked[0] == lease["frames"][0]["frame_id"], "what the person saw still counts"
    assert [row["frame_id"] for row in annotator.answers()] == clicked


def test_a_closed_page_gives_its_leases_back(annotator):
    annotator.leave()


def test_a_page_closed_as_it_asks_for_a_lease_gives_that_one_back_too(annotator):
    """The server has given it, and the page never learned of it."""
    page = annotator.page
    asked = []

    def keep_the_second_reply(route):
        asked.append(route.request.post_data_json)
        reply = route.fetch()
        if len(asked) == 1:
            route.fulfill(response=reply)

    page.route("**/leases", keep_the_second_reply)
    page.reload()
    annotator.wait_for_frame()
    for _ in range(600):
        if len(asked) == 2:
            break
        page.wait_for_timeout(50)
    assert "after_lease_id" in asked[1]
    annotator.leave()
