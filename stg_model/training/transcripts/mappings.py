"""Transcripts in one object: the value of a JSON file, or of a pickle.

    {"video_id": {"start": [4.8], "end": [13.1], "text": ["first we ..."]}}     HowTo100M
    {"video_id": {"timestamps": [[47, 60]], "sentences": ["pick the ends"]}}    ActivityNet Captions
    {"database": {"video_id": {"annotations": [                                 YouCook2
        {"segment": [47, 60], "sentence": "pick the ends"}]}}}

Each video's entry is read by the keys that it has. Wrong values are quoted by `reprlib`: a pickle
of a few bytes can hold a value whose text would be endless.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dataset_builder.errors import InputError
from stg_model.training.transcripts.found import Row

Times = tuple[Any, Any, Any]


def rows_of(where: str, content: Any, problems: list[str]) -> Iterator[Row]:
    """Yield the sentences of all videos; an entry of no known layout becomes a problem.

    Args:
        where: the file.
        content: its value.
        problems: receives a line for each refused video or sentence.

    Raises:
        InputError: the value is no object, or an empty one.
    """
    if isinstance(content, Mapping) and isinstance(content.get("database"), Mapping):
        content = content["database"]
    if not isinstance(content, Mapping) or not content:
        raise InputError(
            f"{where}: expected an object from video_id to start, end and text, "
            f"got {'an empty one' if content == {} else type(content).__name__}"
        )
    for video_id, entry in content.items():
        video = f"{where}: video {reprlib.repr(video_id)}"
        if not isinstance(video_id, str):
            problems.append(f"{video} must be text")
            continue
        try:
            triples = list(_triples(entry))
        except InputError as error:
            problems.append(f"{video} {error}")
            continue
        for number, (start, end, text) in enumerate(triples):
            yield Row(f"{video}, sentence {number}", video_id, start, end, text)


def _triples(entry: Any) -> Iterator[Times]:
    if not isinstance(entry, Mapping):
        raise InputError(f"needs start, end and text, got {type(entry).__name__}")
    if "timestamps" in entry or "sentences" in entry:
        pairs, texts = _lists(entry, "timestamps", "sentences")
        yield from ((*_pair(pair), text) for pair, text in zip(pairs, texts, strict=True))
    elif "annotations" in entry:
        (annotations,) = _lists(entry, "annotations")
        for annotation in annotations:
            if not isinstance(annotation, Mapping):
                raise InputError(f"has an annotation that is no object, {reprlib.repr(annotation)}")
            yield (*_pair(annotation.get("segment")), annotation.get("sentence"))
    else:
        yield from zip(*_lists(entry, "start", "end", "text"), strict=True)


def _lists(entry: Mapping[Any, Any], *names: str) -> list[Sequence[Any]]:
    """Return lists of one length."""
    found = [entry.get(name) for name in names]
    lists: list[Sequence[Any]] = [value for value in found if isinstance(value, list)]
    if len(lists) < len(names):
        raise InputError(f"needs the lists {', '.join(names)}")
    if len({len(value) for value in lists}) > 1:
        lengths = ", ".join(f"{n} {len(v)}" for n, v in zip(names, lists, strict=True))
        raise InputError(f"needs lists of one length, got {lengths}")
    return lists


def _pair(value: Any) -> tuple[Any, Any]:
    """Return start and end; what is no pair comes back as a start that its row will refuse."""
    if isinstance(value, list) and len(value) == 2:
        return value[0], value[1]
    return [value], None
