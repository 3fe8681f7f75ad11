"""Drawings of a small film in which a grey square moves, with records made by hand."""

from __future__ import annotations

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from dataset_builder.domain import Action
from dataset_builder.errors import InputError
from dataset_builder.geometry import Box, Point
from dataset_builder.predicted_heatmaps import write_heatmaps
from dataset_builder.predictions import (
    PointPrediction,
    Predictions,
    SecondPrediction,
    System,
    read_predictions,
    write_predictions,
)
from dataset_builder.video_readers import read_with_pyav
from stg_model.inference.drawing import film, sheet, text, timeline
from stg_model.inference.drawing.all_drawings import draw_predictions
from stg_model.inference.drawing.grounded import COLOURS, grounded_video

CUT, STIR = Action("schneide-möhre", "schneide Möhre"), Action("x-5-y_z", "нарезать $x_5^")
NAMED = [None, CUT, CUT, STIR, None]
PLACES = {1: Point(0.25, 0.5), 2: Point(0.75, 0.5), 3: Point(0.5, 0.25)}


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Five seconds, stored as 80x90, shown as 160x90: pixels are twice as wide as high."""
    path = tmp_path_factory.mktemp("video") / "v1.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=4)
        stream.width, stream.height, stream.pix_fmt = 80, 90, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)
        for n in range(20):
            image = np.full((90, 80, 3), 60, np.uint8)
            image[30:50, 2 * n : 2 * n + 10] = 120
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def grounded(video, tmp_path_factory):
    folder = tmp_path_factory.mktemp("said")
    rows, columns = np.mgrid[0:9, 0:16]
    heat = [(rows == int(p.y * 9)) & (columns == int(p.x * 16)) for _, p in sorted(PLACES.items())]
    references = write_heatmaps(folder, "heat.npy", np.array(heat, np.float16))
    seconds = [
        SecondPrediction(
            "v1",
            s,
            a and a.action_id,
            {CUT.action_id: 0.8 if a is CUT else 0.2, STIR.action_id: 0.7 if a is STIR else 0.1},
            0.4,
        )
        for s, a in enumerate(NAMED)
    ]
    points = [
        PointPrediction("v1", s, NAMED[s].action_id, p, box_round(p), 0.5, reference)
        for (s, p), reference in zip(sorted(PLACES.items()), references, strict=True)
    ]
    write_predictions(folder / "predictions.jsonl", System("hand"), seconds, points)
    return grounded_video(read_predictions(folder / "predictions.jsonl"), video, (CUT, STIR))


def box_round(point):
    return Box(point.x - 0.2, point.y - 0.2, point.x + 0.2, point.y + 0.2)


def decoded(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]


@pytest.fixture(scope="module")
def pictures(grounded, tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "a.mp4"
    assert film.write_film(grounded, path) == 5 * film.FILM_FPS
    return decoded(path)


def near(pixels, colour):
    return (np.abs(pixels.astype(int) - colour).max(axis=-1) < 60).sum()


def test_the_film_has_the_shown_aspect_with_a_strip_below_and_the_sources_length(pictures):
    height, width = pictures[0].shape[:2]
    strip = 2 * round(film.STRIP_SHARE * 480 / 2)
    assert (width, height) == (480, 270 + strip)
    assert len(pictures) == 5 * film.FILM_FPS


def test_heat_box_and_point_stand_where_the_record_of_the_second_says(pictures):
    for second, place in PLACES.items():
        picture = pictures[second * film.FILM_FPS][:270]
        x, y = round(place.x * 480), round(place.y * 270)
        colour = COLOURS[0] if NAMED[second] is CUT else COLOURS[1]
        left = round((place.x - 0.2) * 480)
        assert near(picture[y - 20 : y + 20, left - 1 : left + 5], colour) > 20
        ring = picture[y - 12 : y + 12, x - 12 : x + 12]
        assert near(ring, (255, 255, 255)) > 30
        beside = picture[y - 3 : y + 3, x + 16 : x + 22].astype(int)
        assert (beside[..., 0] - beside[..., 2]).mean() > 40  # warm on grey


def test_nothing_stands_on_the_background(pictures):
    picture = pictures[0][40:270].astype(int)
    assert np.ptp(picture, axis=-1).max() < 12  # grey all over


def test_the_strip_shows_each_segment_in_its_colour_and_a_cursor_that_moves(pictures):
    band = pictures[0][270 + 4 : 270 + 8]
    for second, colour in ((1, COLOURS[0]), (2, COLOURS[0]), (3, COLOURS[1])):
        x = round((second + 0.85) / 5 * 479)
        assert near(band[:, x - 2 : x + 2], colour) > 8
    cursors = [int(p[-6:].min(axis=-1).mean(axis=0).argmax()) for p in pictures]
    assert cursors[0] < 4
    assert all(later >= before for before, later in itertools.pairwise(cursors))
    assert cursors[-1] > 460


def test_between_two_seconds_of_one_action_the_nearer_place_is_shown_and_heat_is_mixed(grounded):
    early, late = grounded.at(1.25), grounded.at(1.75)
    assert (early.point, late.point) == (PLACES[1], PLACES[2])
    assert early.heat.max() == pytest.approx(0.75)
    assert early.heat[4, 12] == late.heat[4, 4] == pytest.approx(0.25)
    last = grounded.at(2.75)  # the next second names something else
    assert last.point == PLACES[2]
    assert last.heat.max() == 1


def test_a_film_waits_for_each_picture_and_leaves_out_damaged_ones(grounded, tmp_path, monkeypatch):
    ahead, taken = [], []

    def read(survey, times_s, size, damage):
        for shown in read_with_pyav(survey, times_s, size, damage):
            ahead.append(shown.wanted - len(taken))
            if shown.wanted not in (20, 21):
                yield shown
            else:
                taken.append(shown.wanted)

    def drawn(*arguments):
        taken.append(1)
        return film_picture(*arguments)

    film_picture = film._film_picture
    monkeypatch.setattr(film, "read_with_pyav", read)
    monkeypatch.setattr(film, "_film_picture", drawn)
    assert film.write_film(grounded, tmp_path / "a.mp4") == 5 * film.FILM_FPS - 2
    assert set(ahead) == {0}
    with av.open(str(tmp_path / "a.mp4")) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert max(np.diff(times)) == pytest.approx(3 / film.FILM_FPS)  # the picture before stays


def test_the_sheet_shows_every_segment_before_it_shows_one_twice(grounded, tmp_path):
    assert sheet.write_sheet(grounded, tmp_path / "s.png") == [1, 2, 3]
    picture = np.asarray(Image.open(tmp_path / "s.png"))
    assert near(picture, COLOURS[0]) > 500
    assert near(picture, COLOURS[1]) > 500


def records(names):
    return Predictions(
        System("s"),
        {
            ("v1", s): SecondPrediction("v1", s, a, {a: 1 - s / 1000} if a else {})
            for s, a in enumerate(names)
        },
    )


def test_of_many_segments_the_surest_get_a_tile_and_of_none_even_steps(video):
    many = grounded_video(records(["a", None] * 40), video)
    assert sheet.chosen_seconds(many) == list(range(0, 2 * sheet.MAX_TILES, 2))
    none = grounded_video(records([None] * 100), video)
    found = sheet.chosen_seconds(none)
    assert (found[0], found[-1], len(found)) == (0, 99, 12)


def test_the_timeline_has_a_row_for_each_action_and_reads_no_name_as_a_formula(grounded, tmp_path):
    timeline.write_timeline(grounded, tmp_path / "t.png")
    picture = np.asarray(Image.open(tmp_path / "t.png").convert("RGB"))
    exact = [(np.abs(picture.astype(int) - c).max(axis=-1) < 3) for c in COLOURS[:2]]
    cut_columns, stir_columns = (np.flatnonzero(mask.sum(axis=0) > 20) for mask in exact)
    # Two seconds against one, one after the other, on one axis.
    assert len(cut_columns) == pytest.approx(2 * len(stir_columns), rel=0.05)
    assert cut_columns[-1] <= stir_columns[0] + 2


def test_of_many_actions_the_named_ones_stand_in_the_timeline(video, tmp_path):
    names = [f"a{n:02}" for n in range(40)]
    seconds = {
        ("v1", s): SecondPrediction("v1", s, "a39", {n: 0.0 for n in names}) for s in range(3)
    }
    many = grounded_video(Predictions(System("s"), seconds), video)
    rows = [action.action_id for action in timeline.shown_actions(many)]
    assert len(rows) == timeline.MAX_ROWS
    assert rows[-1] == "a39"
    timeline.write_timeline(many, tmp_path / "t.png")


def test_an_action_keeps_its_letters_and_loses_what_no_font_has(caplog, monkeypatch):
    assert text.drawable("нарезать\tñß") == "нарезать ñß"
    assert caplog.text == ""
    monkeypatch.setattr(text, "_machine_fonts", lambda: ())
    text._font_with.cache_clear()
    assert text.drawable("切る") == "\N{REPLACEMENT CHARACTER}" * 2
    assert "no font on this machine has '切'" in caplog.text
    text._font_with.cache_clear()


def test_a_long_name_is_cut_where_it_no_longer_fits():
    name = "cut the very long carrot into thin slices"
    short = text.shortened(name, 14, 120)
    assert short.endswith("…")
    assert text.text_width(short, 14) <= 120 < text.text_width(name, 14)
    assert text.shortened(name, 14, 1000) == name


def test_a_video_that_the_file_does_not_speak_of_is_refused(grounded, tmp_path):
    with pytest.raises(InputError, match="have no second of video 'v2'"):
        grounded_video(records(["a"]), tmp_path / "v2.mp4")


def test_all_three_drawings_of_a_file_stand_in_one_folder(grounded, video, tmp_path):
    file = grounded.folder / "predictions.jsonl"
    paths = draw_predictions(video, file, (), tmp_path / "new")
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == sorted(p.name for p in paths)
