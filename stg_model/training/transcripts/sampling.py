"""Choose which videos to train on: by category, number and seed, from a list such as HowTo100M's.

`HowTo100M_v1.csv` has the columns `video_id,category_1,category_2,rank,task_id`; any CSV file with
`video_id` and `category_1` will do. A video may stand there for several tasks.

The choice is the videos with the smallest SHA-256 of seed and id. So it does not depend on the
file's order, each number's choice holds that of a smaller number, and no random generator has to
stay the same for it to be repeated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from dataset_builder import tables
from dataset_builder.domain import check_video_id
from dataset_builder.errors import InputError
from dataset_builder.importers.csv_rows import Record, optional_text_of, read_rows, text_of

FORMAT = "grounding-video-list"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class SampleSettings:
    """How videos are chosen."""

    category: str | None
    """Value of category_1 or category_2, such as "Food and Entertaining"; None takes all."""
    count: int | None
    """How many; None takes all of the category."""
    seed: int = 0
    """Another seed, another choice."""


@dataclass(frozen=True, slots=True)
class VideoList:
    """Chosen videos in the order of their ids, and how they were chosen."""

    settings: SampleSettings
    catalogue_sha256: str
    n_matching: int
    videos: tuple[str, ...]
    problems: tuple[str, ...] = ()


def sample_videos(catalogue: Path, settings: SampleSettings) -> VideoList:
    """Choose videos of a catalogue; refused rows are the list's problems.

    Raises:
        InputError: the catalogue cannot be read, the category is not in it (those that are, are
            named), or it holds fewer videos than asked for.
    """
    categories, problems = read_catalogue(catalogue)
    wanted = settings.category
    matching = [v for v, names in categories.items() if wanted is None or wanted in names]
    if not matching:
        known = sorted({name for names in categories.values() for name in names})
        raise InputError(f"{catalogue}: has no category {wanted!r}; it has {', '.join(known)}")
    if settings.count is not None and settings.count > len(matching):
        raise InputError(
            f"{catalogue}: holds {len(matching)} such videos, fewer than {settings.count}"
        )
    chosen = sorted(matching, key=lambda video_id: (_rank(settings.seed, video_id), video_id))
    return VideoList(
        settings,
        tables.sha256_file(catalogue),
        len(matching),
        tuple(sorted(chosen[: settings.count])),
        problems,
    )


def read_catalogue(path: Path) -> tuple[Mapping[str, frozenset[str]], tuple[str, ...]]:
    """Return the categories of each video, and one line of text for each refused row.

    Raises:
        InputError: the file is missing, is no CSV, lacks a column, or has no good row.
    """

    def read_row(_line: int, record: Record) -> tuple[str, frozenset[str]]:
        names = (optional_text_of(record, name) for name in ("category_1", "category_2"))
        return check_video_id(text_of(record, "video_id")), frozenset(filter(None, names))

    rows, problems = read_rows(path, ("video_id", "category_1"), read_row)
    if not rows:
        raise InputError(f"{path}: names no video")
    categories: dict[str, frozenset[str]] = {}
    for video_id, names in rows:
        categories[video_id] = categories.get(video_id, frozenset()) | names
    return categories, problems


def write_video_list(path: Path, chosen: VideoList) -> None:
    """Write a list with its settings as JSON."""
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "settings": asdict(chosen.settings),
        "catalogue_sha256": chosen.catalogue_sha256,
        "n_matching": chosen.n_matching,
        "videos": list(chosen.videos),
    }
    with tables.replaced_file(path) as temporary:
        temporary.write_text(tables.canonical_json(content), encoding="utf-8", newline="")


def read_video_list(path: Path) -> tuple[str, ...]:
    """Return the ids of a list that `write_video_list` wrote, or of a text file, one a line.

    Raises:
        InputError: the file is neither, is empty, or holds what is no id.
    """
    if path.suffix == ".json":
        content = tables.read_json(path)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise InputError(f"{path}: is no {FORMAT}; write one with sample-videos")
        videos = content.get("videos")
    else:
        try:
            videos = path.read_text(encoding="utf-8-sig").split()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read as a list of videos ({error})") from error
    if not isinstance(videos, list) or not videos:
        raise InputError(f"{path}: names no video")
    if not all(isinstance(video_id, str) for video_id in videos):
        raise InputError(f"{path}: videos must be ids, as text")
    return tuple(check_video_id(video_id) for video_id in videos)


def _rank(seed: int, video_id: str) -> bytes:
    return hashlib.sha256(f"{seed}:{video_id}".encode()).digest()
