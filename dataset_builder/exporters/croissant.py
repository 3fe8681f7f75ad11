"""A release described as Croissant, the JSON-LD by which machine-learning tools load tables.

`croissant.json` lies beside the files it names: each with its SHA-256, and one record set a table
with the columns as they stand in the table. A table is `data/<table>.parquet`, or a set of files
`data/<table>/<split>.parquet`; then a field `split` tells a record's file, except where the table
itself has such a column. The format is MLCommons Croissant 1.1. It has no
`datePublished`: the same snapshot and settings give the same bytes on any day.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dataset_builder import tables
from dataset_builder.release import Release

FILE = "croissant.json"

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_MEDIA_TYPES = {
    "": "text/plain",
    ".cff": "application/yaml",
    ".json": "application/json",
    ".md": "text/markdown",
    ".parquet": "application/x-parquet",
}
_KEYS = {
    "videos": ("video_id",),
    "actions": ("action_id",),
    "clips": ("clip_id",),
    "frames": ("clip_id", "second"),
    "answers": ("clip_id", "second", "annotator_id"),
    "annotators": ("annotator_id",),
    "boxes": ("clip_id", "second", "rule"),
    "tubes": ("tube_id",),
}


def write_croissant(release: Release, folder: Path) -> None:
    """Describe a release's folder whose files are all written; `SHA256SUMS` comes after it."""
    text = tables.canonical_json(croissant(release, folder))
    (folder / FILE).write_text(text, encoding="ascii", newline="")


def croissant(release: Release, folder: Path) -> dict[str, Any]:
    """Return the description of a release that is written in `folder`."""
    apart = {FILE, tables.SUMS_NAME}
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in apart)
    names = [path.relative_to(folder).as_posix() for path in paths]
    parts = _parts(names)
    described: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": release.name,
        "description": "Boxes, tubes and the clicks they come from: where in a video frame a "
        "named action happens. Coordinates are fractions of the frame as displayed.",
        "version": release.version,
        "distribution": [
            *(_file_object(path, name) for path, name in zip(paths, names, strict=True)),
            *(_file_set(files) for files in parts.values() if _is_divided(files)),
        ],
        "recordSet": [_record_set(folder, table, files) for table, files in parts.items()],
    }
    return described | ({"license": release.licence} if release.licence else {})


def _file_object(path: Path, name: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": _MEDIA_TYPES.get(path.suffix, "application/octet-stream"),
        "sha256": tables.sha256_file(path),
    }


def _parts(names: list[str]) -> dict[str, list[str]]:
    """Return the files of each table."""
    parts: dict[str, list[str]] = {}
    for name in names:
        if name.startswith("data/") and name.endswith(".parquet"):
            table = name.removesuffix(".parquet").split("/")[1]
            parts.setdefault(table, []).append(name)
    return parts


def _is_divided(files: list[str]) -> bool:
    return files[0].count("/") > 1


def _file_set(files: list[str]) -> dict[str, Any]:
    pattern = f"{files[0].rpartition('/')[0]}/*.parquet"
    return {
        "@type": "cr:FileSet",
        "@id": pattern,
        "name": pattern,
        "containedIn": [{"@id": name} for name in files],
        "encodingFormat": _MEDIA_TYPES[".parquet"],
        "includes": pattern,
    }


def _record_set(folder: Path, table: str, files: list[str]) -> dict[str, Any]:
    with (folder / files[0]).open("rb") as handle:
        schema = pq.read_schema(handle)
    source = {"fileObject": {"@id": files[0]}}
    if _is_divided(files):
        source = {"fileSet": {"@id": _file_set(files)["@id"]}}
    fields = [_field(table, source, column) for column in schema]
    if _is_divided(files) and "split" not in schema.names:
        fields.append(_split_field(table, source))
    record_set = {"@type": "cr:RecordSet", "@id": table, "name": table, "field": fields}
    keys = [{"@id": f"{table}/{column}"} for column in _KEYS.get(table, ())]
    return record_set | ({"key": keys} if keys else {})


def _split_field(table: str, source: dict[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{table}/split",
        "name": "split",
        "dataType": "sc:Text",
        "source": source
        | {
            "extract": {"fileProperty": "fullpath"},
            "transform": {"regex": r".*/(.+)\.parquet$"},
        },
    }


def _field(table: str, source: dict[str, Any], column: pa.Field) -> dict[str, Any]:
    shape: list[str] = []
    kind = column.type
    while pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        shape.append("-1" if pa.types.is_list(kind) else str(kind.list_size))
        kind = kind.value_type
    described = {
        "@type": "cr:Field",
        "@id": f"{table}/{column.name}",
        "name": column.name,
        "dataType": _data_type(kind),
        "source": source | {"extract": {"column": column.name}},
    }
    return described | ({"isArray": True, "arrayShape": ",".join(shape)} if shape else {})


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"
