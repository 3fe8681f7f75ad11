"""Self-contained HTML pages from templates: no network, no script from elsewhere.

Equal values give equal bytes. Names are escaped by the templates, and a page's own policy forbids
whatever it does not bring along.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from dataset_builder.errors import OutputError

TEMPLATES = Path(__file__).parent / "templates"
"""Templates that all pages may use."""


def fill(
    folder: Path,
    name: str,
    *,
    filters: Mapping[str, Callable[..., object]] | None = None,
    **values: object,
) -> str:
    """Return a page's template with its values.

    The page gets `style` (the sheet of all pages, then its own `page.css`), `script` and `policy`
    beside its values.

    Args:
        folder: of the page's own templates; those of `TEMPLATES` are found too.
        name: of the page's template.
        filters: of the page's own, by name.
        values: what the template shows.

    Raises:
        OutputError: jinja2 is not installed.
    """
    try:
        import jinja2  # noqa: PLC0415 - releases and scores without a page need no templates
    except ImportError as error:
        raise OutputError(
            "the HTML page needs jinja2: pip install 'grounding-circle[report]'"
        ) from error
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(filters or {})
    sheets = (TEMPLATES / "base.css", folder / "page.css")
    style = "\n".join(sheet.read_text(encoding="utf-8") for sheet in sheets)
    script = (TEMPLATES / "sort.js").read_text(encoding="utf-8")
    template = environment.get_template(name)
    return template.render(style=style, script=script, policy=_policy(style, script), **values)


def _policy(style: str, script: str) -> str:
    """Return the content security policy: this style, this script, pictures from inside."""
    hashes = (hashlib.sha256(text.encode()).digest() for text in (style, script))
    style_hash, script_hash = (base64.b64encode(digest).decode() for digest in hashes)
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{style_hash}'; "
        f"script-src 'sha256-{script_hash}'; base-uri 'none'; form-action 'none'"
    )
