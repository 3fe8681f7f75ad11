"""The page in a real Chromium: accessible, calm, and sortable."""

from __future__ import annotations

import io
from dataclasses import replace

import PIL.Image
import pytest

from dataset_builder.predictions import System
from dataset_builder.report.pictures import small_jpeg
from stg_model.evaluation.comparison import compare
from stg_model.evaluation.html.page import write_page
from stg_model.evaluation.intervals import IntervalSettings

pytestmark = pytest.mark.browser


class Red:
    """A red picture of every frame."""

    def jpeg(self, video_id, second):
        return small_jpeg(PIL.Image.new("RGB", (640, 480), (255, 0, 0)))


@pytest.fixture
def address(compared, tmp_path):
    path = tmp_path / "page.html"
    write_page(
        path,
        compared.report,
        compared.release,
        compared.predictions,
        pictures=Red(),
        comparison=compared.comparison,
    )
    return path.as_uri()


@pytest.mark.parametrize(("scheme", "screen"), [("light", "desktop"), ("dark", "phone")])
def test_axe_and_the_page_s_own_policy_have_nothing_to_say(
    address, problems_of_page, screen, scheme
):
    assert problems_of_page(address, screen, scheme) == []


@pytest.mark.parametrize("screen", ["desktop", "phone"])
def test_a_very_long_name_widens_neither_the_page_nor_a_table(
    compared, tmp_path, page, problems_of_page, screen
):
    system, *others = compared.predictions
    long = replace(system, system=System("n" * 400, backbone="b" * 400))
    found = compare(compared.release, [long, *others], None, IntervalSettings(100))
    path = tmp_path / "long.html"
    write_page(path, found.report, compared.release, [long, *others], comparison=found)
    assert problems_of_page(path.as_uri(), screen, "light") == []
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    tables = page.locator(".scroll")
    assert tables.count() > 2
    assert tables.evaluate_all("all => all.every((e) => e.scrollWidth <= e.clientWidth)")


def test_a_heading_sorts_its_table_down_then_up(address, page):
    page.goto(address)
    table = page.locator("table.sortable").first
    column = 4  # poor: cut 0, stir .5, pour 0

    def values():
        return table.locator(f"tbody td:nth-child({column + 1})").all_inner_texts()

    button = table.get_by_role("button", name="poor")
    button.click()
    assert values() == sorted(values(), reverse=True)
    assert values()[0] != values()[-1]
    assert table.locator("th[aria-sort=descending]").inner_text().startswith("poor")
    button.click()
    assert values() == sorted(values())
    table.get_by_role("button", name="action").click()
    assert table.locator("tbody th").all_inner_texts() == ["cut", "pour", "stir"]


def test_heatmaps_and_shapes_can_be_put_away(address, page):
    page.goto(address)
    heat, shapes = page.locator(".heat").first, page.locator(".shapes").first
    page.get_by_label("heatmaps").uncheck()
    assert not heat.is_visible()
    assert shapes.is_visible()
    page.get_by_label("boxes and points").uncheck()
    assert not shapes.is_visible()


def test_a_frame_shows_its_picture(address, page):
    page.goto(address)
    page.get_by_label("boxes and points").uncheck()
    page.get_by_label("heatmaps").uncheck()
    shot = PIL.Image.open(io.BytesIO(page.locator("svg.view").first.screenshot()))
    red, green, blue = shot.convert("RGB").getpixel((shot.width // 2, shot.height // 2))
    assert (red > 200, green < 60, blue < 60) == (True, True, True)


def test_without_script_the_tables_stand_as_they_are(address, browser):
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(address)
    assert page.locator("table.sortable").first.locator("thead th").first.inner_text() == "action"
    assert not page.get_by_text("Press a heading").is_visible()
    page.context.close()
