"""Settings read from TOML and from `section.key=value` texts; every value is checked."""

from __future__ import annotations

import difflib
import math
import tomllib
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal

from stg_model.errors import SettingsError
from stg_model.settings import Settings


def load_settings(path: Path | None = None, overrides: Sequence[str] = ()) -> Settings:
    """Return the defaults, changed by a TOML file, changed by `section.key=value` texts.

    Raises:
        SettingsError: the file is no TOML, a setting does not exist (the nearest is named), or a
            value has the wrong type or is impossible.
    """
    settings = Settings()
    if path is not None:
        try:
            sections = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise SettingsError(f"{path}: cannot be read as TOML ({error})") from error
        settings = _changed(settings, _flat(sections, str(path)), f"{path}: ")
    changes: dict[str, Any] = {}
    for text in overrides:
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingsError(f"--set {text!r} must look like section.key=value")
        changes[name.strip()] = _parsed(value.strip())
    return _changed(settings, changes, "--set ")


def settings_from_json(value: Mapping[str, Any], where: str) -> Settings:
    """Return settings that `Settings.to_json` wrote; every value is checked again.

    Raises:
        SettingsError: as for `load_settings`; `where` stands before the message.
    """
    return _changed(Settings(), _flat(value, where), f"{where}: ")


def _flat(sections: Mapping[str, Any], where: str) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for section, values in sections.items():
        if not isinstance(values, Mapping):
            raise SettingsError(f"{where}: {section!r} must be a section, as in [training]")
        flat |= {f"{section}.{key}": value for key, value in values.items()}
    return flat


def _changed(settings: Settings, changes: Mapping[str, Any], where: str) -> Settings:
    known = dict(_kinds())
    by_section: dict[str, dict[str, Any]] = {}
    for name, value in changes.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0)
            raise SettingsError(f"{where}{name}: no such setting; the nearest is {near[0]}")
        section, _, key = name.partition(".")
        by_section.setdefault(section, {})[key] = _checked(known[name], value, where + name)
    sections = {
        section: replace(getattr(settings, section), **values)
        for section, values in by_section.items()
    }
    return replace(settings, **sections)


def _kinds() -> Iterator[tuple[str, Any]]:
    """Yield each setting's full name and its type."""
    for section, record in typing.get_type_hints(Settings).items():
        hints = typing.get_type_hints(record)
        for entry in fields(record):
            yield f"{section}.{entry.name}", hints[entry.name]


def _checked(kind: Any, value: Any, where: str) -> Any:
    if typing.get_origin(kind) is Literal:
        choices = typing.get_args(kind)
        if value not in choices:
            raise SettingsError(f"{where} must be one of {', '.join(choices)}, got {value!r}")
        return value
    if kind == (float | None):
        if value is None or value == "none":
            return None
        kind = float
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        raise SettingsError(f"{where} must be {kind.__name__}, got {value!r}")
    return value


def _parsed(text: str) -> Any:
    """Read a value as TOML would; a bare word is itself, so choices need no quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
