"""The videos, clips, frames and pictures of a generated project."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageDraw

from annot_server.config import Home
from dataset_builder.domain import Segment, action_id_for, clip_id_for
from dataset_builder.frames import image_path

SIZES = ((1280, 720), (640, 360), (640, 480), (480, 854))
N_PICTURES = 24
VERBS = """
    add boil chop cook cover crack cut drain dip fold fry grate heat knead melt mix peel pour roll
    season slice spread sprinkle stir strain taste toast turn wash whisk wrap zest
"""
THINGS = """
    bacon batter bread butter cabbage carrots cheese chicken chillies cream dough eggs fish flour
    garlic herbs lemon mushrooms noodles oil onions pan pasta pepper potatoes rice salt sauce soup
    sugar tomatoes water
"""


@dataclass(frozen=True)
class Size:
    """How large a project is made."""

    videos: int = 250
    clips: int = 5_091
    actions: int = 512
    frames: int = 27_000
    people: int = 60
    days: int = 30


@dataclass
class Layout:
    """The clips and frames of a project; frame ids count from 1 in the order of the lists."""

    videos: list[dict[str, Any]] = field(default_factory=list)
    clips: list[dict[str, Any]] = field(default_factory=list)
    frames: list[dict[str, Any]] = field(default_factory=list)
    first_frame: list[int] = field(default_factory=list)
    size_of: dict[str, tuple[int, int]] = field(default_factory=dict)

    def frames_of(self, n: int) -> range:
        """Return the frame ids of the n-th clip."""
        end = self.first_frame[n + 1] if n + 1 < len(self.first_frame) else len(self.frames) + 1
        return range(self.first_frame[n], end)


def write_pictures(home: Home) -> dict[tuple[int, int], list[str]]:
    """Write a few small pictures of each size to the frame store; return their names by size."""
    names: dict[tuple[int, int], list[str]] = {}
    for width, height in SIZES:
        for n in range(N_PICTURES // len(SIZES)):
            content = _picture(width // 2, height // 2, n)
            name = hashlib.sha256(content).hexdigest()
            path = image_path(home.frame_store, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            names.setdefault((width, height), []).append(name)
    return names


def _picture(width: int, height: int, n: int) -> bytes:
    """Return a JPEG of a table with a few round things on it."""
    rng = np.random.default_rng(n)
    rows = np.linspace(0.75, 1.1, height)[:, None, None]
    ground = rows * np.array([150, 126, 104]) * np.ones((height, width, 3))
    ground += rng.normal(0, 3, (height, width, 1))
    picture = PIL.Image.fromarray(ground.clip(0, 255).astype(np.uint8))
    pen = PIL.ImageDraw.Draw(picture)
    for _ in range(7):
        x, y, r = rng.uniform(0, width), rng.uniform(height * 0.2, height), rng.uniform(12, 46)
        shade = tuple(int(v) for v in rng.uniform(50, 230, 3))
        pen.ellipse((x - r, y - r * 0.7, x + r, y + r * 0.7), fill=shade, outline=(70, 60, 50))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def actions_of(n: int) -> list[dict[str, Any]]:
    """Return the rows of the first n actions: a verb and a thing each."""
    phrases = [f"{verb} {thing}" for thing in THINGS.split() for verb in VERBS.split()][:n]
    return [{"action_id": action_id_for(phrase), "description": phrase} for phrase in phrases]


def lay_out(
    size: Size, pictures: Mapping[tuple[int, int], Sequence[str]], rng: np.random.Generator
) -> Layout:
    """Deal clips of one to some thirty seconds to the videos, and frames to the clips."""
    layout = Layout()
    lengths = 1 + rng.geometric(1 / (size.frames / size.clips - 1 + 1e-9), size.clips) - 1
    lengths = np.clip(lengths, 1, 40)
    while (missing := size.frames - int(lengths.sum())) != 0:
        chosen = rng.integers(size.clips, size=abs(missing))
        np.add.at(lengths, chosen, np.sign(missing))
        lengths = np.clip(lengths, 1, 40)
    actions = [action["action_id"] for action in actions_of(size.actions)]
    popularity = 1 / (np.arange(len(actions)) + 8) ** 0.7
    dealt = rng.choice(len(actions), size.clips, p=popularity / popularity.sum())
    dealt[: len(actions)] = rng.permutation(len(actions))[: size.clips]  # each at least once
    bounds = np.linspace(0, size.clips, size.videos + 1).astype(int)
    for v, (first, last) in enumerate(pairwise(bounds)):
        video_id, shape = f"video{v:04d}", SIZES[v % len(SIZES)]
        layout.size_of[video_id] = shape
        start = 5
        for n in range(first, last):
            length = int(lengths[n])
            _add_clip(
                layout,
                video_id=video_id,
                action_id=actions[dealt[n]],
                start=start,
                length=length,
                pictures=pictures[shape],
                n=n,
            )
            start += length + int(rng.integers(1, 20))
        layout.videos.append(
            {
                "video_id": video_id,
                "width": shape[0],
                "height": shape[1],
                "duration_s": float(start),
                "sha256": hashlib.sha256(video_id.encode()).hexdigest(),
            }
        )
    return layout


def _add_clip(
    layout: Layout,
    *,
    video_id: str,
    action_id: str,
    start: int,
    length: int,
    pictures: Sequence[str],
    n: int,
) -> None:
    is_benchmark = n % 3 != 0
    clip_id = clip_id_for(video_id, Segment(start, start + length), action_id)
    layout.first_frame.append(len(layout.frames) + 1)
    layout.clips.append(
        {
            "clip_id": clip_id,
            "video_id": video_id,
            "action_id": action_id,
            "start_s": float(start),
            "end_s": float(start + length),
            "split": "test" if is_benchmark else "train",
            "is_benchmark": is_benchmark,
            "priority": 0,
            "is_gold": False,
        }
    )
    for second in range(start, start + length):
        layout.frames.append(
            {
                "id": len(layout.frames) + 1,
                "clip_id": clip_id,
                "second": second,
                "timestamp_s": float(second),
                "image_sha256": pictures[(n + second) % len(pictures)],
                "is_middle_frame": False,
                "redundancy": 5,
                "hint_quota": 0 if is_benchmark else 2,
            }
        )
