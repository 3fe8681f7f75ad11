"""What only the real files can show; they are looked for under SHARED_DATA."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from dataset_builder.cli import main
from dataset_builder.official.layouts import FILES

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "official.md"


def test_every_file_comes_out_byte_for_byte(official_report, official_folder, tmp_path):
    _, out = official_report
    arguments = ["export", out / "imported", tmp_path / "again", "--format", "grounding-youtube"]
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0
    found = {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()}
    assert found.keys() == {f"{name}.json" for name in FILES}
    for name, data in found.items():
        assert data == (official_folder / name).read_bytes(), name


def test_the_documentation_states_the_figures_of_the_pages(official_report):
    figures, _ = official_report
    text = DOCUMENTATION.read_text(encoding="utf-8")
    for report in figures["repairs"].values():
        shares = [report["mean_click_in_box"]["before"], *report["centre_point"].values()]
        for share in shares:
            assert f"{100 * share['share']:.2f} %" in text
    released = figures["repairs"][figures["boxes"]]
    for share in released["fixed_box_iou_over_0.3"].values():
        low, high = share["interval"]
        stated = f"{100 * share['share']:.2f} % ({100 * low:.2f}..{100 * high:.2f})"
        assert stated in text
    for row in released["rules"].values():
        mean = f"{row['mean_iou'] or 0:.3f}".replace("0.000", "0")
        assert not row["boxes"] or f"| {row['boxes']:,} | {mean} |" in text
    changed = released["changed_boxes"]
    assert f"{changed['boxes']:,} boxes" in text
    assert f"{changed['mean_iou']:.3f}" in text
    others = ("id2xy_box.json", "id2xy_box_new_s.json")  # the table gives few counts of these
    for row in figures["defects"]:
        assert row["file"] in others or f"{row['count']:,}" in text, row["code"]


def test_nothing_differs_from_what_the_files_give(official_report):
    figures, _ = official_report
    for name in ("faithful", "repaired"):
        assert figures[name]["findings"] == {}


def test_the_pages_are_small(official_report):
    _, out = official_report
    for name in ("faithful.html", "repaired.html", "repairs.html"):
        assert (out / name).stat().st_size < 1_000_000


@pytest.mark.browser
def test_the_page_on_the_files_can_be_read_by_all(official_report, problems_of_page):
    _, out = official_report
    assert problems_of_page((out / "repairs.html").as_uri(), "phone", "light") == []
