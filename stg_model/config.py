"""Settings read from TOML and from `section.key=value` texts; every value is checked."""

from __future__ import annotations

import difflib
import math
import tomllib
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from stg_model.errors import SettingsError
from stg_model.limits import refuse_larger_than_whole
from stg_model.settings import FROZEN, FROZEN_BACKBONES, Settings

Record = TypeVar("Record")
"""A frozen dataclass of values, or of sections that are such dataclasses."""


def load_settings(path: Path | None = None, overrides: Sequence[str] = ()) -> Settings:
    """Return the model's defaults, changed by a TOML file, changed by `section.key=value` texts.

    The defaults are those of the backbone that these choose.

    Raises:
        SettingsError: as for `load`.
    """
    parts = _parts(Settings(), path, overrides)
    named = [part["features.backbone"] for part, _ in parts if "features.backbone" in part]
    if named and named[-1] in FROZEN_BACKBONES:
        parts = [(FROZEN, ""), *parts]
    return _given(Settings(), parts)


def load(defaults: Record, path: Path | None = None, overrides: Sequence[str] = ()) -> Record:
    """Return a record of settings, changed by a TOML file, changed by `name=value` texts.

    Raises:
        SettingsError: the file is no TOML, a setting does not exist (the nearest is named), or a
            value has the wrong type or is impossible.
    """
    return _given(defaults, _parts(defaults, path, overrides))


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
    return _changed(settings, [(_flat(settings, content, where), f"{where}: ")])


def names_changed(settings: Settings, since: Settings | None = None) -> list[str]:
    """Return the names of settings that differ from others; None: from their backbone's defaults.

    >>> names_changed(load_settings(None, ["training.steps=3", "loss.margin=0.1"]))
    ['loss.margin', 'training.steps']
    """
    if since is None:
        since = load_settings(None, [f"features.backbone={settings.features.backbone}"])
    ours, theirs = settings.to_json(), since.to_json()
    return [
        f"{section}.{key}"
        for section, values in ours.items()
        for key, value in values.items()
        if value != theirs[section][key]
    ]


Part = tuple[Mapping[str, Any], str]
"""Changes by the settings' full names, and what stands before a message about them."""


def _parts(defaults: Any, path: Path | None, overrides: Sequence[str]) -> list[Part]:
    """Return what a file and texts change, in this order."""
    file = [] if path is None else [(_flat(defaults, read_toml(path), str(path)), f"{path}: ")]
    changes: dict[str, Any] = {}
    for text in overrides:
        name, equals, value = text.partition("=")
        if not equals:
            wanted = "section.key=value" if _sections(defaults) else "name=value"
            raise SettingsError(f"--set {text!r} must look like {wanted}")
        changes[name.strip()] = _parsed(value.strip())
    return [*file, (changes, "--set ")]


def _flat(settings: Any, content: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """Return values by the settings' full names, where a file nests them in sections."""
    if not _sections(settings):
        return content
    flat: dict[str, Any] = {}
    for section, values in content.items():
        if not isinstance(values, Mapping):
            raise SettingsError(f"{where}: {section!r} must be a section, as in [training]")
        flat |= {f"{section}.{key}": value for key, value in values.items()}
    return flat


def _given(settings: Record, parts: Sequence[Part]) -> Record:
    """Return a record changed by what a user gave."""
    result = _changed(settings, parts)
    if isinstance(result, Settings):
        given = {name for changes, _ in parts for name in changes}
        refuse_larger_than_whole(result.to_json(), given)
    return result


def _changed(settings: Record, parts: Iterable[Part]) -> Record:
    """Return a record with all changes made at once: only the outcome has to be possible."""
    known = dict(_kinds(type(settings)))
    own: dict[str, Any] = {}
    by_section: dict[str, dict[str, Any]] = {}
    for changes, where in parts:
        for name, value in changes.items():
            if name not in known:
                raise SettingsError(f"{where}{name}: no such setting; {_hint(settings, name)}")
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


def _hint(settings: Any, name: str) -> str:
    """Say which setting may have been meant."""
    near = difflib.get_close_matches(name, dict(_kinds(type(settings))), n=1)
    if near:
        return f"the nearest is {near[0]}"
    there = "sections are" if _sections(settings) else "there are"
    return f"{there} {', '.join(entry.name for entry in fields(settings))}"


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
