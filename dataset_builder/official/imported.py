"""The folder that `import-official` writes, and what is read back from it.

imported/
  manifest.json  SHA256SUMS
  raw/           what the published files hold, row by row; see `files`
  faithful/      a release folder with its card: what the public loader gives
  repaired/      the same, where asked for; see `repaired`
  reports/       defects.json, defects.parquet; repairs.json, repairs.txt, repairs.parquet
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from dataset_builder import tables
from dataset_builder.build import write_built_release
from dataset_builder.changes import read_content
from dataset_builder.errors import InputError
from dataset_builder.official import comparison, comparison_text, defects
from dataset_builder.official.files import (
    Files,
    RawFile,
    read_folder,
    read_raw_tables,
    write_files,
    write_raw_tables,
)
from dataset_builder.official.releases import box_file, faithful_release
from dataset_builder.official.repair_table import write_repairs
from dataset_builder.official.repaired import REPAIRED, Repaired, repaired_release
from dataset_builder.release import Release
from dataset_builder.snapshot import read_manifest

FORMAT = "grounding-official"
FORMAT_VERSION = 1
FAITHFUL = "faithful"
DEFECTS = pa.schema([("code", pa.string()), ("file", pa.string()), ("where", pa.string())])


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import made: the files, the releases, the defects and the report on repairs."""

    files: Files
    faithful: Release
    repaired: Repaired | None
    defects: tuple[defects.Defect, ...]
    report: dict[str, Any] | None


def import_official(
    folder: Path,
    out: Path,
    *,
    boxes: str | None = None,
    repaired: bool = False,
    licence: str = "",
    force: bool = False,
) -> Imported:
    """Read a folder of published files and write the imported folder in one step.

    Args:
        folder: holds some or all of the fourteen files.
        out: the folder to write.
        boxes: the box file that the releases are made from, without `.json`; the released one where
            it is not given.
        repaired: whether to make the repaired release and its report too.
        licence: of the annotation, as its authors state it; empty where they have not.
        force: whether to replace `out` where it is such a folder.

    Raises:
        InputError: a file is not of its form, or there are no boxes or segments.
        OutputError: `out` exists and `force` is not set.
    """
    files = read_folder(folder)
    try:
        name = box_file(files, boxes)
        faithful = replace(faithful_release(folder, files, name), licence=licence)
        fixed = repaired_release(files, name) if repaired else None
    except InputError as error:
        raise InputError(f"{folder}: {error}") from error
    if fixed is not None:
        fixed = replace(fixed, release=replace(fixed.release, licence=licence))
    found = tuple(defects.find_defects(files))
    report = comparison.compare(files, name, faithful, fixed) if fixed else None
    imported = Imported(files, faithful, fixed, found, report)
    with tables.fresh_folder(out, force=force) as temporary:
        _write(temporary, imported, name)
    return imported


def export_official(imported: Path, out: Path, *, force: bool = False) -> list[str]:
    """Write the published files of an imported folder again, byte for byte; return their names.

    Raises:
        InputError: it is no such folder, it was changed, or a file would not be the published one.
        OutputError: `out` exists and `force` is not set.
    """
    files = read_imported(imported)
    with tables.fresh_folder(out, force=force) as folder:
        return write_files(folder, files.values())


def is_imported(folder: Path) -> bool:
    """Whether a folder says that it is one that `import_official` wrote."""
    path = folder / "manifest.json"
    manifest = tables.read_json(path) if path.is_file() else None
    return isinstance(manifest, dict) and manifest.get("format") == FORMAT


def refuse_imported(folder: Path) -> None:
    """Name the releases in a folder that `import_official` wrote, where one of them is wanted.

    Raises:
        InputError: it is such a folder.
    """
    if is_imported(folder):
        raise InputError(
            f"{folder}: holds published files and the releases made from them; take one of these, "
            f"such as {folder / FAITHFUL}"
        )


def read_imported(folder: Path) -> dict[str, RawFile]:
    """Read the published files of an imported folder from its tables.

    Raises:
        InputError: it is no such folder, or a file in it is missing or was changed.
    """
    read_manifest(folder, FORMAT, FORMAT_VERSION)
    problems = tables.check_sums(folder)
    if problems:
        raise InputError(f"{folder}: {problems[0]}; import the published files anew")
    return read_raw_tables(folder)


def _write(folder: Path, imported: Imported, boxes: str) -> None:
    write_raw_tables(folder, imported.files.values())
    write_built_release(folder / FAITHFUL, imported.faithful)
    reports = folder / "reports"
    rows = [asdict(defect) for defect in imported.defects]
    tables.write_rows(reports / "defects.parquet", DEFECTS, rows)
    _write_json(reports / "defects.json", defects.report_of(imported.files, list(imported.defects)))
    if imported.repaired is not None and imported.report is not None:
        parent = read_content(folder / FAITHFUL)
        write_built_release(folder / REPAIRED, imported.repaired.release, parent=parent)
        write_repairs(reports / "repairs.parquet", imported.repaired.repairs)
        _write_json(reports / "repairs.json", imported.report)
        lines = "".join(f"{line}\n" for line in comparison_text.text_of(imported.report))
        (reports / "repairs.txt").write_text(lines, encoding="utf-8", newline="")
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "boxes": f"{boxes}.json",
        "made_with": f"grounding-circle {importlib.metadata.version('grounding-circle')}",
    }
    _write_json(folder / "manifest.json", manifest)
    tables.write_sums(folder)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(tables.canonical_json(value), encoding="utf-8", newline="")
