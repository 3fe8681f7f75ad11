"""The row in the database is the place that was clicked, whatever the picture's size and screen."""

from __future__ import annotations

import itertools

import pytest

pytestmark = pytest.mark.browser

POINTS = [
    (0.0, 0.0),
    (1.0, 0.0),
    (0.0, 1.0),
    (1.0, 1.0),
    (0.5, 0.5),
    (0.123, 0.877),
    (1 / 3, 2 / 3),
]
HALF_PIXEL = 0.5
WINDOWS = {
    "desktop": {"viewport": {"width": 1440, "height": 900}, "device_scale_factor": 1},
    "sharp screen": {"viewport": {"width": 1280, "height": 720}, "device_scale_factor": 2},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 3,
        "has_touch": True,
        "is_mobile": True,
    },
}


@pytest.mark.parametrize("window", WINDOWS)
def test_every_row_is_the_place_clicked(window, server, browser, new_annotator):
    """Ordinary, wide, tall and tiny frames; corners, centre and odd places."""
    context = browser.new_context(**WINDOWS[window])
    person = new_annotator(server, context.new_page())
    person.join()
    is_phone = window == "phone"
    clicked = {}
    for n in range(20):
        box = person.picture()
        x, y = POINTS[n % len(POINTS)]
        left, top = person.place(x, y)
        frame_id = person.click(x, y, touch=is_phone)
        clicked[frame_id] = (box, left - box["x"], top - box["y"])
    rows = {row["frame_id"]: row for row in person.answers()}
    assert rows.keys() == clicked.keys()
    for frame_id, (box, x_px, y_px) in clicked.items():
        row = rows[frame_id]
        assert abs(row["x"] * box["width"] - x_px) <= HALF_PIXEL
        assert abs(row["y"] * box["height"] - y_px) <= HALF_PIXEL
        assert row["display_width"] == round(box["width"])
        assert row["device_pixel_ratio"] == WINDOWS[window]["device_scale_factor"]
        assert row["pointer"] == ("touch" if is_phone else "mouse")
    assert len({row["clip_id"] for row in rows.values()}) == 5, "all shapes were seen"
    context.close()


def test_a_frame_keeps_its_aspect_and_is_never_drawn_more_than_twice_as_large(annotator):
    sizes = {}
    across = itertools.cycle((0.2, 0.4, 0.6, 0.8))
    while len(sizes) < 4:
        source = annotator.page.evaluate(
            "(({naturalWidth: w, naturalHeight: h}) => [w, h])"
            "(document.querySelector('#picture img'))"
        )
        sizes[tuple(source)] = annotator.picture()
        annotator.click(next(across), 0.5)
    for (width, height), box in sizes.items():
        assert box["width"] <= 2 * width
        assert abs(box["width"] / box["height"] - width / height) < 0.02 * width / height
    assert sizes[96, 64]["width"] == 192
