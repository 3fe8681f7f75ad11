"""Published files of GroundingYouTube's form, made from clicks as the public ones were."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataset_builder.official.files import RawFile, read_folder
from dataset_builder.official.reported import report_official

BATCH_A = "pumpkin_youtube_annotation_full_agg_subset"
BATCH_B = "pumpkin_youtube_FPS_21k_annotation_full_agg_p"
HOST = "https://clicks.example/data"
WIDE, TALL = "landscape_1", "portrait_22"


@dataclass(frozen=True)
class Task:
    """What people clicked on one step at one second, in pixels of the stretched frame."""

    video_id: str
    second: int
    step: str
    clicks: Sequence[tuple[float, float]] = ()
    batch: str = "B"


@dataclass(frozen=True)
class Source:
    """What the files are made from; segments are `(first, last, sentence)`."""

    sizes: Mapping[str, tuple[int, int]]
    segments: Mapping[str, Sequence[tuple[int, int, str]]]
    tasks: Sequence[Task]
    overwritten: Mapping[tuple[str, int], str] = field(default_factory=dict)


def around(x: float, y: float, n: int = 5) -> list[tuple[float, float]]:
    """Return `n` clicks whose mean is this place, 10 px to each side at most."""
    sides = [(-10, -10), (10, 10), (-10, 10), (10, -10), (0, 0)] if n == 5 else [(-10, 0), (10, 0)]
    return [(x + dx, y + dy) for dx, dy in (sides if n > 1 else [(0, 0)])]


def indented_brackets_below(value: dict[str, Any]) -> str:
    """Write a file of segments with every bracket on its own line."""
    lines = []
    for video_id, entries in value.items():
        items = ",\n".join(
            '        {\n            "segment":\n            [\n'
            f"                {e['segment'][0]},\n"
            f"                {e['segment'][1]}\n            ],\n"
            f'            "id": {e["id"]},\n'
            f'            "sentence": {json.dumps(e["sentence"])}\n        }}'
            for e in entries
        )
        body = f"[\n{items}\n    ]" if entries else "[]"
        gap = "\n    " if entries else " "
        lines.append(f'    "{video_id}":{gap}{body}')
    return "{\n" + ",\n".join(lines) + "\n}"


def stretched(size: tuple[int, int]) -> tuple[int, int]:
    return (480, 640) if size[1] > size[0] else (640, 480)


def published_box(task: Task) -> list[int]:
    """Return the union of the clicks with 100 px round it, cut as the public boxes were."""
    clicks = np.array(task.clicks)
    (x1, y1), (x2, y2) = clicks.min(axis=0) - 100, clicks.max(axis=0) + 100
    return [int(max(x1, 0)), int(max(y1, 0)), int(min(x2, 480)), int(min(y2, 640))]


def mean_row(task: Task, size: tuple[int, int]) -> dict[str, Any]:
    native = task.batch == "A"
    names = ("mean_x", "mean_y") if native else ("x", "y")
    folder = "frames_step" if native else f"FPS_21k/{task.video_id}"
    step = task.step.replace(" ", "_")
    row: dict[str, Any] = {"image_url": f"{HOST}/{folder}/{task.video_id}_{task.second}_{step}.jpg"}
    if not task.clicks:
        return row | dict.fromkeys((*names, "mean_dist"))
    clicks = np.array(task.clicks, dtype=float)
    if native:
        clicks *= np.array(size) / stretched(size)
    mean = clicks.mean(axis=0)
    distance = np.hypot(*(clicks - mean).T).mean()
    values = (round(float(v), 10) for v in (*mean, distance))
    return row | dict(zip((*names, "mean_dist"), values, strict=True))


def boxes_of(tasks: Sequence[Task], min_clicks: int, batches: str = "AB") -> dict[str, Any]:
    """Return the boxes by video and second; of two for one second the later stands."""
    boxes: dict[str, dict[str, Any]] = {}
    for task in tasks:
        mine = boxes.setdefault(task.video_id, {})
        if len(task.clicks) >= min_clicks and task.batch in batches:
            box = {"box": published_box(task), "step": task.step.replace("_", " ")}
            mine[str(task.second)] = box
    return boxes


def trimmed(source: Source, boxes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, list[Any]] = {}
    for video_id, spans in source.segments.items():
        mine = found.setdefault(video_id, [])
        for number, (first, last, sentence) in enumerate(spans):
            seconds = [s for s in range(first, last + 1) if str(s) in boxes.get(video_id, {})]
            if seconds:
                name = source.overwritten.get((video_id, number), sentence.replace("_", " "))
                segment = [seconds[0], seconds[-1]]
                mine.append({"segment": segment, "id": number, "sentence": name})
    return found


def files_of(source: Source) -> dict[str, str]:
    """Return the text of the fourteen files by name."""
    agreed, every = boxes_of(source.tasks, 3), boxes_of(source.tasks, 1)
    plain = {
        name: {v: {s: b["box"] for s, b in mine.items()} for v, mine in boxes.items()}
        for name, boxes in (
            ("agree", agreed), ("new_s", every), ("b", boxes_of(source.tasks, 1, "B")),
        )
    }  # fmt: skip
    listed = {
        v: [{"second": int(s), "box": b["box"], "step_name": b["step"]} for s, b in mine.items()]
        for v, mine in agreed.items()
    }
    segments = {
        v: [{"segment": [a, b], "id": n, "sentence": t} for n, (a, b, t) in enumerate(spans)]
        for v, spans in source.segments.items()
    }
    ground = trimmed(source, every)
    short = {
        v: [e | {"id": n} for n, e in enumerate(e for e in mine if 3 <= np.ptp(e["segment"]) <= 20)]
        for v, mine in ground.items()
    }
    steps = {v: [*dict.fromkeys(e["sentence"] for e in mine), "background"]
             for v, mine in short.items()}  # fmt: skip
    frames = {v: stretched(size) for v, size in source.sizes.items()}
    ratios = {v: [f / s for f, s in zip(frames[v], z, strict=True)]
              for v, z in source.sizes.items()}  # fmt: skip
    means = {
        batch: [mean_row(t, source.sizes[t.video_id]) for t in source.tasks if t.batch == batch]
        for batch in "AB"
    }
    return {
        "GoundingYouTubeBox": json.dumps(agreed),
        "box_anno": json.dumps(listed) + "\n",
        "id2xy_box_agree": json.dumps(plain["agree"], indent=4),
        "id2xy_box_new_s": json.dumps(plain["new_s"]),
        "id2xy_box": json.dumps(plain["b"]),
        "seg": json.dumps(segments),
        "ground_seg": json.dumps(ground),
        "ground_seg_3to20": indented_brackets_below(short),
        "vid2step": json.dumps(steps),
        "id2wh": json.dumps({v: list(size) for v, size in source.sizes.items()}, indent=4),
        "id2wh_new": json.dumps({v: list(size) for v, size in frames.items()}, indent=4),
        "id2wh_reso": json.dumps(ratios, indent=4),
        BATCH_A: json.dumps(means["A"], separators=(",", ":")).replace("/", "\\/"),
        BATCH_B: json.dumps(means["B"], separators=(",", ":")),
    }


SOURCE = Source(
    sizes={WIDE: (1280, 720), TALL: (360, 480)},
    segments={
        WIDE: [
            (2, 5, "crack_egg"),
            (5, 7, "beat_egg"),
            (9, 9, "add_salt"),
            (12, 13, "purée_it"),
            (20, 22, "crack_eggs"),
            (30, 33, "flip_pancake"),
            (40, 44, "flip_pancakke"),
        ],
        TALL: [(1, 2, "crack_egg")],
    },
    tasks=[
        Task(WIDE, 2, "crack_egg", around(200, 200)),
        Task(WIDE, 3, "crack_egg", around(560, 300), "A"),  # cut on the right: x2 would be 640
        Task(WIDE, 4, "crack_egg", (), "A"),
        Task(WIDE, 4, "crack_egg", around(420, 200, n=2)),  # two clicks only
        Task(WIDE, 5, "crack_egg", around(200, 400)),  # the next one takes its place
        Task(WIDE, 5, "beat_egg", around(100, 420)),  # reaches below the frame
        Task(WIDE, 6, "beat_egg", around(595, 240)),  # inside out: x1 485, x2 480
        Task(WIDE, 7, "beat_egg", around(450, 240)),  # cut, and the mean lies inside
        Task(WIDE, 9, "add_salt", around(300, 240)),
        Task(WIDE, 12, "puru00e9e_it", around(300, 240)),
        Task(WIDE, 13, "purée_it", around(300, 240), "A"),
        Task(WIDE, 13, "puru00e9e_it"),
        Task(WIDE, 30, "flip_pancake", around(50, 240)),
        Task(WIDE, 33, "flip_pancake", around(300, 240)),
        *(Task(WIDE, second, "flip_pancakke", around(300, 240)) for second in range(40, 44)),
        Task(TALL, 1, "crack_egg", around(240, 560), "A"),  # below 480, and in its frame
        Task(TALL, 2, "crack_egg", around(400, 100)),  # ends at its frame's right side
    ],
    overwritten={(WIDE, 0): "beat egg"},
)
"""One of each defect; `test_defects.py` counts them."""


@pytest.fixture
def publish(tmp_path) -> Callable[..., Path]:
    """Return a function that writes the fourteen files of a source into a folder."""

    def write(source: Source = SOURCE, name: str = "published") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for stem, text in files_of(source).items():
            (folder / f"{stem}.json").write_bytes(text.encode())
        return folder

    return write


@pytest.fixture(scope="session")
def official_folder() -> Path:
    """Return the folder of the real files, or skip."""
    shared = Path(os.environ.get("SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
    if not (shared / "groundingyoutube").is_dir():
        pytest.skip("needs the official files (SHARED_DATA)")
    return shared / "groundingyoutube"


@pytest.fixture(scope="session")
def official_files(official_folder) -> dict[str, RawFile]:
    """Return the real files, read."""
    return read_folder(official_folder)


@pytest.fixture(scope="session")
def official_report(official_folder, tmp_path_factory) -> tuple[dict[str, Any], Path]:
    """Return the figures of the real files, and the folder of the pages on them."""
    out = tmp_path_factory.mktemp("official") / "pages"
    return report_official(official_folder, out), out
