"""All pages on a folder of published files, made by one command.

out/
  imported/        what `import-official --repaired` writes, both releases among it
  faithful.html    the page of the faithful release
  repaired.html    the page of the repaired one, with what changed since the faithful one
  repairs.html     what is wrong with the files, and what the repairs change
  figures.json     the figures of all three
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dataset_builder import tables
from dataset_builder.changes import compare_releases
from dataset_builder.console import progress
from dataset_builder.official.comparison import compare
from dataset_builder.official.files import Files
from dataset_builder.official.imported import FAITHFUL, import_official
from dataset_builder.official.page import render
from dataset_builder.official.records import BOX_FILES
from dataset_builder.official.releases import faithful_release
from dataset_builder.official.repaired import REPAIRED, repaired_release
from dataset_builder.report.figures import figures as page_figures
from dataset_builder.report.page import write_page
from dataset_builder.verify import verify_release

IMPORTED = "imported"
N_STEPS = 6
_PAGES = {
    FAITHFUL: ("The faithful release", "faithful.html"),
    REPAIRED: ("The repaired release", "repaired.html"),
    "repairs": ("Defects and repairs", "repairs.html"),
}
_SAME_BOXES = ("box_anno", "id2xy_box_agree")
"""Other spellings of the released boxes."""


def report_official(
    folder: Path, out: Path, *, boxes: str | None = None, force: bool = False
) -> dict[str, Any]:
    """Write the pages into a new folder, all or nothing, and return the figures.

    It takes about half a minute for the fourteen files; a bar shows how far it is.

    Args:
        folder: holds some or all of the published files.
        out: the folder to write.
        boxes: the box file that the releases are made from; see `import_official`.
        force: whether to replace `out` where it is such a folder.

    Raises:
        InputError: see `import_official`.
        OutputError: `out` exists and `force` is not set, or jinja2 is not installed.
    """
    figures: dict[str, Any] = {}
    with tables.fresh_folder(out, force=force) as temporary:
        for _ in progress(_steps(folder, temporary, boxes, figures), "pages", N_STEPS):
            pass
    return figures


def _steps(folder: Path, out: Path, boxes: str | None, figures: dict[str, Any]) -> Iterator[None]:
    """Do one step after the other and fill the figures."""
    imported = import_official(folder, out / IMPORTED, boxes=boxes, repaired=True)
    fixed = imported.repaired
    if fixed is None or imported.report is None:
        raise AssertionError("asked for and not made")
    yield
    figures |= {"boxes": imported.report["boxes"]}
    figures |= tables.read_json(out / IMPORTED / "reports/defects.json")
    figures["repairs"] = {figures["boxes"]: imported.report}
    yield
    for name in _other_box_files(imported.files, figures["boxes"].removesuffix(".json")):
        one = faithful_release(folder, imported.files, name)
        report = compare(imported.files, name, one, repaired_release(imported.files, name))
        figures["repairs"][report["boxes"]] = report
    yield
    paths = {name: out / IMPORTED / name for name in (FAITHFUL, REPAIRED)}
    outcomes = {
        FAITHFUL: verify_release(paths[FAITHFUL], published=folder),
        REPAIRED: verify_release(paths[REPAIRED], published=folder, parent=paths[FAITHFUL]),
    }
    changes = {FAITHFUL: None, REPAIRED: compare_releases(paths[FAITHFUL], paths[REPAIRED])}
    for name, outcome in outcomes.items():
        figures[name] = page_figures(outcome, changes[name])
        file = _PAGES[name][1]
        write_page(out / file, outcome, changes=changes[name], links=_links_from(name))
        yield
    faithful, repaired = (outcome.release for outcome in outcomes.values())
    if faithful is None or repaired is None:
        raise AssertionError("a release that was drawn is there")
    text = render(figures, faithful, repaired, fixed.repairs, _links_from("repairs"))
    (out / _PAGES["repairs"][1]).write_text(text, encoding="utf-8", newline="")
    (out / "figures.json").write_text(tables.canonical_json(figures), encoding="utf-8", newline="")
    yield


def _other_box_files(files: Files, boxes: str) -> list[str]:
    """Return the box files that hold other boxes than the one that is taken."""
    apart = {boxes, *_SAME_BOXES}
    return [name for name in BOX_FILES if name in files and name not in apart]


def _links_from(page: str) -> list[tuple[str, str]]:
    return [link for name, link in _PAGES.items() if name != page]
