"""The page's pure functions, called in the browser that runs them."""

from __future__ import annotations

import re
from pathlib import Path

import annot_server.static
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.browser

STATIC = Path(annot_server.static.__file__).parent
TEMPLATE = Path(annot_server.__file__).parent / "templates" / "annotate.html"
RECT = {"left": 10, "top": 20, "width": 400, "height": 200}


@pytest.fixture(scope="module")
def call(server, browser):
    """A function that calls an exported function of one of the page's modules."""
    page = browser.new_page()
    page.goto(f"{server.url}/join/unknown")

    def call_module(module, function, *args):
        return page.evaluate(
            """async ([url, name, args]) => {
                const module = await import(url);
                return typeof module[name] === "function" ? module[name](...args) : module[name];
            }""",
            [f"/static/{module}.js", function, list(args)],
        )

    yield call_module
    page.close()


def place(x, y):
    return {"clientX": x, "clientY": y}


@pytest.mark.parametrize(
    ("room", "source", "size"),
    [
        ((1440, 900), (1280, 720), (1440, 810)),  # width decides
        ((1000, 500), (400, 800), (250, 500)),  # height decides
        ((1440, 900), (426, 240), (852, 480)),  # never more than twice as large
        ((390, 600), (1280, 720), (390, 219)),  # whole pixels
        ((0, 0), (1280, 720), (1, 1)),  # a window without room still has a size
    ],
)
def test_a_frame_fits_its_room(room, source, size, call):
    named = [{"width": width, "height": height} for width, height in (room, source)]
    fitted = call("coordinates", "fitFrame", *named)
    assert (fitted["width"], fitted["height"]) == size


@pytest.mark.parametrize(
    ("at", "point"),
    [
        ((10, 20), (0, 0)),
        ((410, 220), (1, 1)),
        ((110, 70), (0.25, 0.25)),
        ((10.5, 20), (0.00125, 0)),
        ((9.9, 100), None),
        ((200, 220.5), None),
    ],
)
def test_a_place_in_the_window_is_a_point_of_the_frame(at, point, call):
    found = call("coordinates", "pointAt", place(*at), RECT)
    expected = None if point is None else {"x": point[0], "y": point[1]}
    assert found == (expected if expected is None else pytest.approx(expected))
    if point:
        back = call("coordinates", "placeOf", found, RECT)
        assert (back["clientX"], back["clientY"]) == pytest.approx(at)


def test_the_cross_hair_steps_one_or_five_percent_or_a_pixel_and_stays_inside(call):
    rect = {"left": 7, "top": 9, "width": 400, "height": 200}

    def step(x, y, key, size="small", zoom=1):
        point = call("coordinates", "stepped", {"x": x, "y": y}, key, size, rect, zoom)
        return point["x"], point["y"]

    assert step(0.5, 0.5, "ArrowLeft") == (0.49, 0.5)
    assert step(0.5, 0.5, "ArrowDown", "large") == (0.5, 0.55)
    assert step(0.5, 0.5, "ArrowRight", "pixel") == (0.5025, 0.5)
    assert step(0.5, 0.5, "ArrowUp", "pixel") == (0.5, 0.495)
    assert step(0.5, 0.5, "ArrowLeft", "large", 5) == (0.49, 0.5), "of what is in view"
    assert step(0.005, 0.5, "ArrowLeft") == (0, 0.5)
    assert step(0.98, 0.5, "ArrowRight", "large") == (1, 0.5)
    assert step(0.34, 0.5, "ArrowRight") == (0.35, 0.5), "no binary dust"


def test_digits_name_ninths_as_on_a_number_pad(call):
    whole = {"left": 0, "top": 0, "size": 1}
    middles = {
        digit: call("coordinates", "middleOf", call("coordinates", "ninth", whole, digit))
        for digit in (7, 9, 5, 1)
    }
    low, high = pytest.approx(1 / 6, abs=1e-6), pytest.approx(5 / 6, abs=1e-6)
    assert middles[7] == {"x": low, "y": low}
    assert middles[9] == {"x": high, "y": low}
    assert middles[5] == {"x": 0.5, "y": 0.5}
    assert middles[1] == {"x": low, "y": high}


def test_three_digits_search_a_twenty_seventh_of_the_width(call):
    area = {"left": 0, "top": 0, "size": 1}
    for digit in (9, 1, 5):
        area = call("coordinates", "ninth", area, digit)
    assert area["size"] == pytest.approx(1 / 27)
    assert area["left"] == pytest.approx(2 / 3 + 0 + 1 / 27)
    assert area["top"] == pytest.approx(0 + 2 / 9 + 1 / 27)


