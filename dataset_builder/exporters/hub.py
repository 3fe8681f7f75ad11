"""A release as a data set of the Hugging Face Hub whose splits can be loaded one by one.

    data/<table>/<split>.parquet   the rows of the videos of one split, in the table's order
    data/<table>/full.parquet      tables that speak of no video (actions, annotators), or are empty
    data/videos/without_clips.parquet   videos that no clip names, where there are any

`load_dataset(folder, "boxes", split="test")` reads one file. Every row of the release stands in
exactly one. A split without a row of a table has no file there: `datasets` cannot load an empty
one. The Hub's names of splits are made of letters, digits and `_`, so other characters become `_`.
Card, papers, report of changes and `croissant.json` lie beside, as in the release itself.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from dataset_builder import tables
from dataset_builder.changes_report import report_path
from dataset_builder.errors import InputError
from dataset_builder.exporters.croissant import write_croissant
from dataset_builder.exporters.huggingface import WHOLE, write_card, write_texts
from dataset_builder.release import TABLES, Release, write_release_tables
from dataset_builder.splits import videos_in_two_splits

WITHOUT_CLIPS = "without_clips"
_BY_CLIP = ("clips", "frames", "answers", "boxes", "tubes")
_ALL = "all"
"""What `datasets` calls all splits together; none may have this name."""


def write_hub(release: Release, folder: Path, source: Path | None = None) -> None:
    """Write a release into an existing folder, one file a table and split.

    Args:
        release: what to write.
        folder: an empty folder.
        source: the folder that the release was read from, for its report of what changed since its
            parent; where it is not given, the report is not part of the export.

    Raises:
        InputError: a video has clips of two splits, or two splits would have one name on the Hub.
    """
    split_names = hub_splits(release)
    by_clip = {clip.clip_id: split_names[clip.split] for clip in release.clips}
    by_video = {video.video_id: WITHOUT_CLIPS for video in release.videos}
    by_video |= {clip.video_id: split_names[clip.split] for clip in release.clips}
    write_release_tables(folder, release)
    splits: dict[str, list[str]] = {}
    for table in TABLES:
        path = folder / f"data/{table}.parquet"
        splits[table] = []
        if table == "videos":
            splits[table] = tables.divide(path, "video_id", by_video)
        elif table in _BY_CLIP:
            splits[table] = tables.divide(path, "clip_id", by_clip)
        if not splits[table]:
            path.with_suffix("").mkdir(exist_ok=True)
            path.rename(path.with_suffix("") / f"{WHOLE}.parquet")
            splits[table] = [WHOLE]
    if source is not None and release.parent:
        report = report_path(source, release.parent["version"])
        (folder / report.parent.name).mkdir()
        shutil.copyfile(report, folder / report.relative_to(source))
    write_texts(release, folder)
    write_card(release, folder / "README.md", splits)
    write_croissant(release, folder)


def hub_splits(release: Release) -> Mapping[str, str]:
    """Return the name on the Hub of each split of the clips.

    Raises:
        InputError: a video has clips of two splits, or two splits would have one name.
    """
    for video_id, splits in videos_in_two_splits(release.clips).items():
        raise InputError(
            f"video {video_id!r} has clips of the splits {' and '.join(splits)}; the Hub's files "
            "are by video: build the release with --set splits=..., or import the clips so"
        )
    named: dict[str, str] = {}
    for split in sorted({clip.split for clip in release.clips}):
        name = re.sub(r"\W", "_", split, flags=re.ASCII) or "_"
        name = f"{name}_" if name == _ALL else name
        twin = next((other for other, taken in named.items() if taken == name), None)
        if twin is not None:
            raise InputError(f"splits {twin!r} and {split!r} would both be {name!r} on the Hub")
        named[split] = name
    return named
