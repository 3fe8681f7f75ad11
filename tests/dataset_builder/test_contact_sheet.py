from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image, ImageColor

from dataset_builder.build import build_release
from dataset_builder.contact_sheet import (
    BOX_COLOUR,
    COLUMNS,
    HEADER_PX,
    HEADING_PX,
    MARGIN_PX,
    SHEET_WIDTH_PX,
    TILE_PX,
    WARN,
    write_contact_sheet,
)
from dataset_builder.domain import Action, Clip, Segment, Video
from dataset_builder.errors import InputError, OutputError
from dataset_builder.frames import image_path
from dataset_builder.geometry import Point
from dataset_builder.snapshot import AnswerRow, FrameRow, Snapshot
from dataset_builder.tables import sha256_bytes

GREY = (90, 90, 90)
TOP = HEADER_PX + HEADING_PX
CORNER = (MARGIN_PX, TOP)


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


def put_image(store, size=(640, 480), colour=GREY) -> str:
    """Store a plain image under its digest, and return the digest."""
    buffer = BytesIO()
    Image.new("RGB", size, colour).save(buffer, format="JPEG")
    digest = sha256_bytes(buffer.getvalue())
    path = image_path(store, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())
    return digest


def a_release(image_sha256, clicks, n_frames=1, phrase="crack egg", assisted=False):
    """Return a release of one clip whose frames all have the same image and clicks."""
    clip = Clip("clip", "video", "crack-egg", Segment(0, n_frames), is_benchmark=False)
    frames = [FrameRow("clip", s, float(s), image_sha256, 640, 480, 5) for s in range(n_frames)]
    answers = [
        AnswerRow("clip", frame.second, f"person-{i}", place, prelabel_shown=assisted)
        for frame in frames
        for i, place in enumerate(clicks)
    ]
    snapshot = Snapshot(
        "s",
        "00" * 32,
        (Video("video", 640, 480, 30.0, "ab" * 32),),
        (Action("crack-egg", phrase),),
        (clip,),
        tuple(frames),
        tuple(answers),
    )
    return build_release(snapshot, name="demo", version="1.0.0")


def drawn(release, store, tmp_path, **options) -> Image.Image:
    write_contact_sheet(release, store, tmp_path / "sheet.png", **options)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.format == "PNG"
        return sheet.convert("RGB")


def tile_of(sheet: Image.Image) -> Image.Image:
    return sheet.crop((*CORNER, CORNER[0] + TILE_PX, CORNER[1] + TILE_PX * 480 // 640))


def near(pixel, colour, tolerance=40) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(pixel, colour, strict=True))


def test_clicks_heatmap_and_box_stand_where_they_belong(store, tmp_path):
    clicks = [Point(0.5, 0.5)] * 3
    tile = tile_of(drawn(a_release(put_image(store), clicks), store, tmp_path))
    width, height = tile.size
    assert near(tile.getpixel((width // 2, height // 2)), (255, 255, 255))
    glow = tile.getpixel((width // 2 + 10, height // 2))
    assert glow[0] - glow[2] > 60, "a warm glow beside the click"
    left = round((0.5 - 100 / 640) * width)
    row = [tile.getpixel((x, height // 2)) for x in range(left - 2, left + 4)]
    assert any(near(pixel, ImageColor.getrgb(BOX_COLOUR)) for pixel in row)
    assert near(tile.getpixel((5, 5)), GREY)


def test_a_click_with_a_hint_looks_different_from_a_blind_one(store, tmp_path):
    digest = put_image(store)
    blind = tile_of(drawn(a_release(digest, [Point(0.5, 0.5)] * 3), store, tmp_path))
    release = a_release(digest, [Point(0.5, 0.5)] * 3, assisted=True)
    assisted = tile_of(drawn(release, store, tmp_path, force=True))
    centre = (blind.width // 2, blind.height // 2)
    assert blind.getpixel(centre)[0] > 200
    assert assisted.getpixel(centre)[0] < 80


@pytest.mark.parametrize("clicks", [[], [None] * 5, [Point(0.5, 0.5), None, None]])
def test_a_frame_without_a_box_says_why_in_another_colour(store, tmp_path, clicks):
    sheet = drawn(a_release(put_image(store), clicks), store, tmp_path)
    below = sheet.crop((MARGIN_PX, TOP + 225, MARGIN_PX + TILE_PX, TOP + 280))
    colours = {colour for _, colour in below.getcolors(maxcolors=100_000)}
    assert ImageColor.getrgb(WARN) in colours
    tile_colours = tile_of(sheet).getcolors(maxcolors=1_000_000)
    assert not any(near(c, ImageColor.getrgb(BOX_COLOUR), 10) for _, c in tile_colours)


def test_a_missing_image_leaves_the_others_in_place(store, tmp_path):
    release = a_release(put_image(store), [Point(0.5, 0.5)] * 3, n_frames=2)
    frames = (replace(release.frames[0], image_sha256="cd" * 32), release.frames[1])
    sheet = drawn(replace(release, frames=frames), store, tmp_path)
    tile = tile_of(sheet)
    assert not near(tile.getpixel((150, 100)), GREY)
    assert tile.getpixel((150, 100)) == tile.getpixel((290, 200))


def test_many_frames_wrap_into_rows(store, tmp_path):
    digest = put_image(store)
    one = drawn(a_release(digest, []), store, tmp_path)
    full = drawn(a_release(digest, [], n_frames=COLUMNS), store, tmp_path, force=True)
    more = drawn(a_release(digest, [], n_frames=COLUMNS + 1), store, tmp_path, force=True)
    assert one.size == full.size
    assert full.width == more.width == SHEET_WIDTH_PX
    assert more.height > full.height + 200


def test_a_large_release_is_drawn_in_part_and_the_numbers_say_so(store, tmp_path):
    release = a_release(put_image(store), [], n_frames=7)
    assert write_contact_sheet(release, store, tmp_path / "a.png", max_frames=3) == (3, 7)
    assert write_contact_sheet(release, store, tmp_path / "b.png", clip_ids=["clip"]) == (7, 7)


def test_any_action_phrase_can_be_a_heading(store, tmp_path):
    phrase = "Möhre würfeln 切る " * 40
    drawn(a_release(put_image(store), [], phrase=phrase), store, tmp_path)


def test_an_unknown_clip_is_refused_by_name(store, tmp_path):
    with pytest.raises(InputError, match="clip 'other' is not in this release"):
        drawn(a_release(put_image(store), []), store, tmp_path, clip_ids=["other"])


def test_a_store_of_other_images_is_refused(store, tmp_path):
    with pytest.raises(InputError, match="is it the right frame store"):
        drawn(a_release("ef" * 32, []), store, tmp_path)


def test_a_damaged_image_is_refused_by_name(store, tmp_path):
    digest = put_image(store)
    path = image_path(store, digest)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(InputError, match=rf"{digest}\.jpg: cannot be read as an image"):
        drawn(a_release(digest, []), store, tmp_path)


def test_a_release_without_frames_is_refused(store, tmp_path):
    release = replace(a_release(put_image(store), []), frames=())
    with pytest.raises(InputError, match="no frames to draw"):
        drawn(release, store, tmp_path)


def test_an_existing_picture_is_never_overwritten_unasked(store, tmp_path):
    (tmp_path / "sheet.png").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        drawn(a_release(put_image(store), []), store, tmp_path)
    assert (tmp_path / "sheet.png").read_text() == "mine"
