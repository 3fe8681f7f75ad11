"""What a study runs: how many seeds, which tables, on which worlds, with which model.

    model = "tiny.toml"       # settings of the model, beside this file; without it the defaults
    model_seeds = 5
    world_seeds = 3
    [world]                   # what differs from the default world
    train = 100

Every setting has a default; those of the worlds are in `stg_model.world.settings`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from stg_model.config import changed, load, load_settings, read_toml
from stg_model.errors import SettingsError
from stg_model.settings import Settings
from stg_model.study.variants import TABLES
from stg_model.world.settings import WorldSettings


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """How much is run. Every variant is trained once for each pair of a world and a model seed."""

    model_seeds: int = 5
    """Seeds of weights and batches, 0 and up: fewer than 5 say little of the spread."""
    world_seeds: int = 3
    """Worlds: fewer than 3 do not show whether a difference belongs to one world."""
    first_world_seed: int = 100
    """Worlds are numbered from here: no default of the model was chosen on these."""
    tables: tuple[str, ...] = tuple(TABLES)
    """Which of baselines, selection, losses, attention."""

    def __post_init__(self) -> None:
        """Refuse a plan of nothing."""
        for name in ("model_seeds", "world_seeds"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} must be 1 or more, got {getattr(self, name)}")
        if self.first_world_seed < 0:
            raise SettingsError(f"first_world_seed must be 0 or more, got {self.first_world_seed}")
        if unknown := [name for name in self.tables if name not in TABLES]:
            raise SettingsError(f"tables must be some of {', '.join(TABLES)}, got {unknown[0]}")


@dataclass(frozen=True, slots=True)
class Study:
    """A plan, the worlds' settings (but for their seed) and the model's (but for its seed)."""

    plan: StudyPlan = field(default_factory=StudyPlan)
    world: WorldSettings = field(default_factory=WorldSettings)
    model: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        """Refuse a backbone that was never made for rendered worlds."""
        if self.model.features.backbone != "tiny":
            raise SettingsError(
                f"features.backbone must be tiny in a study, got {self.model.features.backbone}: "
                "rendered worlds are learnt with the trainable backbone"
            )

    @property
    def worlds(self) -> list[WorldSettings]:
        """The worlds; nobody gets pre-labels here, so they have no open videos."""
        first = self.plan.first_world_seed
        seeds = range(first, first + self.plan.world_seeds)
        return [replace(self.world, seed=seed, open=0) for seed in seeds]

    def to_json(self) -> dict[str, Any]:
        """Return the study as plain JSON values."""
        return {
            "plan": {**asdict(self.plan), "tables": list(self.plan.tables)},
            "world": self.world.to_json(),
            "model": self.model.to_json(),
        }


def load_study(
    path: Path | None = None, changes: Sequence[str] = (), model_changes: Sequence[str] = ()
) -> Study:
    """Return a study from its file, its plan and its model changed by `name=value` texts.

    Raises:
        SettingsError: as for `stg_model.config.load`.
    """
    content: dict[str, Any] = read_toml(path) if path else {}
    where = str(path)
    world = content.pop("world", {})
    model_file = content.pop("model", None)
    if not isinstance(world, dict):
        raise SettingsError(f"{where}: 'world' must be a section, as in [world]")
    if model_file is not None and not isinstance(model_file, str):
        raise SettingsError(f"{where}: model must name a file, got {model_file!r}")
    plan = load(changed(StudyPlan(), content, where), None, changes)
    model = load_settings(path.parent / model_file if path and model_file else None, model_changes)
    return Study(plan, changed(WorldSettings(), world, f"{where}: [world]"), model)
