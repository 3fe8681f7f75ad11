"""Settings read from TOML and from `section.key=value` texts; every value is checked."""

from __future__ import annotations

import difflib
import math
import tomllib
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from stg_model.errors import SettingsError
from stg_model.settings import FROZEN, Settings

Record = TypeVar("Record")
"""A frozen dataclass of values, or of sections that are such dataclasses."""


def load_settings(path: Path | None = None, overrides: Sequence[str] = ()) -> Settings:
    """Return the model's defaults, changed by a TOML file, changed by `section.key=value` texts.

    The defaults are those of the backbone that these choose.

    Raises:
        SettingsError: as for `load`.
    """
    settings = load(Settings(), path, overrides)
    if settings.features.backbone == "tiny":
        return settings
    return load(_changed(Settings(), FROZEN, ""), path, overrides)


def load(defaults: Record, path: Path | None = None, overrides: Sequence[str] = ()) -> Record:
    """Return a record of settings, changed by a TOML file, changed by `name=value` texts.

    Raises:
        SettingsError: the file is no TOML, a setting does not exist (the nearest is named), or a
            value has the wrong type or is impossible.
    """
    settings = defaults if path is None else changed(defaults, read_toml(path), str(path))
    changes: dict[str, Any] = {}
    for text in overrides:
        name, equals, value = text.partition("=")
        if not equals:
            wanted = "section.key=value" if _sections(defaults) else "name=value"
            raise SettingsError(f"--set {text!r} must look like {wanted}")
        changes[name.strip()] = _parsed(value.strip())
    return _changed(settings, changes, "--set ")


def settings_from_json(value: Mapping[str, Any], where: str) -> Settings:
    """Return settings that `Settings.to_json` wrote; every value is checked again.

    Raises:
        SettingsError: as for `load`; `where` stands before the message.
    """
    return changed(Settings(), value, where)


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file holds.

    Raises:
        SettingsError: it is not there or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read as TOML ({error})") from error


def changed(settings: Record, content: Mapping[str, Any], where: str) -> Record:
    """Return a record with some values changed, as a TOML file or `to_json` nests them.

    Raises:
        SettingsError: as for `load`; `where` stands before the message.
    """
    if not _sections(settings):
        return _changed(settings, content, f"{where}: ")
    flat: dict[str, Any] = {}
    for section, values in content.items():
        if not isinstance(values, Mapping):
            raise SettingsError(f"{where}: {section!r} must be a section, as in [training]")
        flat |= {f"{section}.{key}": value for key, value in values.items()}
    return _changed(settings, flat, f"{where}: ")


def _changed(settings: Record, changes: Mapping[str, Any], where: str) -> Record:
    known = dict(_kinds(type(settings)))
    own: dict[str, Any] = {}
    by_section: dict[str, dict[str, Any]] = {}
    for name, value in changes.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0)
            raise SettingsError(f"{where}{name}: no such setting; the nearest is {near[0]}")
        section, dot, key = name.rpartition(".")
        values = by_section.setdefault(section, {}) if dot else own
        values[key] = _checked(known[name], value, where + name)
    sections = {
        section: replace(getattr(settings, section), **values)
        for section, values in by_section.items()
    }
    record: Any = settings
    result: Record = replace(record, **own, **sections)
    return result


def _sections(settings: Any) -> bool:
    """Whether a record holds sections, not values."""
    return any(is_dataclass(getattr(settings, entry.name)) for entry in fields(settings))


def _kinds(record: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each setting's full name and its type."""
    hints = typing.get_type_hints(record)
    for entry in fields(record):
        kind = hints[entry.name]
        if is_dataclass(kind):
            yield from _kinds(kind, f"{before}{entry.name}.")
        else:
            yield before + entry.name, kind


def _checked(kind: Any, value: Any, where: str) -> Any:
    if typing.get_origin(kind) is Literal:
        choices = typing.get_args(kind)
        if value not in choices:
            raise SettingsError(f"{where} must be one of {', '.join(choices)}, got {value!r}")
        return value
    if typing.get_origin(kind) is tuple:
        return _checked_row(typing.get_args(kind), value, where)
    if kind == (float | None):
        if value is None or value == "none":
            return None
        kind = float
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        raise SettingsError(f"{where} must be {kind.__name__}, got {value!r}")
    return value


def _checked_row(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    """Check a row: as many values as its type names, or any number of one kind."""
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * (len(value) if isinstance(value, list | tuple) else 1)
    if not isinstance(value, list | tuple) or len(value) != len(kinds):
        raise SettingsError(f"{where} must be a row of {len(kinds)} values, got {value!r}")
    return tuple(_checked(kind, one, where) for kind, one in zip(kinds, value, strict=True))


def _parsed(text: str) -> Any:
    """Read a value as TOML would; a bare word is itself, so choices need no quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
