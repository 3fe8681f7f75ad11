"""The maintainers' pages in a real browser: charts are drawn, the viewer shows what was clicked."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

INK = """plot => {
  const canvas = plot.querySelector("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const shades = {};
  for (let i = 0; i < data.length; i += 4)
    if (data[i + 3] > 200) {
      const shade = data.slice(i, i + 3).join(",");
      shades[shade] = (shades[shade] || 0) + 1;
    }
  return shades;
}"""


@pytest.fixture
def clicked(annotator) -> tuple[str, int]:
    """Somebody clicked the first frame at (0.3, 0.6): its clip and second."""
    frame_id = annotator.click(0.3, 0.6)
    annotator.wait_until_saved()
    row = annotator.server.rows("SELECT clip_id, second FROM frames WHERE id = ?", frame_id)[0]
    return row["clip_id"], row["second"]


@pytest.fixture
def open_maintainer(server, browser, request):
    """Return a function that gives a maintainer's window; it keeps what the console complained."""
    contexts = []

    def open_maintainer(**options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on(
            "console",
            lambda line: page.problems.append(line.text) if line.type == "error" else None,
        )
        link = server.invite(f"Mia {request.node.name}", "maintainer")
        assert context.request.post(link, max_redirects=0).status == 303
        return page

    yield open_maintainer
    for context in contexts:
        context.close()


def shade(page, name: str) -> str:
    """A colour of the page's variables as "red,green,blue"."""
    value = page.evaluate(
        "name => getComputedStyle(document.documentElement).getPropertyValue(name).trim()", name
    )
    return ",".join(str(int(value[i : i + 2], 16)) for i in (1, 3, 5))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_chart_is_drawn_in_the_schemes_colours_from_the_table_below_it(
    clicked, server, open_maintainer, scheme
) -> None:
    del clicked
    page = open_maintainer(color_scheme=scheme)
    page.goto(f"{server.url}/maintain")
    chart = page.locator("[data-drawn=bars]")
    expect(chart).to_have_count(1)
    bars = chart.locator(".plot").evaluate(INK).get(shade(page, "--accent"), 0)
    assert bars > 1000
    table_sum = chart.locator("details td").evaluate_all(
        "cells => cells.reduce((sum, cell) => sum + Number(cell.dataset.y), 0)"
    )
    assert (
        table_sum
        == server.rows(
            "SELECT count(*) AS n FROM answers WHERE superseded_at IS NULL AND set_aside_at IS NULL"
        )[0]["n"]
    )
    assert page.problems == []


def test_a_chart_is_drawn_anew_for_paper(clicked, server, open_maintainer) -> None:
    del clicked
    page = open_maintainer(color_scheme="dark")
    page.goto(f"{server.url}/maintain")
    plot = page.locator("[data-drawn=bars] .plot")
    on_screen = shade(page, "--accent")
    page.emulate_media(media="print", color_scheme="dark")
    on_paper = shade(page, "--accent")
    assert on_paper != on_screen
    page.wait_for_function(
        "() => document.querySelector('[data-drawn=bars] canvas').getContext('2d') !== null"
    )
    assert plot.evaluate(INK).get(on_paper, 0) > 1000


def test_the_viewer_puts_a_click_where_it_was_made(clicked, server, open_maintainer) -> None:
    clip_id, second = clicked
    page = open_maintainer()
    page.goto(f"{server.url}/review/clips/{clip_id}/{second}")
    dots = page.locator(".layer-clicks circle")
    picture = page.locator(".stage .frame").bounding_box()
    size = page.locator(".stage .frame").evaluate(
        "image => ({ width: image.naturalWidth, height: image.naturalHeight })"
    )
    scale = min(picture["width"] / size["width"], picture["height"] / size["height"])
    left = picture["x"] + (picture["width"] - scale * size["width"]) / 2
    top = picture["y"] + (picture["height"] - scale * size["height"]) / 2
    boxes = [dots.nth(n).bounding_box() for n in range(dots.count())]
    x, y = left + 0.3 * scale * size["width"], top + 0.6 * scale * size["height"]
    nearest = min(
        abs(box["x"] + box["width"] / 2 - x) + abs(box["y"] + box["height"] / 2 - y)
        for box in boxes
    )
    assert nearest < 3
    assert page.problems == []


def test_layers_are_switched_without_a_script(clicked, server, open_maintainer) -> None:
    clip_id, second = clicked
    page = open_maintainer(java_script_enabled=False)
    page.goto(f"{server.url}/review/clips/{clip_id}/{second}")
    heatmap = page.locator(".stage image.heat")
    expect(heatmap).to_be_hidden()
    page.get_by_label("Heatmap").check()
    expect(heatmap).to_be_visible()
    page.get_by_label("Clicks", exact=True).uncheck()
    expect(page.locator(".layer-clicks")).to_be_hidden()


def test_arrow_keys_go_through_the_clip(clicked, server, open_maintainer) -> None:
    clip_id, _ = clicked
    page = open_maintainer()
    page.goto(f"{server.url}/review/clips/{clip_id}/0")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**/review/clips/{clip_id}/1")
    page.get_by_label("Heatmap").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**/review/clips/{clip_id}/2")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(f"**/review/clips/{clip_id}/1")
    assert page.problems == []


def test_no_page_is_wider_than_a_phone(clicked, server, open_maintainer) -> None:
    clip_id, second = clicked
    page = open_maintainer(viewport={"width": 360, "height": 780}, is_mobile=True, has_touch=True)
    for path in ("/maintain", "/maintain/people", "/review", "/review/clips", "/maintain/audit"):
        page.goto(f"{server.url}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
    page.goto(f"{server.url}/review/clips/{clip_id}/{second}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
