"""How a release is made from a snapshot: every choice with its default, unit and reason.

The settings stand in the release's manifest, and `verify` derives everything anew from them.
Defaults are the paper's (section 4.1: union of the clicks plus a margin, density heatmap), with the
figures measured in the public files where the paper names none (R20). Robust mode weighs people by
how near to the others they click and leaves stray clicks out; it uses `min_p_visible`,
`robust_margin`, `sigma_floor` and `sigma_cap`, and `margin_x`, `margin_y` for the paper's box,
which stands beside its own.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from dataset_builder.errors import InputError
from dataset_builder.fusion.tubes import GAP_RULES, UNLABELLED
from dataset_builder.splits import parse_shares

MODES = ("paper", "robust")
BENCHMARK_ANSWERS = ("blind", "all")


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """Settings of one build; see the comment of each field for its unit and reason."""

    mode: str = "paper"  # equal weights, mean point, union box: the published numbers' rule
    tube_gap: str = UNLABELLED  # seconds of a clip without a box; see fusion/tubes.py
    min_clicks: int = 3  # clicks; the public boxes keep a frame when 3 of 5 people clicked
    margin_x: float = 100 / 640  # fraction of the width; 100 px in the public 640x480 frame
    margin_y: float = 100 / 480  # fraction of the height; the same 100 px, so larger here
    sigma: float = 0.03  # fraction of the diagonal; spread of one click in the heatmap
    grid_rows: int = 90  # cells; the heatmap whose maximum is the peak, 4 px of a 640x360 frame
    grid_cols: int = 160  # cells
    min_p_visible: float = 0.5  # robust mode: probability that the action can be seen
    robust_margin: float = 0.125  # robust mode: fraction of the diagonal, in both directions (R20)
    sigma_floor: float = 0.015  # robust mode: fraction of the diagonal; the narrowest Gaussian
    sigma_cap: float = 0.1  # robust mode: fraction of the diagonal; the widest Gaussian
    benchmark_answers: str = "blind"  # "all" counts assisted answers on benchmark clips too (R9)
    splits: str = ""  # such as train=0.8,test=0.2, by video (splits.py); empty: those of the import
    split_salt: str = ""  # with splits: another text deals the videos anew
    benchmark_splits: str = "test"  # with splits: those that are scored, with commas between

    def __post_init__(self) -> None:
        """Refuse values that no build can use."""
        _one_of("mode", self.mode, MODES)
        _one_of("tube_gap", self.tube_gap, GAP_RULES)
        _one_of("benchmark_answers", self.benchmark_answers, BENCHMARK_ANSWERS)
        self._check_splits()
        _within("min_clicks", self.min_clicks, 1, 100, int)
        _within("margin_x", self.margin_x, 0.001, 1, float)
        _within("margin_y", self.margin_y, 0.001, 1, float)
        _within("sigma", self.sigma, 0.001, 1, float)
        _within("min_p_visible", self.min_p_visible, 0, 1, float)
        _within("robust_margin", self.robust_margin, 0.001, 1, float)
        _within("sigma_floor", self.sigma_floor, 0.001, 1, float)
        _within("sigma_cap", self.sigma_cap, self.sigma_floor, 1, float)
        _within("grid_rows", self.grid_rows, 10, 2160, int)
        _within("grid_cols", self.grid_cols, 10, 3840, int)

    def _check_splits(self) -> None:
        for name in ("splits", "split_salt", "benchmark_splits"):
            if not isinstance(getattr(self, name), str):
                raise InputError(f"setting {name} must be text; got {getattr(self, name)!r}")
        shares = parse_shares(self.splits)
        unknown = [name for name in self.benchmark_split_names if shares and name not in shares]
        if unknown:
            raise InputError(
                f"setting benchmark_splits must be of the splits {', '.join(shares)}; "
                f"got {unknown[0]!r}"
            )

    @property
    def benchmark_split_names(self) -> tuple[str, ...]:
        """The splits that are scored where `splits` names any."""
        return tuple(name.strip() for name in self.benchmark_splits.split(",") if name.strip())

    def to_mapping(self) -> dict[str, Any]:
        """Return the settings as a manifest stores them."""
        return asdict(self)


def read_settings(values: Mapping[str, Any]) -> BuildSettings:
    """Return the settings that a manifest or command line gives; missing ones are defaults.

    Raises:
        InputError: an unknown name (the nearest known one is named) or a value of the wrong kind.
    """
    known = [field.name for field in fields(BuildSettings)]
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0)[0]
            raise InputError(f"unknown build setting {name!r}; did you mean {near!r}?")
    return BuildSettings(**values)


def parse_settings(assignments: Sequence[str]) -> BuildSettings:
    """Return the settings of `name=value` texts.

    >>> parse_settings(["min_clicks=2", "benchmark_answers=all"]).min_clicks
    2

    Raises:
        InputError: no `=`, or what `read_settings` refuses.
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise InputError(f"setting {assignment!r} should look like name=value")
        try:
            values[name.strip()] = json.loads(text)
        except json.JSONDecodeError:
            values[name.strip()] = text.strip()
    return read_settings(values)


def _one_of(name: str, value: object, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise InputError(f"setting {name} must be one of {', '.join(allowed)}; got {value!r}")


def _within(name: str, value: object, low: float, high: float, kind: type) -> None:
    numbers = (int,) if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, numbers) or not low <= value <= high:
        raise InputError(
            f"setting {name} must be a {'whole ' if kind is int else ''}number "
            f"from {low} to {high}; got {value!r}"
        )
