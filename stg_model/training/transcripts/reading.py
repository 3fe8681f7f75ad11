"""Read narration from whatever layout it has: a file, or a folder of files.

    .json .pickle .pkl    many videos in one object        (mappings, plain_pickle)
    .csv                  one video, or many by video_id   (tables)
    .srt .vtt             one video                        (subtitles)

Files of one video are named by its id; a language may follow, as in `ID.en.vtt`.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

from dataset_builder import tables as bytes_of
from dataset_builder.errors import InputError
from stg_model.training.transcripts import mappings, subtitles, tables
from stg_model.training.transcripts.found import Found, Transcripts
from stg_model.training.transcripts.plain_pickle import read_plain_pickle

logger = logging.getLogger(__name__)

SUFFIXES = (".json", ".pickle", ".pkl", ".csv", ".srt", ".vtt")

_LANGUAGE = re.compile(r"\.[a-z]{2,3}(-[A-Za-z0-9]{1,8})*")


def read_transcripts(source: Path) -> Transcripts:
    """Read a file, or every file of a folder in the order of their names.

    Returns:
        What could be read. Refused rows and, in a folder, refused files are its problems.

    Raises:
        InputError: there is no such file, it is of no known kind, it is damaged as a whole, or
            nothing in it is a sentence.
    """
    found = Found()
    files = _files(source, found)
    for path in files:
        try:
            _read_file(path, found)
        except InputError as error:
            if len(files) == 1:
                raise
            found.problems.append(str(error))
    transcripts = found.transcripts()
    if not transcripts.videos:
        first = f"; the first: {found.problems[0]}" if found.problems else ""
        raise InputError(f"{source}: holds no sentence ({len(found.problems)} problems{first})")
    logger.info(
        "%s: %d videos, %d sentences", source, len(transcripts.videos), transcripts.n_sentences
    )
    return transcripts


def digest_of(source: Path) -> str:
    """Return the SHA-256 of a file, or of a folder's file names and digests."""
    if source.is_file():
        return bytes_of.sha256_file(source)
    lines = [f"{bytes_of.sha256_file(path)}  {path.name}\n" for path in _files(source, Found())]
    return bytes_of.sha256_bytes("".join(lines).encode())


def video_id_of(path: Path) -> str:
    """Return the id of the video that a file is named by.

    >>> [video_id_of(Path(name)) for name in ("a1.csv", "a1.en.vtt", "a1.en-US.srt", "a.b1.srt")]
    ['a1', 'a1', 'a1', 'a.b1']
    """
    stem = Path(path.stem)
    return stem.stem if stem.stem and _LANGUAGE.fullmatch(stem.suffix) else str(stem)


def _files(source: Path, found: Found) -> list[Path]:
    if source.is_dir():
        inside = sorted(path for path in source.iterdir() if path.is_file())
        files = [path for path in inside if path.suffix.lower() in SUFFIXES]
        found.n_passed_over = len(inside) - len(files)
    else:
        files = [source]
    if not files or files[0].suffix.lower() not in SUFFIXES:
        raise InputError(f"{source}: expected a {' '.join(SUFFIXES)} file, or a folder of such")
    return files


def _read_file(path: Path, found: Found) -> None:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        rows = tables.rows_of(path, video_id_of(path), found.problems)
        found.add_file(str(path), rows)
    elif suffix in (".srt", ".vtt"):
        cues, n_repeated = subtitles.rows_of(path, video_id_of(path), found.problems)
        found.add_file(str(path), cues)
        found.n_repeated += n_repeated
    else:
        content = bytes_of.read_json(path) if suffix == ".json" else read_plain_pickle(path)
        found.add_file(str(path), mappings.rows_of(str(path), content, found.problems))
