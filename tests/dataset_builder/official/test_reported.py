"""The pages on published files: complete in themselves, with the figures that were counted."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

from dataset_builder.cli import main
from dataset_builder.errors import InputError, OutputError
from dataset_builder.official.defects import CODES
from dataset_builder.official.reported import report_official
from dataset_builder.release import read_release
from dataset_builder.verify import verify_release
from tests.dataset_builder.official.conftest import (
    SOURCE,
    WIDE,
    Source,
    Task,
    around,
    files_of,
)
from tests.dataset_builder.report.tags import Tags

PAGES = ("faithful.html", "repaired.html", "repairs.html")


def written(folder, source=SOURCE):
    folder.mkdir()
    for name, text in files_of(source).items():
        (folder / f"{name}.json").write_bytes(text.encode())
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return written(tmp_path_factory.mktemp("files") / "published")


@pytest.fixture(scope="module")
def reported(folder, tmp_path_factory):
    """Return the figures and the folder of the pages."""
    out = tmp_path_factory.mktemp("pages") / "out"
    return report_official(folder, out), out


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def text_of(page):
    """Return a page's words with single spaces."""
    whole = page.replace("<wbr>", "")
    text = re.sub(r"<(style|script)>.*?</\1>|<[^>]+>", " ", whole, flags=re.DOTALL)
    return " ".join(text.replace("\N{EN DASH}", "-").split())


def test_all_is_there_and_both_releases_are_what_the_files_give(reported, folder):
    _, out = reported
    names = {path.name for path in out.iterdir()}
    assert names == {*PAGES, "figures.json", "imported"}
    for name in ("faithful", "repaired"):
        outcome = verify_release(out / "imported" / name, published=folder)
        assert outcome.is_ok
    # The repaired one was checked against its parent and the files; only "left_out" is not told.
    assert "pass its folder" not in text_of((out / "repaired.html").read_text())


def test_every_page_is_whole_in_itself_and_points_to_the_others(reported):
    _, out = reported
    for name in PAGES:
        tags = Tags((out / name).read_text())
        assert tags.open == []
        assert len(tags.ids) == len(set(tags.ids))
        assert {r for r in tags.references if not r.startswith("#")} <= set(tags.ids)
        others = {other[:5] for other in PAGES if other != name}
        assert tags.addresses - {"", "data:"} == others


def test_the_same_files_give_the_same_bytes(reported, tmp_path):
    _, out = reported
    report_official(written(tmp_path / "elsewhere"), tmp_path / "again")
    assert content(tmp_path / "again") == content(out)


def test_the_page_shows_the_figures_that_were_counted(reported):
    figures, out = reported
    page = text_of((out / "repairs.html").read_text())
    report = figures["repairs"]["GoundingYouTubeBox.json"]
    assert "6 boxes of the repaired release come by a rule other" in page
    assert "taken from clips: 1." in page
    assert "side_cut 3 0 0.265 0.158 0.000 2" in page
    assert "other_step 0 1 - - - 0" in page
    share = report["mean_click_in_box"]["before"]
    assert (share["hits"], share["of"]) == (14, 16)
    assert "mean click in its box 87.50 % [" in page
    n_boxes = " ".join(str(figures[name]["counts"]["boxes"]) for name in ("faithful", "repaired"))
    assert f"GoundingYouTubeBox.json {n_boxes} 87.50 % → 100.00 %" in page
    for row in figures["defects"]:
        example = row["examples"][0].replace("'", "&#39;")
        share = "-" if row["share"] is None else f"{100 * row['share']:.2f} %"
        of = f"{row['of']:,} {row['of_what']}" if row["of"] else "-"
        assert f"{row['file']} {row['count']:,} {share} {of} {example}" in page, row
    for code in CODES:
        assert code in page
    for name in ("faithful", "repaired"):
        release = read_release(out / "imported" / name)
        assert release.digest in page
        assert figures[name]["release_sha256"] == release.digest