@given(
    scale=st.floats(1, 8),
    to=st.floats(1, 8),
    middle=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    at=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
@settings(max_examples=60, deadline=None)
def test_zooming_keeps_the_point_under_the_pointer_and_the_frame_covered(
    call, scale, to, middle, at
):
    look = call("coordinates", "lookedAt", {"scale": scale, "x": middle[0], "y": middle[1]})
    # The picture's point at a fraction of its frame, and back.
    point = {
        "x": look["x"] + (at[0] - 0.5) / scale,
        "y": look["y"] + (at[1] - 0.5) / scale,
    }
    zoomed = call("coordinates", "zoomedAt", look, to, point)
    assert zoomed["scale"] == to
    for axis, fraction in zip("xy", at, strict=True):
        left, right = (zoomed[axis] - 0.5 / to, zoomed[axis] + 0.5 / to)
        assert left >= -1e-9
        assert right <= 1 + 1e-9
        is_at_an_edge = left < 1e-9 or right > 1 - 1e-9
        seen_at = (point[axis] - zoomed[axis]) * to + 0.5
        assert is_at_an_edge or seen_at == pytest.approx(fraction, abs=1e-9)


@pytest.mark.parametrize(
    ("press", "painted_at", "last", "reason"),
    [
        ({"begunAt": 100, "place": place(5, 5)}, None, None, "early"),
        ({"begunAt": 100, "place": place(5, 5)}, 100.5, None, "early"),
        ({"begunAt": 100, "place": None}, 100.5, None, "early"),
        ({"begunAt": 101, "place": place(5, 5)}, 100.5, None, None),
        # 6 px and less, before 700 ms: the second click of a double click
        ({"begunAt": 799, "place": place(9, 5)}, 100, (0, place(5, 9)), "same_place"),
        ({"begunAt": 800, "place": place(9, 5)}, 100, (0, place(5, 9)), None),
        ({"begunAt": 200, "place": place(11.1, 5)}, 100, (0, place(5, 5)), None),
        # 400 ms from one N to the next
        ({"begunAt": 399, "place": None}, 100, (0, None), "not_visible_again"),
        ({"begunAt": 400, "place": None}, 100, (0, None), None),
        # one kind of answer does not hold the other back
        ({"begunAt": 200, "place": None}, 100, (0, place(5, 5)), None),
        ({"begunAt": 200, "place": place(5, 5)}, 100, (0, None), None),
    ],
)
def test_what_the_arming_rule_holds_back(press, painted_at, last, reason, call):
    before = last and {"answeredAt": last[0], "place": last[1]}
    assert call("arming", "heldBack", press, painted_at, before) == reason


@pytest.mark.parametrize(
    ("wanted", "language"),
    [(["de-AT", "en"], "de"), (["fr", "de"], "de"), (["fr"], "en"), ([""], "en")],
)
def test_the_first_language_that_there_is_is_chosen(wanted, language, call):
    assert call("strings", "chosenLanguage", wanted) == language


def test_every_sentence_stands_in_every_language_with_the_same_places(call):
    tables = call("strings", "STRINGS")
    english = tables["en"]
    for language, table in tables.items():
        assert table.keys() == english.keys(), language
        for key, text in table.items():
            assert text.strip(), f"{language}.{key}"
            assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", english[key]))


def test_the_page_asks_for_no_sentence_that_is_missing_and_none_is_left_over(call):
    template = TEMPLATE.read_text()
    asked = set(re.findall(r'data-(?:string|label)="(\w+)"', template))
    code = "".join(path.read_text() for path in STATIC.glob("*.js") if path.stem != "strings")
    keys = {re.sub("_(one|other)$", "", key) for key in call("strings", "STRINGS")["en"]}
    quoted = set(re.findall(r'"(\w+)"', code + template))
    composed = {"waiting_offline", "waiting_signed_out", "waiting_someone_else"}
    assert asked <= keys
    assert set(re.findall(r'\bt\("(\w+)"', code)) <= keys
    assert keys - {"other"} <= asked | quoted | composed


def test_every_module_of_the_page_is_fetched_at_once():
    """A module that is not preloaded is found only after another has been read: a round trip."""
    needed, unread = set(), {"annotate"}
    while unread:
        source = (STATIC / f"{unread.pop()}.js").read_text()
        found = set(re.findall(r'from "\./(\w+)\.js"', source)) - needed
        needed |= found
        unread |= found
    (listed,) = re.findall(r"for module in \[(.*?)\]", TEMPLATE.read_text())
    assert sorted(needed) == re.findall(r'"(\w+)"', listed)
