"""Frames with their pictures as WebDataset shards: tar files that training programs stream.

    <split>-<shard, six digits>.tar    <frame, eight digits>.jpg  .json   for each frame

One sample is one frame of one clip. Its JSON has `clip_id`, `video_id`, `second`, `split`,
`is_benchmark`, `action_id`, `action` (the phrase), `clicks` ([x, y]), `box` ([x1, y1, x2, y2] or
null), `rule` and `reason` (why there is no box); coordinates are fractions of the picture. The same
release and pictures give the same bytes: no times, owners or machine in the archive.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from dataset_builder import tables
from dataset_builder.errors import InputError
from dataset_builder.exporters.pictures import picture_path
from dataset_builder.exporters.seconds import LabelledFrame, labelled_frames
from dataset_builder.release import Release

SHARD_FRAMES = 1000
"""Frames a shard: about 100 MB of pictures."""


def write_webdataset(
    release: Release, folder: Path, store: Path, shard_frames: int = SHARD_FRAMES
) -> None:
    """Write the shards of each split into an existing folder.

    Raises:
        InputError: the store lacks a picture, or a split's name cannot be a file's.
    """
    phrases = {action.action_id: action.description for action in release.actions}
    for split in sorted({clip.split for clip in release.clips}):
        if not re.fullmatch(r"[\w-]+", split):
            raise InputError(f"split {split!r} names files here: use letters, digits, '_' and '-'")
        frames = (f for f in labelled_frames(release) if f.clip.split == split)
        for number, mine in enumerate(_shards(frames, shard_frames)):
            path = folder / f"{split}-{number:06d}.tar"
            with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as shard:
                for index, frame in enumerate(mine, start=number * shard_frames):
                    _add_sample(shard, f"{index:08d}", frame, phrases, store)


def _shards(frames: Iterator[LabelledFrame], size: int) -> Iterator[list[LabelledFrame]]:
    while shard := list(islice(frames, size)):
        yield shard


def _add_sample(
    shard: tarfile.TarFile, key: str, frame: LabelledFrame, phrases: dict[str, str], store: Path
) -> None:
    consensus = frame.consensus
    where = f"frame {consensus.clip_id}/{consensus.second}"
    picture = picture_path(store, consensus.image_sha256, where).read_bytes()
    text = tables.compact_json(_described(frame, phrases[frame.clip.action_id]))
    for suffix, content in (("jpg", picture), ("json", text.encode())):
        member = tarfile.TarInfo(f"{key}.{suffix}")
        member.size = len(content)
        shard.addfile(member, io.BytesIO(content))


def _described(frame: LabelledFrame, phrase: str) -> dict[str, Any]:
    box = frame.box
    return {
        "clip_id": frame.clip.clip_id,
        "video_id": frame.clip.video_id,
        "second": frame.consensus.second,
        "split": frame.clip.split,
        "is_benchmark": frame.clip.is_benchmark,
        "action_id": frame.clip.action_id,
        "action": phrase,
        "clicks": [[click.x, click.y] for click in frame.clicks],
        "box": [box.x1, box.y1, box.x2, box.y2] if box else None,
        "rule": frame.rule,
        "reason": frame.consensus.reason,
    }
