"""Splits by video: which set each clip belongs to, so that no video stands in two.

Clips of one video show the same kitchen, so a system that was trained on one of them has seen the
others. A video's split is a function of its id, the named shares and a salt alone: its place in
[0, 1) is the SHA-256 of salt and id, and the shares divide that interval in the order in which they
are named. Videos that come or go later therefore move no other video. Other shares or another salt
do move videos, which asks for a major version.

Where no shares are named, the splits are those that the clips were imported with.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction

from dataset_builder.domain import Clip
from dataset_builder.errors import InputError

_DIGEST_BITS = 256


def parse_shares(text: str) -> dict[str, Fraction]:
    """Return the share of each split, in the order of the text; together they are 1.

    >>> {name: float(share) for name, share in parse_shares("train=8,test=2").items()}
    {'train': 0.8, 'test': 0.2}
    >>> parse_shares("")
    {}

    Args:
        text: `name=number` pairs with commas between; the numbers are decimal, above 0 and need not
            add up to 1. Names are letters, digits, `_`, `-`.

    Raises:
        InputError: it has another form, or a name stands twice.
    """
    weights: dict[str, Fraction] = {}
    for pair in text.split(",") if text else ():
        match = re.fullmatch(r"\s*([\w-]+)\s*=\s*(\d{1,9}(?:\.\d{1,9})?)\s*", pair, re.ASCII)
        if not match or not Fraction(match[2]):
            raise InputError(
                f"splits {text!r} must look like train=0.8,test=0.2, with shares above 0; "
                f"got {pair!r}"
            )
        if match[1] in weights:
            raise InputError(f"splits {text!r} name {match[1]!r} twice")
        weights[match[1]] = Fraction(match[2])
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def split_of_video(video_id: str, shares: Mapping[str, Fraction], salt: str = "") -> str:
    """Return the split of a video, whatever other videos there are.

    >>> shares = parse_shares("train=0.8,test=0.2")
    >>> [split_of_video(f"v{n}", shares) for n in range(6)]
    ['train', 'train', 'train', 'train', 'test', 'test']

    Args:
        video_id: id of the video.
        shares: at least one, as `parse_shares` gives them.
        salt: another salt deals the videos anew.
    """
    digest = hashlib.sha256(f"{salt}\n{video_id}".encode()).digest()
    place = Fraction(int.from_bytes(digest, "big"), 2**_DIGEST_BITS)
    end = Fraction(0)
    for name, share in shares.items():
        end += share
        if place < end:
            return name
    raise ValueError(f"shares must add up to 1, got {dict(shares)}")


def with_splits(
    clips: Iterable[Clip], shares: Mapping[str, Fraction], salt: str, benchmark: Iterable[str]
) -> tuple[Clip, ...]:
    """Return the clips in the splits of their videos; those of `benchmark` splits are scored.

    Without shares they stay as they are.
    """
    if not shares:
        return tuple(clips)
    scored = set(benchmark)
    splits: dict[str, str] = {}
    placed = []
    for clip in clips:
        if clip.video_id not in splits:
            splits[clip.video_id] = split_of_video(clip.video_id, shares, salt)
        split = splits[clip.video_id]
        placed.append(replace(clip, split=split, is_benchmark=split in scored))
    return tuple(placed)


def videos_in_two_splits(clips: Iterable[Clip]) -> dict[str, tuple[str, ...]]:
    """Return the splits of each video whose clips are of more than one, in order."""
    found: dict[str, set[str]] = {}
    for clip in clips:
        found.setdefault(clip.video_id, set()).add(clip.split)
    return {
        video_id: tuple(sorted(splits))
        for video_id, splits in sorted(found.items())
        if len(splits) > 1
    }


def counts_by_split(
    clips: Iterable[Clip], frame_clips: Iterable[str], named: Iterable[str] = ()
) -> dict[str, dict[str, int]]:
    """Return how many videos, clips and frames each split has, in the order of the names.

    >>> counts_by_split([], [], ["test"])
    {'test': {'videos': 0, 'clips': 0, 'frames': 0}}

    Args:
        clips: all clips.
        frame_clips: the `clip_id` of each frame.
        named: splits that are counted even where no clip is of them.
    """
    split_of = {clip.clip_id: (clip.split, clip.video_id) for clip in clips}
    n_clips = Counter(split for split, _ in split_of.values())
    n_videos = Counter(split for split, _ in set(split_of.values()))
    n_frames: Counter[str] = Counter()
    for clip_id, n in Counter(frame_clips).items():
        n_frames[split_of[clip_id][0]] += n
    return {
        split: {"videos": n_videos[split], "clips": n_clips[split], "frames": n_frames[split]}
        for split in sorted({*n_clips, *named})
    }
