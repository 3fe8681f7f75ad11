"""Tables of single actions: what stands in them, in which order, and how many there are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stg_model.evaluation.html import actions
from stg_model.evaluation.html.actions import action_tables, middle_threshold


def tables_of(compared):
    return action_tables(
        compared.report, compared.systems, compared.truths, compared.release.actions
    )


def test_a_row_holds_the_counts_and_every_system_s_value(compared):
    table = tables_of(compared)[0][0]
    assert table.heading == "pointing"
    assert [system.name for system in table.systems] == ["good", "poor", "fixed"]
    rows = {row.name: (row.n_clips, row.n_frames, row.values) for row in table.rows}
    assert rows["stir"] == (1, 2, (1.0, 0.5, 0.0))
    assert rows["pour"] == (1, 2, (1.0, 0.0, 0.0))


def test_frequent_actions_come_first_then_by_id(compared, make_release):
    fewer = {key: box for key, box in compared.release.boxes.items() if key != ("clip-0", 1)}
    changed = replace(compared, release=replace(compared.release, boxes=fewer))
    names = [row.name for row in tables_of(changed)[0][0].rows]
    assert names == ["pour", "stir", "cut"]


def test_one_threshold_of_each_metric_has_a_table(compared):
    tables, without_room = tables_of(compared)
    headings = [table.heading for table in tables]
    assert headings[0] == "pointing"
    assert sum("video mAP (volume)@" in heading for heading in headings) == 1
    assert len(headings) == len(set(headings))
    assert without_room == []


@pytest.mark.parametrize(
    ("metrics", "middle"),
    [
        (["pointing"], "pointing"),
        (["viou@0.3", "viou@0.5"], "viou@0.3"),
        (["m@0.1", "m@0.2", "m@0.3", "m@mean"], "m@0.2"),
        (["m@mean"], "m@mean"),
    ],
)
def test_the_middle_threshold(metrics, middle):
    assert middle_threshold(metrics) == middle


def test_tables_beyond_the_page_s_room_are_named_instead(compared, monkeypatch):
    tables, _ = tables_of(compared)
    size = 3 * len(tables[0].systems)
    monkeypatch.setattr(actions, "MOST_NUMBERS", size)
    fewer, without_room = tables_of(compared)
    assert [table.heading for table in fewer] == ["pointing"]
    assert without_room == [table.heading for table in tables[1:]]
    monkeypatch.setattr(actions, "MOST_NUMBERS", size - 1)
    assert "pointing" in tables_of(compared)[1]