def test_the_diagrams_have_the_bars_that_the_figures_count(reported):
    figures, out = reported
    page = (out / "repairs.html").read_text()
    rules = figures["repairs"]["GoundingYouTubeBox.json"]["rules"]
    diagram = page[page.index("<b>Boxes with side_cut</b>") :].split("</svg>")[0]
    bars = re.findall(r"<title>([\d.]+) (?:to [\d.]+|or more): ([\d,]+)", diagram)
    counts = enumerate(rules["side_cut"]["iou_histogram"])
    counted = {round(0.05 * n, 2): n_boxes for n, n_boxes in counts if n_boxes}
    assert {float(low): int(n_boxes) for low, n_boxes in bars} == counted != {}


def test_every_rule_has_pictures_of_old_and_new_boxes(reported):
    _, out = reported
    page = (out / "repairs.html").read_text()
    drawings = re.findall(r"<summary><code>(.*?)</code>.*?</details>", page, flags=re.DOTALL)
    names = [name.replace("<wbr>", "") for name in drawings]
    rules = ["side_cut", "inverted", "clipped", "other_step", "zero_length", "unicode"]
    assert names == rules
    # Second 6, inside out: published from 480 to 485, repaired from there to the frame's side.
    inside_out = page[page.index("second 6: published box and repaired one") :]
    drawn = re.findall(
        r'<rect class="(true|said)" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', inside_out
    )
    assert drawn[:2] == [("true", "485.0", "155.0"), ("said", "480", "5")]
    # Second 5 reaches to 530 of 480 px: there is ground below the frame.
    below = page[page.index("second 5: published box and repaired one") - 400 :]
    assert '<rect class="below" width="640" height="530"/>' in below[:2000]


def test_the_figures_are_those_of_the_file(reported, folder, tmp_path):
    figures, out = reported
    assert json.loads((out / "figures.json").read_text()) == json.loads(json.dumps(figures))
    assert list(figures["repairs"]) == [
        "GoundingYouTubeBox.json", "id2xy_box_new_s.json", "id2xy_box.json",
    ]  # fmt: skip
    done = CliRunner().invoke(
        main, ["report-official", str(folder), str(tmp_path / "out"), "--json"]
    )
    assert (done.exit_code, json.loads(done.stdout)) == (0, json.loads(json.dumps(figures)))


def test_names_are_text_on_the_pages(tmp_path):
    evil = "<script>x\"'&"
    source = Source(
        {WIDE: (640, 480)}, {WIDE: [(2, 3, evil)]}, [Task(WIDE, 2, evil, around(560, 300))]
    )
    report_official(written(tmp_path / "evil", source), tmp_path / "out")
    for name in PAGES:
        page = (tmp_path / "out" / name).read_text()
        assert evil not in page
        assert page.count("<script>") == 1


def test_files_in_which_nobody_clicked_have_pages_too(tmp_path):
    source = Source({WIDE: (640, 480)}, {WIDE: [(2, 3, "cut")]}, [Task(WIDE, 2, "cut")])
    figures = report_official(written(tmp_path / "empty", source), tmp_path / "out")
    assert figures["repaired"]["counts"]["boxes"] == 0
    page = text_of((tmp_path / "out/repairs.html").read_text())
    assert "mean click in its box - -" in page


def test_nothing_is_left_half_written(tmp_path):
    folder = written(tmp_path / "published")
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match="exists already"):
        report_official(folder, tmp_path / "out")
    (folder / "id2xy_box.json").write_text('{"v": {"7": [1]}}')
    with pytest.raises(InputError, match=r"id2xy_box\.json"):
        report_official(folder, tmp_path / "other")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "published"]


def test_the_command_names_the_pages(folder, tmp_path):
    run = ["report-official", str(folder), str(tmp_path / "out")]
    done = CliRunner().invoke(main, run)
    assert done.exit_code == 0
    for name in PAGES:
        assert f"out/{name}: 0." in done.output
    assert "centre point in the box" in done.output
    assert CliRunner().invoke(main, run).exit_code == 1
    assert CliRunner().invoke(main, [*run, "--force", "--boxes", "id2xy_box"]).exit_code == 0
    assert json.loads((tmp_path / "out/figures.json").read_text())["boxes"] == "id2xy_box.json"


@pytest.mark.browser
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("scheme", "screen"), [("light", "desktop"), ("dark", "phone")])
def test_axe_and_the_page_s_own_policy_have_nothing_to_say(
    reported, problems_of_page, name, screen, scheme
):
    _, out = reported
    assert problems_of_page((out / name).as_uri(), screen, scheme) == []
