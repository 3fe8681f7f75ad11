from __future__ import annotations

from dataclasses import replace

import pytest

from dataset_builder.domain import Action
from dataset_builder.report.page import write_page
from dataset_builder.verify import Finding, Verification

pytestmark = pytest.mark.browser


@pytest.fixture
def address(shown, red, tmp_path):
    path = tmp_path / "page.html"
    findings = (Finding("box_differs", "clip/3", "another one"),)
    outcome = Verification(shown.release, findings, ("what is not there",))
    write_page(path, outcome, pictures=red, changes=shown.changes)
    assert path.stat().st_size < 5_000_000
    return path.as_uri()


@pytest.mark.parametrize(("scheme", "screen"), [("light", "desktop"), ("dark", "phone")])
def test_axe_and_the_page_s_own_policy_have_nothing_to_say(
    address, problems_of_page, screen, scheme
):
    assert problems_of_page(address, screen, scheme) == []


@pytest.mark.parametrize("screen", ["desktop", "phone"])
def test_very_long_names_do_not_widen_the_page(shown, problems_of_page, tmp_path, screen):
    release, long = shown.release, "x" * 300
    clips = tuple(replace(clip, split=long) for clip in release.clips)
    actions = tuple(Action(action.action_id, long) for action in release.actions)
    named = replace(release, name=long, licence=long, clips=clips, actions=actions)
    path = tmp_path / "page.html"
    write_page(path, Verification(named, (Finding(long, long, long),), (long,)))
    assert problems_of_page(path.as_uri(), screen, "light") == []


def test_a_heading_sorts_its_table_and_shapes_can_be_put_away(address, page):
    page.goto(address)
    table = page.locator("#actions table.sortable")
    table.get_by_role("button", name="clips").click()
    clips = [int(text) for text in table.locator("tbody td:nth-child(2)").all_inner_texts()]
    assert clips == sorted(clips, reverse=True)
    shapes = page.locator("#frames .shapes").first
    assert shapes.is_visible()
    page.get_by_label("boxes and clicks").uncheck()
    assert not shapes.is_visible()
