"""Write an evaluation as one self-contained HTML file: no network, no script from elsewhere.

Everything comes from the report and the predictions behind it; equal input gives equal bytes. Names
are escaped by the templates, and the page's own policy forbids whatever it does not bring along.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

from dataset_builder import tables
from dataset_builder.predictions import Predictions
from dataset_builder.release import Release
from stg_model.evaluation.html import headline
from stg_model.evaluation.html.systems import page_systems
from stg_model.evaluation.results import Report

TEMPLATES = Path(__file__).parent / "templates"


def write_page(
    path: Path, report: Report, release: Release, predictions: Sequence[Predictions]
) -> None:
    """Write the page of an evaluation.

    Args:
        path: of the HTML file; an existing one is replaced.
        report: the scores of all systems.
        release: what was scored on.
        predictions: of the report's submitted systems, in the order of its rows.

    Raises:
        ValueError: the predictions are not those of the report's submitted systems.
    """
    text = render(report, release, predictions)
    with tables.replaced_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def render(report: Report, release: Release, predictions: Sequence[Predictions]) -> str:
    """Return the page as text; see `write_page`."""
    systems = page_systems(report, predictions)
    style, script = (
        (TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "page.js")
    )
    return (
        _environment()
        .get_template("page.html")
        .render(
            report=report,
            release=release,
            systems=systems,
            groups=headline.groups(report, systems),
            style=Markup(style),
            script=Markup(script),
            policy=_policy(style, script),
        )
    )


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _policy(style: str, script: str) -> str:
    """Return the content security policy: this style, this script, pictures from inside."""
    hashes = (hashlib.sha256(text.encode()).digest() for text in (style, script))
    style_hash, script_hash = (base64.b64encode(digest).decode() for digest in hashes)
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{style_hash}'; "
        f"script-src 'sha256-{script_hash}'; base-uri 'none'; form-action 'none'"
    )
