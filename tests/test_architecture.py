"""Who may import whom (ARCHITECTURE: roads), read from the imports themselves.

Each rule is a function from a module's name and its imports to complaints; the last tests plant a
breach for every rule, so that none of them can rot into one that never fails.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("annot_server", "dataset_builder", "stg_model", "migrations", "examples")
OURS = {"annot_server", "dataset_builder", "stg_model"}
HEAVY = {"alembic", "av", "decord", "flask", "pyarrow", "sklearn", "sqlalchemy", "torch"}


def modules(root: Path) -> Iterator[tuple[str, set[str]]]:
    """Yield `(dotted module name, names it imports anywhere in it)`."""
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            name = ".".join(path.relative_to(root).with_suffix("").parts)
            yield name, imported_names(path.read_text(encoding="utf-8"))


def imported_names(source: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide who imports whom"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
            names.add(str(node.module))
    return names


def roots(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def within(name: str, *places: str) -> bool:
    return any(name == place or name.startswith(place + ".") for place in places)


def complaints(name: str, imports: set[str]) -> list[str]:
    """Return what this module's imports break, one short line each."""
    tops = roots(imports)
    found: list[str] = []

    def forbid(what: set[str], why: str) -> None:
        found.extend(f"{name} imports {top}: {why}" for top in sorted(tops & what))

    package = name.partition(".")[0]
    if package == "dataset_builder":
        forbid({"annot_server", "stg_model"}, "the ground floor stands on nothing of ours")
    if package == "annot_server" or package == "migrations":
        forbid({"stg_model"}, "server and model never import each other")
    if package == "stg_model":
        forbid({"annot_server"}, "server and model never import each other")
    if package != "stg_model" or within(name, "stg_model.evaluation", "stg_model.world"):
        forbid({"torch"}, "torch lives in stg_model only, outside evaluation and world (R28)")
    if package not in ("annot_server", "migrations"):
        forbid({"sqlalchemy", "alembic"}, "SQL never leaves the server")
    if not within(
        name, "annot_server.app", "annot_server.views", "stg_model.inference.serve"
    ):
        forbid(
            {"flask", "flask_login", "flask_smorest"},
            "Flask stands in the app, its views and the model's serve only (R28)",
        )
    if not within(name, "dataset_builder.frames", "dataset_builder.video_readers"):
        forbid({"decord"}, "videos are read in dataset_builder.frames only")
        if not within(name, "stg_model.world"):
            forbid({"av"}, "videos are read in dataset_builder.frames only")
    if name in ("dataset_builder.domain", "dataset_builder.geometry"):
        ours = {i for i in imports if i.partition(".")[0] in OURS}
        found.extend(
            f"{name} imports {i}: records and geometry import errors only"
            for i in sorted(ours)
            if not within(i, "dataset_builder.errors") and i != "dataset_builder"
        )
    if within(name, "stg_model.evaluation"):
        outside = {i for i in imports if within(i, "stg_model")}
        found.extend(
            f"{name} imports {i}: evaluation stands alone (R28)"
            for i in sorted(outside)
            if not within(i, "stg_model.evaluation") and i != "stg_model"
        )
    if name.endswith("__init__"):
        forbid(HEAVY, "package __init__ files import nothing heavy (R28)")
    if not name.endswith(".cli"):
        found.extend(
            f"{name} imports {i}: nothing imports a command line"
            for i in sorted(imports)
            if i in {f"{p}.cli" for p in OURS}
        )
    if within(name, "annot_server") and not within(
        name, "annot_server.app", "annot_server.views", "annot_server.cli"
    ):
        found.extend(
            f"{name} imports {i}: services stand below views and app"
            for i in sorted(imports)
            if within(i, "annot_server.views", "annot_server.app")
        )
    if package == "examples":
        found.extend(
            f"{name} imports {top}: examples/round.py drives the programs from outside"
            for top in sorted(tops & OURS)
            if name == "examples.round"
        )
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
    ("stg_model.evaluation.report", "from stg_model.config import Settings"),
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
    assert found == [
        "dataset_builder.sly imports annot_server: the ground floor stands on nothing of ours"
    ]
