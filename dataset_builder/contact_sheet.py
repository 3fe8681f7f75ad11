"""A picture of a release to look at: every frame with its clicks, heatmap and box, clip by clip.

Each frame shows its second and counts, and where it has no box, why. Small clips stand side by
side, large ones wrap into rows. Text is drawn with Pillow's own font, which has ASCII only, so
accents are dropped and other scripts become "?".
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dataset_builder import tables
from dataset_builder.errors import InputError, OutputError
from dataset_builder.frames import image_path
from dataset_builder.fusion.heatmap import heatmap
from dataset_builder.geometry import Box
from dataset_builder.release import Consensus, Release, counts_of
from dataset_builder.settings import BuildSettings, read_settings
from dataset_builder.snapshot import AnswerRow, answers_by_frame

DEFAULT_MAX_FRAMES = 100
COLUMNS = 5
TILE_PX = 300
GAP_PX = 16
MARGIN_PX = 32
HEADING_PX = 58
CAPTION_PX = 44
HEADER_PX = 112
SHEET_WIDTH_PX = 2 * MARGIN_PX + COLUMNS * TILE_PX + (COLUMNS - 1) * GAP_PX

PAPER, INK, FAINT, WARN = "#fafaf8", "#1c1c1a", "#6b6b66", "#a14a00"
BOX_COLOUR, CLICK_COLOUR, EDGE_COLOUR = "#2ff3e0", "#ffffff", "#101010"
HEAT_RAMP = (
    (0.0, (60, 9, 101)),
    (0.35, (187, 55, 84)),
    (0.7, (249, 142, 9)),
    (1.0, (252, 255, 164)),
)
HEAT_OPACITY = 0.72
REASONS = {
    "unanswered": "no box: nobody has answered",
    "not_visible": "no box: not visible, {n} of {n} say",
    "too_few_clicks": "no box: {clicks} of {needed} clicks needed",
}
_OVERSAMPLE = 2
"""Tiles are drawn twice as large and scaled down, since Pillow draws lines without smoothing."""


@dataclass(frozen=True, slots=True)
class _Tile:
    frame: Consensus
    answers: tuple[AnswerRow, ...]
    box: Box | None


@dataclass(frozen=True, slots=True)
class _Source:
    """Where images come from, and the settings that the picture needs."""

    store: Path
    sigma: float
    min_clicks: int


@dataclass(frozen=True, slots=True)
class _Group:
    """The tiles of one clip under its heading."""

    title: str
    subtitle: str
    tiles: tuple[_Tile, ...]

    @property
    def columns(self) -> int:
        return min(len(self.tiles), COLUMNS)

    @property
    def width_px(self) -> int:
        return self.columns * (TILE_PX + GAP_PX) - GAP_PX

    def row_height_px(self) -> int:
        return max(_tile_size(tile.frame)[1] for tile in self.tiles) + CAPTION_PX

    def height_px(self) -> int:
        rows = -(-len(self.tiles) // COLUMNS)
        return HEADING_PX + rows * (self.row_height_px() + GAP_PX)


def write_contact_sheet(
    release: Release,
    store: Path,
    out: Path,
    *,
    clip_ids: Sequence[str] = (),
    max_frames: int = DEFAULT_MAX_FRAMES,
    force: bool = False,
) -> tuple[int, int]:
    """Draw a contact sheet as PNG.

    Args:
        release: the release to show.
        store: frame store that holds its images; a missing image is a grey tile that says so.
        out: the file to write.
        clip_ids: only these clips; all where empty.
        max_frames: frames drawn at most, in order of video, time and clip.
        force: replace `out` where it exists.

    Returns:
        Frames drawn, and frames there were to draw.

    Raises:
        InputError: an unknown clip, nothing to draw, no image in the store, or a damaged one.
        OutputError: `out` exists and `force` is not set.
    """
    if out.exists() and not force:
        raise OutputError(f"{out}: exists already; choose another place or pass --force")
    chosen = _chosen_frames(release, clip_ids)
    shown = chosen[:max_frames]
    if not any(image_path(store, frame.image_sha256).is_file() for frame in shown):
        raise InputError(f"{store}: holds no image of these frames; is it the right frame store?")
    sheet = _sheet(release, shown, len(chosen), store)
    with tables.replaced_file(out) as temporary:
        sheet.save(temporary, format="PNG")
    return len(shown), len(chosen)


def _chosen_frames(release: Release, clip_ids: Sequence[str]) -> list[Consensus]:
    known = {clip.clip_id for clip in release.clips}
    for clip_id in clip_ids:
        if clip_id not in known:
            raise InputError(f"clip {clip_id!r} is not in this release")
    frames = [f for f in release.frames if not clip_ids or f.clip_id in clip_ids]
    if not frames:
        raise InputError("there are no frames to draw")
    start = {c.clip_id: (c.video_id, c.segment.start_s, c.segment.end_s) for c in release.clips}
    return sorted(frames, key=lambda f: (start[f.clip_id], f.clip_id, f.second))


def _sheet(release: Release, frames: Sequence[Consensus], total: int, store: Path) -> Image.Image:
    is_from_clicks = release.derivation == "clicks"
    settings = read_settings(release.settings) if is_from_clicks else BuildSettings()
    source = _Source(store, settings.sigma, settings.min_clicks)
    bands = _bands(_groups(release, frames))
    height = HEADER_PX + sum(max(g.height_px() for g in band) for band in bands) + MARGIN_PX
    sheet = Image.new("RGB", (SHEET_WIDTH_PX, height), PAPER)
    _draw_header(sheet, release, len(frames), total)
    top = HEADER_PX
    for band in bands:
        left = MARGIN_PX
        for group in band:
            _draw_group(sheet, (left, top), group, source)
            left += group.width_px + GAP_PX
        top += max(group.height_px() for group in band)
    return sheet


def _groups(release: Release, frames: Sequence[Consensus]) -> list[_Group]:
    answers = answers_by_frame(release.answers)
    phrases = {action.action_id: action.description for action in release.actions}
    clips = {clip.clip_id: clip for clip in release.clips}
    tiles: dict[str, list[_Tile]] = {}
    for frame in frames:
        key = (frame.clip_id, frame.second)
        tile = _Tile(frame, tuple(answers.get(key, ())), release.boxes.get(key))
        tiles.setdefault(frame.clip_id, []).append(tile)
    groups = []
    for clip_id, mine in tiles.items():
        clip = clips[clip_id]
        n_boxes = sum(tile.box is not None for tile in mine)
        subtitle = (
            f"{clip.video_id}, {clip.segment.start_s:g} to {clip.segment.end_s:g} s, "
            f"{n_boxes} of {len(mine)} with a box"
        )
        groups.append(_Group(phrases[clip.action_id], subtitle, tuple(mine)))
    return groups


def _bands(groups: Sequence[_Group]) -> list[list[_Group]]:
    """Return the groups in rows of at most `COLUMNS` tiles; a larger group has a row of its own."""
    bands: list[list[_Group]] = []
    free = 0
    for group in groups:
        if group.columns > free:
            bands.append([])
            free = COLUMNS
        bands[-1].append(group)
        free -= group.columns
    return bands


def _draw_header(sheet: Image.Image, release: Release, drawn: int, total: int) -> None:
    draw = ImageDraw.Draw(sheet)
    counts = counts_of(release)
    draw.text((MARGIN_PX, 24), _ascii(f"{release.name} {release.version}"), INK, _font(30))
    left_out = "" if drawn == total else f", {total - drawn:,} more not drawn"
    line = (
        f"{counts['frames']:,} frames, {counts['boxes']:,} with a box, "
        f"{counts['answers']:,} answers, {counts['clicks']:,} of them clicks.   "
        f"Drawn: {drawn:,} frames{left_out}."
    )
    draw.text((MARGIN_PX, 66), line, FAINT, _font(16))
    _draw_legend(draw)


def _draw_legend(draw: ImageDraw.ImageDraw) -> None:
    font = _font(16)
    right, middle = SHEET_WIDTH_PX - MARGIN_PX, 42
    for label in ("box", "heatmap", "click, hint was shown", "click"):
        left = right - round(font.getlength(label))
        draw.text((left, middle - 10), label, INK, font)
        mark = left - 28
        if label == "box":
            area = (mark, middle - 8, mark + 20, middle + 8)
            draw.rectangle(area, outline=EDGE_COLOUR, width=4)
            draw.rectangle(area, outline=BOX_COLOUR, width=2)
        elif label == "heatmap":
            for step in range(20):
                colour = tuple(int(c) for c in _ramp(np.array([step / 19]))[0])
                draw.rectangle((mark + step, middle - 7, mark + step, middle + 7), fill=colour)
        else:
            _draw_click(draw, (mark + 12, middle), 1, assisted="hint" in label)
        right = mark - 26


def _draw_group(
    sheet: Image.Image, corner: tuple[int, int], group: _Group, source: _Source
) -> None:
    draw = ImageDraw.Draw(sheet)
    left, top = corner
    draw.line((left, top, left + group.width_px, top), fill="#d8d8d2", width=1)
    draw.text((left, top + 8), _fitted(group.title, 20, group.width_px), INK, _font(20))
    draw.text((left, top + 34), _fitted(group.subtitle, 14, group.width_px), FAINT, _font(14))
    row_height = group.row_height_px()
    for index, tile in enumerate(group.tiles):
        row, column = divmod(index, COLUMNS)
        x = left + column * (TILE_PX + GAP_PX)
        y = top + HEADING_PX + row * (row_height + GAP_PX)
        picture = _picture(tile, source)
        sheet.paste(picture, (x, y))
        _draw_caption(draw, (x, y + picture.height + 5), tile, source.min_clicks)


def _draw_caption(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], tile: _Tile, min_clicks: int
) -> None:
    frame = tile.frame
    x, y = corner
    clicks = "1 click" if frame.n_clicks == 1 else f"{frame.n_clicks} clicks"
    counts = f"{clicks}, {frame.n_answers} of {frame.redundancy} answers"
    draw.text((x, y), f"{frame.second} s", INK, _font(15))
    offset = _font(15).getlength(f"{frame.second} s") + 10
    draw.text((x + offset, y), _fitted(counts, 15, TILE_PX - round(offset)), FAINT, _font(15))
    if tile.box is not None:
        spread = (
            "" if frame.spread is None else f"spread {100 * frame.spread:.1f} % of the diagonal"
        )
        draw.text((x, y + 19), spread, FAINT, _font(14))
    else:
        text = REASONS.get(frame.reason, f"no box: {frame.reason or 'none was given'}").format(
            n=frame.n_answers, clicks=frame.n_clicks, needed=min_clicks
        )
        draw.text((x, y + 19), _fitted(text, 14, TILE_PX), WARN, _font(14))


def _picture(tile: _Tile, source: _Source) -> Image.Image:
    """Return a frame's image with heatmap, box and clicks, as wide as a tile."""
    size = _tile_size(tile.frame)
    path = image_path(source.store, tile.frame.image_sha256)
    if not path.is_file():
        missing = Image.new("RGB", size, "#c9c9c4")
        text = "image not in the frame store"
        ImageDraw.Draw(missing).text((12, 12), text, INK, _font(14))
        return missing
    large = (size[0] * _OVERSAMPLE, size[1] * _OVERSAMPLE)
    try:
        with Image.open(path) as image:
            picture = image.convert("RGB").resize(large, Image.Resampling.LANCZOS)
    except OSError as error:
        raise InputError(f"{path}: cannot be read as an image ({error}); cut it again") from error
    clicks = [answer.point for answer in tile.answers if answer.point]
    if clicks:
        grid = (large[1], large[0])
        heat = heatmap(clicks, large, grid=grid, sigma=source.sigma, normalise="peak")
        opacity = (HEAT_OPACITY * np.sqrt(heat))[..., None]
        mixed = (1 - opacity) * np.asarray(picture) + opacity * _ramp(heat)
        picture = Image.fromarray(mixed.astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    if tile.box is not None:
        _draw_box(draw, tile.box, large)
    for answer in tile.answers:
        if answer.point:
            centre = (answer.point.x * large[0], answer.point.y * large[1])
            _draw_click(draw, centre, _OVERSAMPLE, assisted=answer.prelabel_shown)
    return picture.resize(size, Image.Resampling.BOX)


def _draw_box(draw: ImageDraw.ImageDraw, box: Box, size: tuple[int, int]) -> None:
    width, height = size[0] - 1, size[1] - 1
    area = (box.x1 * width, box.y1 * height, box.x2 * width, box.y2 * height)
    draw.rectangle(area, outline=EDGE_COLOUR, width=4 * _OVERSAMPLE)
    inner = (area[0] + 2, area[1] + 2, area[2] - 2, area[3] - 2)
    draw.rectangle(inner, outline=BOX_COLOUR, width=2 * _OVERSAMPLE)


def _draw_click(
    draw: ImageDraw.ImageDraw, centre: tuple[float, float], scale: int, *, assisted: bool
) -> None:
    """Draw a dot, or a ring where a hint was shown."""
    x, y = centre
    outer, inner, hole = 5 * scale, 3.5 * scale, 1.5 * scale
    draw.ellipse((x - outer, y - outer, x + outer, y + outer), fill=EDGE_COLOUR)
    draw.ellipse((x - inner, y - inner, x + inner, y + inner), fill=CLICK_COLOUR)
    if assisted:
        draw.ellipse((x - hole, y - hole, x + hole, y + hole), fill=EDGE_COLOUR)


def _tile_size(frame: Consensus) -> tuple[int, int]:
    """Return the size of a frame in the sheet: it fits a square of `TILE_PX`, shape kept."""
    scale = TILE_PX / max(frame.width, frame.height)
    return max(1, round(frame.width * scale)), max(1, round(frame.height * scale))


def _ramp(values: np.ndarray) -> np.ndarray:
    """Return the colours of values in 0..1, shape (..., 3), 0..255."""
    places = [place for place, _ in HEAT_RAMP]
    channels = [[colour[channel] for _, colour in HEAT_RAMP] for channel in range(3)]
    return np.stack([np.interp(values, places, channel) for channel in channels], axis=-1)


def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise OutputError("this Pillow was built without FreeType; install the wheel from PyPI")
    return font


def _fitted(text: str, size: int, width_px: int) -> str:
    """Return the text, shortened with "..." until it fits the width."""
    text, font = _ascii(text), _font(size)
    if font.getlength(text) <= width_px:
        return text
    while text and font.getlength(text + "...") > width_px:
        text = text[:-1]
    return text + "..."


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text)
    letters = [c for c in plain if not unicodedata.combining(c)]
    return "".join(c if " " <= c <= "~" else "?" for c in letters)
