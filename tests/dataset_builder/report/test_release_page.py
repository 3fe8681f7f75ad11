"""The page of a release: complete in itself, escaped, the same bytes for the same input."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from dataset_builder import tables
from dataset_builder.cli import main
from dataset_builder.domain import Action
from dataset_builder.errors import InputError
from dataset_builder.release import counts_of
from dataset_builder.report.examples import evenly, frame_sets, tube_strips
from dataset_builder.report.figures import figures
from dataset_builder.report.page import render
from dataset_builder.report.places import frame_places
from dataset_builder.verify import Finding, Verification, verify_release
from tests.dataset_builder.report.tags import Tags

EVIL = "<script>alert('x')</script>\"'&"


@pytest.fixture(scope="module")
def whole(shown):
    return render(shown.outcome, changes=shown.changes)


def sections(page):
    return re.findall(r'<section id="(\w+)"', page)


def test_the_page_has_all_sections_and_points_to_what_it_has(whole):
    names = ["funnel", "agreement", "contents", "actions", "people", "frames", "tubes"]
    assert sections(whole) == [*names, "findings", "changes", "rules"]
    tags = Tags(whole)
    assert tags.open == []
    assert len(tags.ids) == len(set(tags.ids))
    assert tags.addresses <= {"", "data:"}
    assert {r for r in tags.references if not r.startswith("#")} <= set(tags.ids)


def test_the_same_release_gives_the_same_bytes(shown, whole, red):
    again = render(verify_release(shown.folder), changes=shown.changes)
    assert again == whole
    with_pictures = render(shown.outcome, pictures=red)
    assert len(red.asked) == len(set(red.asked)) == with_pictures.count("<image id=")


def test_names_are_text_on_the_page(shown):
    release = shown.release
    actions = tuple(Action(a.action_id, EVIL) for a in release.actions)
    evil = replace(release, actions=actions, licence=EVIL, made_with=EVIL)
    page = render(Verification(evil, (Finding(EVIL, EVIL, EVIL),), (EVIL,)))
    assert EVIL not in page
    assert page.count("<script>") == 1


def test_findings_are_told_by_code_and_only_some_of_each(shown):
    many = tuple(Finding("box_differs", f"clip/{n}", "another") for n in range(30))
    page = render(Verification(shown.release, (*many, Finding("rule_differs", "x", "y")), ()))
    assert "31 differences." in page
    assert ">verify found 31 differences<" in page
    assert "the first 20 shown" in page
    assert page.count("clip/1<") == 1
    assert "Nothing differs" not in page
    assert ">verify found" not in render(shown.outcome)


def test_the_changes_name_the_step_and_the_rows(whole):
    assert "Since demo 1.0.0" in whole
    assert "A major step is needed, and 1.0.0 -&gt; 2.0.0 is a major one." in whole
    assert "Where boxes moved most since demo 1.0.0" in whole
    assert "rules of main boxes were union_margin, are robust_union" in whole


def test_a_release_of_given_boxes_has_a_page_without_people(shown):
    frames = tuple(replace(f, n_answers=0, n_clicks=0) for f in shown.release.frames)
    given = replace(
        shown.release, derivation="means", answers=(), annotators=(), frames=frames, settings={}
    )
    page = render(Verification(given, (), ("boxes: given",)))
    assert sections(page) == [
        "funnel",
        "contents",
        "actions",
        "frames",
        "tubes",
        "findings",
        "rules",
    ]
    assert "Without answers nothing can be said of agreement" in page
    assert "mean click" in page
    assert "Not checked: boxes: given." in page


def test_an_empty_release_has_a_page(shown):
    empty = replace(
        shown.release,
        **dict.fromkeys(("videos", "actions", "clips", "frames", "answers", "annotators"), ()),
        boxes={},
        rules={},
        beside={},
        tubes=(),
    )
    assert sections(render(Verification(empty, (), ()))) == [
        "funnel",
        "contents",
        "actions",
        "findings",
        "rules",
    ]


def test_what_cannot_be_drawn_is_refused_in_one_line(shown):
    lost = Finding("box_without_frame", "clip/3", "the frame is not in the frames table")
    with pytest.raises(InputError, match=r"clip/3: the frame is not .* cannot be drawn"):
        render(Verification(shown.release, (lost,), ()))


def test_the_sets_hold_what_they_say(shown):
    release = shown.release
    places = frame_places(release)
    sets = {s.title: s for s in frame_sets(release, places, shown.changes, has_pictures=False)}
    assert {f.kept for f in sets["A look at the frames"].frames} == {True}
    furthest = sets["Where people differ most"].frames
    index = {id(frame): n for n, frame in enumerate(release.frames)}
    distances = [places.distance_f[index[id(frame)]] for frame in furthest]
    assert distances == sorted(distances, reverse=True)
    assert len({frame.clip_id for frame in furthest}) == len(furthest)
    assert all(f.reason and f.mean for f in sets["Frames without a box"].frames)
    moved = sets["Where boxes moved most since demo 1.0.0"]
    for frame in moved.frames:
        key = frame.clip_id, frame.second
        assert moved.others[key] != release.boxes[key]


def test_tubes_with_gaps_come_first(shown):
    strips = tube_strips(shown.release)
    has_gap = [bool(strip.tube.filled_seconds) for strip in strips]
    assert True in has_gap
    assert has_gap == sorted(has_gap, reverse=True)
    assert evenly(range(3), 9) == [0, 1, 2]


def report(*arguments: object):
    return CliRunner().invoke(main, ["report", *map(str, arguments)])


def test_the_command_writes_the_page_and_does_not_overwrite(shown, tmp_path):
    out = tmp_path / "page.html"
    result = report(shown.folder, out, "--parent", shown.parent)
    assert result.exit_code == 0, result.output
    assert out.read_text() == render(shown.outcome, changes=shown.changes)
    again = report(shown.folder, out)
    assert (again.exit_code, "exists already" in again.stderr) == (1, True)
    assert report(shown.folder, out, "--force").exit_code == 0


def test_the_command_prints_the_page_s_figures_as_json(shown, whole, tmp_path):
    result = report(shown.folder, tmp_path / "p.html", "--parent", shown.parent, "--json")
    found = json.loads(result.stdout)
    release = shown.release
    assert found["release_sha256"] == release.digest
    assert found["counts"] == counts_of(release)
    distance = found["agreement"]["distance between two clicks"]
    assert f"<b>{distance['value']:.2f}</b>" in whole
    low, high = distance["interval"]
    assert f"[{low:.2f}, {high:.2f}]" in whole
    assert sum(row["frames"] for row in found["actions"]) == len(release.frames)
    assert {row["annotator_id"] for row in found["people"]} == {
        person.annotator_id for person in release.annotators
    }
    assert found["findings"] == {}
    assert found["changes"]["since"] == "demo 1.0.0"
    assert f"is {found['changes']['mean_iou']:.3f} on average" in whole
    assert found["changes"]["tables"]["boxes"]["after"] == len(release.boxes) + len(release.beside)
    assert (tmp_path / "p.html").read_text() == whole


def test_figures_of_a_release_of_given_boxes_have_no_people(shown):
    given = replace(
        shown.release, derivation="none", answers=(), annotators=(), left_out={"lost": 3}
    )
    found = figures(Verification(given, (Finding("box_differs", "x", "y"),), ()))
    assert (found["agreement"], found["people"], found["changes"]) == (None, [], None)
    assert list(found["funnel"]) == ["Frames", "Clips"]
    assert found["contents"]["left out"] == "3 lost"
    assert found["findings"] == {"box_differs": 1}


def test_the_command_shows_a_falsified_release_with_its_findings(shown, tmp_path):
    folder = Path(shutil.copytree(shown.folder, tmp_path / "release"))
    (folder / "compat/grounding-youtube/seg.json").write_text("{}")
    result = report(folder, tmp_path / "page.html")
    assert result.exit_code == 0
    assert "findings" in result.stdout
    assert "<wbr>differs" in (tmp_path / "page.html").read_text()


def test_the_command_refuses_folders_that_are_none(shown, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert report(empty, tmp_path / "page.html").exit_code == 1
    tables.write_sums(empty)
    refused = report(empty, tmp_path / "page.html")
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert "manifest.json: cannot be read as JSON" in refused.stderr
    both = report(shown.folder, tmp_path / "p.html", "--frames", tmp_path, "--videos", tmp_path)
    assert both.exit_code == 2
