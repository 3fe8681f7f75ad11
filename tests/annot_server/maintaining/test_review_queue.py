"""The queue of frames to review: which frames are in it, in what order, how many of each kind."""

from __future__ import annotations

import pytest
from sqlalchemy import event

from annot_server.disagreements import (
    ALL,
    KINDS,
    SCATTERED,
    SETTLED,
    SPLIT,
    TO_LOOK_AT,
    read_queue,
    unsettle,
)
from annot_server.errors import NotFoundError
from annot_server.review import settle
from dataset_builder.geometry import Point


@pytest.fixture
def three_frames(project, say) -> list[int]:
    """Complete frames with three answers: of one mind, one click outside, one person sees none."""
    ids = project.add_clip(3, redundancy=3)
    say("Ada", [Point(0.5, 0.5), Point(0.5, 0.5), Point(0.5, 0.5)])
    say("Ben", [Point(0.5, 0.52), Point(0.5, 0.51), None])
    say("Cem", [Point(0.5, 0.51), Point(0.7, 0.5), Point(0.5, 0.5)])
    return ids


def ids_of(found) -> list[int]:
    return [row.frame_id for row in found[0]]


def test_only_frames_that_need_a_look_are_shown_at_first(read, three_frames) -> None:
    agreed, scattered, split = three_frames
    assert ids_of(read(read_queue)) == [scattered, split]
    assert agreed in ids_of(read(read_queue, kind=ALL))


@pytest.mark.parametrize(("kind", "which"), [(SPLIT, 2), (SCATTERED, 1)])
def test_each_kind_of_disagreement_has_a_queue(read, three_frames, kind, which) -> None:
    assert ids_of(read(read_queue, kind=kind)) == [three_frames[which]]


def test_a_frame_that_nobody_can_see_needs_no_look(read, project, say) -> None:
    ids = project.add_clip(1, redundancy=2)
    say("Ada", [None])
    say("Ben", [None])
    assert ids_of(read(read_queue)) == []
    assert ids_of(read(read_queue, kind=ALL)) == ids


def test_all_frames_come_the_least_agreed_first(read, three_frames) -> None:
    agreed, scattered, split = three_frames
    assert ids_of(read(read_queue, kind=ALL)) == [scattered, split, agreed]


def test_each_queue_says_how_many_frames_every_kind_has(read, three_frames) -> None:
    del three_frames
    numbers = {TO_LOOK_AT: 2, SPLIT: 1, SCATTERED: 1, ALL: 3, SETTLED: 0}
    assert [read(read_queue, kind=kind)[1] for kind in KINDS] == [numbers] * len(KINDS)


def test_the_numbers_are_of_the_frames_that_were_searched_for(read, three_frames) -> None:
    del three_frames
    assert set(read(read_queue, words="milk")[1].values()) == {0}


def test_a_queued_frame_says_where_people_clicked(read, two_frames) -> None:
    rows, _ = read(read_queue)
    assert [(row.frame_id, row.clicks) for row in rows] == [(two_frames[1], (Point(0.2, 0.2),))]


@pytest.mark.parametrize(("words", "n"), [("egg V1", 2), ("milk", 0), ("100%", 0), ("_", 2)])
def test_the_queue_is_searched_literally(read, two_frames, words, n) -> None:
    del two_frames  # every clip's id has a "_"
    assert len(read(read_queue, kind=ALL, words=words)[0]) == n


def test_a_settled_frame_leaves_the_queue_until_that_is_taken_back(
    read, server, project, clock, two_frames
) -> None:
    who = project.person("Rita", "reviewer")
    frame_id = two_frames[1]
    server.database.write(lambda s: settle(s, frame_id=frame_id, by_person_id=who, now=clock()))
    assert ids_of(read(read_queue)) == []
    assert ids_of(read(read_queue, kind=SETTLED)) == [frame_id]
    server.database.write(lambda s: unsettle(s, frame_id=frame_id, by_person_id=who, now=clock()))
    assert ids_of(read(read_queue)) == [frame_id]
    with pytest.raises(NotFoundError):
        server.database.write(lambda s: unsettle(s, frame_id=10_000, by_person_id=who, now=clock()))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_page_of_the_queue_is_read_through_its_index(read, server, three_frames) -> None:
    del three_frames
    asked = []

    def keep(connection, cursor, statement, parameters, *_) -> None:
        del connection, cursor
        if "ORDER BY frames.disagreement DESC" in statement:
            asked.append((statement, parameters))

    event.listen(server.database.engine, "before_cursor_execute", keep)
    read(read_queue)
    event.remove(server.database.engine, "before_cursor_execute", keep)
    with server.database.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[0][0]}", asked[0][1])
        assert any("ix_frames_to_review" in row[-1] for row in plan)


def test_the_page_names_every_queue_with_its_number(sign_in, three_frames) -> None:
    del three_frames
    page = sign_in("Rita", "reviewer").get("/review").text
    assert 'aria-current="true">To look at <span class="number-of">2</span>' in page
    assert 'href="/review?kind=all">All <span class="number-of">3</span>' in page
