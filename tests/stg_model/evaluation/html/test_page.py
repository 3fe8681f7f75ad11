"""The page as a file: complete in itself, escaped, the same bytes for the same input."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from dataset_builder.predictions import System
from stg_model.evaluation import evaluate
from stg_model.evaluation.html.page import render, write_page
from stg_model.evaluation.intervals import IntervalSettings

EVIL = "<script>alert('x')</script>\"'&"


class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.fixture
def case(two_videos, make_perfect):
    predictions = make_perfect(two_videos)
    report = evaluate(two_videos, predictions, intervals=IntervalSettings(replicates=100))
    return report, two_videos, [predictions]


def test_every_metric_that_a_system_has_stands_on_the_page_with_its_value(case):
    report = case[0]
    page = render(*case)
    row = report.systems[0]
    for name, heading in report.headings.items():
        shown = f'<th scope="row">{heading}<' in page or f'<th scope="row">{heading} <' in page
        assert shown == (row.metrics[name] is not None)
    assert f"<b>{row.metrics['pointing']:.3f}</b>" in page
    assert "[1.00, 1.00]" in page


def test_equal_input_gives_equal_bytes(case, tmp_path):
    write_page(tmp_path / "a.html", *case)
    write_page(tmp_path / "b.html", *case)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_names_from_outside_are_text_only(case):
    report, release, (predictions,) = case
    row = replace(report.systems[0], system=System(EVIL))
    evil = replace(report, systems=(row,), release_name=EVIL)
    page = render(evil, release, [replace(predictions, system=System(EVIL))])
    assert "alert(" in page
    assert EVIL not in page
    assert sum(tag == "script" for tag, _ in Tags(page).found) == 1


def test_nothing_is_fetched_from_elsewhere(case):
    for _, attributes in Tags(render(*case)).found:
        for name in ("src", "href", "xlink:href", "action"):
            assert attributes.get(name, "#").startswith(("#", "data:image/"))
        assert "style" not in attributes, "the page's policy would ignore it"


def test_predictions_of_another_system_are_refused(case):
    report, release, (predictions,) = case
    with pytest.raises(ValueError, match="do not belong"):
        render(report, release, [replace(predictions, system=System("other"))])
