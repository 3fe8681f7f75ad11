"""What the numbers stand on: rules, counts, and why a number is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

from dataset_builder.predictions import System
from stg_model.evaluation.html.systems import PageSystem
from stg_model.evaluation.results import rule_text
from stg_model.evaluation.settings import EvaluationSettings

UNSTATED = "not stated"


@dataclass(frozen=True, slots=True)
class Rule:
    """One setting, and whether it is another than the usual one."""

    name: str
    value: str
    is_default: bool


def rules(settings: EvaluationSettings) -> list[Rule]:
    """Return all settings in their order."""
    usual = asdict(EvaluationSettings())
    return [
        Rule(name, rule_text(value), value == usual[name])
        for name, value in asdict(settings).items()
    ]


def counts(found: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the counts in words, without those that are zero."""
    return [(name.replace("_", " "), n) for name, n in found.items() if n]


def reasons(system: PageSystem, headings: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """Return each reason for missing numbers, and the headings that it concerns."""
    missing = system.row.missing
    return [
        (reason, [headings[name] for name, why in missing.items() if why == reason])
        for reason in dict.fromkeys(missing.values())
    ]


def described(systems: Sequence[PageSystem]) -> list[tuple[str, list[str]]]:
    """Return the header fields that some submitted system states, with what each says."""
    rows = []
    for f in fields(System):
        values = [str(getattr(system.row.system, f.name)) for system in systems]
        if f.name != "name" and any(values):
            rows.append((f.name.replace("_", " "), [value or UNSTATED for value in values]))
    return rows
