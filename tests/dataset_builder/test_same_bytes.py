"""The same snapshot and settings give the same bytes, wherever and however the program runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

BUILDS = """
import sys
from dataset_builder.cli import main

extra = sys.argv[1:]
named = ["--name", "demo", "--licence", "CC-BY-4.0", *extra]
robust = ["--set", "mode=robust", "--set", "tube_gap=filled_linearly"]
dealt = ["--set", "splits=train=1,test=1", "--set", "split_salt=a", "--set", "sigma=0.04"]
for arguments in (
    ["build", "snapshot", "paper", "--version", "1.0.0", *named],
    ["build", "snapshot", "robust", "--version", "2.0.0", "--parent", "paper", *named, *robust],
    ["build", "snapshot", "dealt", "--version", "3.0.0", "--parent", "robust", *named, *dealt],
):
    main(arguments, standalone_mode=False)
"""


@dataclass(frozen=True)
class Surroundings:
    """Where and how a program runs; `options` are further ones of `build`."""

    folder: str
    umask: int
    environment: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()


HERE = Surroundings("here", 0o022, {"TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"})
# The C locale without Python's own remedies: whoever forgets to name an encoding writes ASCII.
ELSEWHERE = Surroundings(
    "else where/größer",
    0o077,
    {
        "TZ": "America/Lima",
        "LC_ALL": "C",
        "LANG": "de_DE.UTF-8",
        "PYTHONHASHSEED": "2",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONUTF8": "0",
        "SOURCE_DATE_EPOCH": "86400",
        "OMP_NUM_THREADS": "1",
    },
    ("--processes", "2"),
)


def built(snapshot: Path, root: Path, surroundings: Surroundings) -> dict[str, bytes]:
    """Build the releases in other surroundings and return every file by its name."""
    place = root / surroundings.folder
    shutil.copytree(snapshot, place / "snapshot", copy_function=shutil.copyfile)
    done = subprocess.run(
        [sys.executable, "-c", BUILDS, *surroundings.options],
        cwd=place,
        env=os.environ | surroundings.environment,
        umask=surroundings.umask,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    files = (path for path in place.rglob("*") if path.is_file())
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def snapshot(make_snapshot, write_snapshot_folder, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("once") / "snapshot"
    return write_snapshot_folder(make_snapshot(n_clips=24, not_visible=0.1), folder)


@pytest.fixture(scope="module")
def reference(snapshot, tmp_path_factory) -> dict[str, bytes]:
    return built(snapshot, tmp_path_factory.mktemp("reference"), HERE)


OTHERS = [
    pytest.param(ELSEWHERE, id="another folder, time zone, locale, hash seed, umask, processes")
]


@pytest.mark.parametrize("surroundings", OTHERS)
def test_every_byte_is_the_same(snapshot, reference, tmp_path, surroundings):
    found = built(snapshot, tmp_path, surroundings)
    assert sorted(found) == sorted(reference)
    assert [name for name in found if found[name] != reference[name]] == []
    assert {name.split("/")[0] for name in found} == {"snapshot", "paper", "robust", "dealt"}
    assert "dealt/reports/diff-from-2.0.0.json" in found
