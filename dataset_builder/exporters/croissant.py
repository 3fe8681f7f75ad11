"""A release described as Croissant, the JSON-LD by which machine-learning tools load tables.

`croissant.json` lies beside the files it names: each with its SHA-256, and one record set a Parquet
table with the columns as they stand in the table. The format is MLCommons Croissant 1.1. It has no
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
    described: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": release.name,
        "description": "Boxes, tubes and the clicks they come from: where in a video frame a "
        "named action happens. Coordinates are fractions of the frame as displayed.",
        "version": release.version,
        "distribution": [_file_object(path, name) for path, name in zip(paths, names, strict=True)],
        "recordSet": [
            _record_set(path, name)
            for path, name in zip(paths, names, strict=True)
            if path.suffix == ".parquet"
        ],
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


def _record_set(path: Path, name: str) -> dict[str, Any]:
    table = path.stem
    with path.open("rb") as handle:
        schema = pq.read_schema(handle)
    record_set = {
        "@type": "cr:RecordSet",
        "@id": table,
        "name": table,
        "field": [_field(table, name, column) for column in schema],
    }
    keys = [{"@id": f"{table}/{column}"} for column in _KEYS.get(table, ())]
    return record_set | ({"key": keys} if keys else {})


def _field(table: str, file: str, column: pa.Field) -> dict[str, Any]:
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
        "source": {"fileObject": {"@id": file}, "extract": {"column": column.name}},
    }
    return described | ({"isArray": True, "arrayShape": ",".join(shape)} if shape else {})


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"
