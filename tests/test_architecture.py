"""Who may import whom (CONTRIBUTING: roads), read from the imports themselves.

The last tests plant a breach for every rule, so that none of them can rot into one that never
fails.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("annot_server", "dataset_builder", "stg_model", "migrations", "examples")
OURS = ("annot_server", "dataset_builder", "stg_model")
HEAVY = ("alembic", "av", "decord", "flask", "pyarrow", "sklearn", "sqlalchemy", "torch")


def modules(root: Path) -> Iterator[tuple[str, set[str]]]:
    """Yield `(dotted module name, names it imports anywhere in it)`."""
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            name = ".".join(path.relative_to(root).with_suffix("").parts)
            yield name, imported_names(path.read_text(encoding="utf-8"))


def imported_names(source: str) -> set[str]:
    """Return the dotted names of all imports; of `from a import b` both `a` and `a.b`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide who imports whom"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
            names.add(str(node.module))
    return names


@dataclass(frozen=True)
class Rule:
    """Modules inside `where` (but not `but_not`) import nothing of `forbidden` (but `allowed`)."""

    where: tuple[str, ...]
    forbidden: tuple[str, ...]
    why: str
    but_not: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()


RULES = (
    Rule(("dataset_builder",), ("annot_server", "stg_model"), "the ground floor stands alone"),
    Rule(("annot_server", "migrations"), ("stg_model",), "server and model never meet"),
    Rule(("stg_model",), ("annot_server",), "server and model never meet"),
    Rule(PACKAGES, ("torch",), "torch lives in stg_model only", but_not=("stg_model",)),
    Rule(("stg_model.evaluation", "stg_model.world"), ("torch",), "torch-free (R28)"),
    Rule(
        PACKAGES,
        ("sqlalchemy", "alembic"),
        "SQL never leaves the server",
        but_not=("annot_server", "migrations"),
    ),
    Rule(
        PACKAGES,
        ("flask", "flask_login", "flask_smorest"),
        "Flask stands in the app, its views and the model's serve only (R28)",
        but_not=("annot_server.app", "annot_server.views", "stg_model.inference.serve"),
    ),
    Rule(
        PACKAGES,
        ("decord", "av"),
        "videos are read in the readers below dataset_builder.frames only",
        but_not=(
            "dataset_builder.video_readers",
            "dataset_builder.video_survey",
            "stg_model.inference.drawing.film",  # writes one
            "stg_model.world",
        ),
    ),
    Rule(
        ("dataset_builder.domain", "dataset_builder.geometry"),
        OURS,
        "records and geometry import errors only",
        allowed=("dataset_builder.errors",),
    ),
    Rule(
        ("stg_model.evaluation",),
        ("stg_model", "sklearn", "pyarrow"),
        "evaluation stands on numpy, scipy and the ground floor (R28)",
        allowed=("stg_model.evaluation", "stg_model.errors"),
    ),
    Rule(
        ("annot_server",),
        ("annot_server.views", "annot_server.app"),
        "services stand below views and app",
        but_not=tuple(f"annot_server.{name}" for name in ("app", "cli", "serve", "views")),
    ),
    Rule(PACKAGES, tuple(f"{p}.cli" for p in OURS), "nothing imports a command line"),
    Rule(("examples.round",), OURS, "it drives the programs from outside"),
)


def within(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(place + ".") for place in places)


def complaints(name: str, imports: set[str]) -> list[str]:
    """Return what this module's imports break, one short line each."""
    found = [
        f"{name} imports {imported}: {rule.why}"
        for rule in RULES
        if within(name, rule.where) and not within(name, rule.but_not)
        for imported in sorted(imports)
        if within(imported, rule.forbidden) and not within(imported, rule.allowed)
    ]
    if name.endswith("__init__"):
        heavy = {i for i in imports if within(i, HEAVY)}
        found.extend(f"{name} imports {i}: package __init__ stays light" for i in sorted(heavy))
    return found


def test_every_import_follows_the_roads() -> None:
    read = list(modules(ROOT))
    assert len(read) > 20, "the modules were not found"
    assert [line for name, imports in read for line in complaints(name, imports)] == []


BREACHES = [
    ("dataset_builder.build", "import stg_model.config"),
    ("dataset_builder.build", "from annot_server import models"),
    ("annot_server.answers", "from stg_model.world import scene"),
    ("stg_model.training.train", "import annot_server.models"),
    ("annot_server.answers", "import torch"),
    ("stg_model.evaluation.report", "from torch import nn"),
    ("stg_model.training.train", "from sqlalchemy import select"),
    ("annot_server.answers", "from flask import g"),
    ("stg_model.network.model", "import flask"),
    ("stg_model.features.tiny", "import decord"),
    ("annot_server.imports", "import av"),
    ("dataset_builder.domain", "from dataset_builder import tables"),
    ("dataset_builder.geometry", "from dataset_builder.domain import Clip"),
    ("stg_model.evaluation.report", "from stg_model.settings import Settings"),
    ("dataset_builder.__init__", "import pyarrow"),
    ("annot_server.answers", "from annot_server.cli import main"),
    ("annot_server.answers", "from annot_server.views import api"),
    ("examples.round", "from dataset_builder import release"),
]


@pytest.mark.parametrize(("name", "source"), BREACHES)
def test_a_planted_breach_is_found(name: str, source: str) -> None:
    assert complaints(name, imported_names(source)) != []


def test_a_breach_inside_a_function_is_found_in_a_real_tree(tmp_path: Path) -> None:
    module = tmp_path / "dataset_builder" / "sly.py"
    module.parent.mkdir()
    module.write_text("def late():\n    from annot_server import models\n", encoding="utf-8")
    found = [line for name, imports in modules(tmp_path) for line in complaints(name, imports)]
    assert "dataset_builder.sly imports annot_server: the ground floor stands alone" in found
