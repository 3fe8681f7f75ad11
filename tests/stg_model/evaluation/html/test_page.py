"""The page as a file: complete in itself, escaped, the same bytes for the same input."""

from __future__ import annotations

import sys
from dataclasses import replace
from html import escape
from html.parser import HTMLParser

import pytest

from dataset_builder.domain import Action
from dataset_builder.errors import OutputError
from dataset_builder.predictions import System
from stg_model.evaluation.html.page import render, write_page
from stg_model.evaluation.intervals import Interval

EVIL = "<script>alert('x')</script>\"'&"


class Tags(HTMLParser):
    """Every tag with its attributes, those that stay open, and all text."""

    VOID = ("meta", "wbr", "input")

    def __init__(self, page):
        super().__init__()
        self.found, self.open, self.text = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self.text += " " if tag == "td" else ""
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def whole(compared, **changes):
    """The page with all its sections."""
    parts = {"report": compared.report, "release": compared.release} | changes
    return render(
        parts["report"], parts["release"], compared.predictions, comparison=compared.comparison
    )


def test_every_metric_that_a_system_has_stands_on_the_page_with_its_value(compared):
    page = whole(compared)
    report = compared.report
    for name, heading in report.headings.items():
        defined = any(row.metrics[name] is not None for row in report.systems)
        assert (f'<th scope="row">{escape(heading)}</th>' in page) == defined
    pointing = compared.report.systems[1].metrics["pointing"]
    assert 0 < pointing < 1
    assert f"<b>{pointing:.3f}</b>" in page


def test_an_interval_that_reaches_beyond_0_and_1_is_said_but_not_drawn(compared):
    first, *rest = compared.report.systems
    wide = replace(first, intervals={**first.intervals, "pointing": Interval(-0.125, 1.25)})
    page = whole(compared, report=replace(compared.report, systems=(wide, *rest)))
    assert "[-.125, 1.25]" in page
    assert '<rect class="spread" x="0.0" width="100.0"' in page


def test_a_value_without_an_interval_is_explained(compared):
    assert "[-]" not in whole(compared)
    first, *rest = compared.report.systems
    few = replace(first, intervals={**first.intervals, "pointing": None})
    page = whole(compared, report=replace(compared.report, systems=(few, *rest)))
    assert page.count("[-]") == 2
    assert "[-]: too few videos" in page


def test_how_intervals_were_made_and_that_videos_are_few_is_said(compared):
    page = whole(compared)
    assert "95% intervals over 100 resamplings" in page
    assert "Only 2 videos" in page


def test_every_section_is_there_and_every_tag_is_closed(compared):
    tags = Tags(whole(compared))
    sections = [attributes["id"] for tag, attributes in tags.found if tag == "section"]
    assert sections == [
        "scores", "differences", "actions", "curves", "timelines", "frames", "rules",
    ]  # fmt: skip
    links = [attributes["href"] for tag, attributes in tags.found if tag == "a"]
    assert links == [f"#{section}" for section in sections]
    assert tags.open == []


def test_ids_are_unique_and_what_is_referred_to_exists(compared):
    tags = Tags(whole(compared)).found
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = {attributes["href"] for tag, attributes in tags if tag in ("a", "use")}
    assert used <= {f"#{name}" for name in ids}


def test_notes_rules_counts_and_reasons_are_said(compared):
    report = replace(compared.report, left_out={"two of one person": 1234})
    text = " ".join(Tags(whole(compared, report=report)).text.split())
    assert all(note in text for note in compared.comparison.notes)
    assert compared.comparison.notes
    assert report.settings.digest in text
    for row in report.systems:
        for reason in row.missing.values():
            assert reason in text
    assert "iou_pointing_average actions_then_videos" in text
    assert "frames without box 2" in text
    assert "left out: two of one person 1,234" in text


def test_a_rule_that_is_not_the_default_is_marked(compared):
    report = replace(compared.report, settings=replace(compared.report.settings, tube_gap_s=2))
    assert "not the default" in whole(compared, report=report)
    assert "not the default" not in whole(compared)


def test_equal_input_gives_equal_bytes(compared, tmp_path):
    for name in ("a.html", "b.html"):
        write_page(tmp_path / name, compared.report, compared.release, compared.predictions)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_names_from_outside_are_text_only(compared):
    rows = tuple(
        replace(row, system=System(row.system.name + EVIL)) for row in compared.report.systems
    )
    actions = tuple(Action(a.action_id, a.description + EVIL) for a in compared.release.actions)
    page = render(
        replace(compared.report, systems=rows, release_name=EVIL),
        replace(compared.release, actions=actions),
        [replace(p, system=System(p.system.name + EVIL)) for p in compared.predictions],
    )
    assert "alert(" in page
    assert EVIL not in page
    assert sum(tag == "script" for tag, _ in Tags(page).found) == 1


def test_nothing_is_fetched_from_elsewhere(compared):
    for _, attributes in Tags(whole(compared)).found:
        for name in ("src", "href", "xlink:href", "action"):
            assert attributes.get(name, "#").startswith(("#", "data:image/"))
        assert "style" not in attributes, "the page's policy would ignore it"


def test_predictions_of_another_system_are_refused(compared):
    with pytest.raises(ValueError, match="do not belong"):
        render(compared.report, compared.release, compared.predictions[::-1])


def test_without_jinja2_it_says_what_to_install(compared, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(OutputError, match="grounding-circle"):
        write_page(tmp_path / "x.html", compared.report, compared.release, compared.predictions)
    assert list(tmp_path.glob("*.html")) == []
