from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import update

from annot_server.listing import Wish, listed, paged
from annot_server.models import Clip
from annot_server.pace import DayCount, count_days, estimate, median_of_bins, read_days
from annot_server.progress import read_clips, read_progress


def test_progress_counts_the_answers_of_complete_and_of_open_frames(project, say, read) -> None:
    project.add_clip(2, redundancy=1)
    project.add_clip(2, video_id="v2", action="pour milk", redundancy=2)
    say("Ada", [None, None])
    say("Ada", [None])
    found = read(read_progress)
    assert (found.frames, found.retired, found.answers_active, found.answers_wanted) == (4, 2, 3, 6)
    assert [(v.video_id, v.retired, v.answers) for v in found.by_video] == [
        ("v1", 2, 2),
        ("v2", 0, 1),
    ]
    assert [a.description for a in found.by_action] == ["crack egg", "pour milk"]


def test_a_clip_tells_its_share_of_not_visible_and_its_worst_frame(two_frames, read) -> None:
    del two_frames
    first, second = read(read_clips)
    assert (first.frames, first.retired, first.answers, first.not_visible) == (2, 2, 4, 0.25)
    assert first.worst == 1.0
    assert first.disagreement < first.worst
    assert (second.retired, second.not_visible, second.worst) == (0, None, None)


def test_gold_clips_are_no_work(project, server, read) -> None:
    project.add_clip(2)
    server.database.write(lambda s: s.execute(update(Clip).values(is_gold=True)))
    assert read(read_clips) == []
    assert read(read_progress).frames == 0
    server.database.write(lambda s: s.execute(update(Clip).values(is_gold=False)))


def test_each_day_from_the_first_to_the_last_counts_its_answers(project, say, clock, read) -> None:
    project.add_clip(3, redundancy=1)
    say("Ada", [None])
    clock.advance(2 * 86_400)
    say("Ada", [None, None])
    assert [(d.day.isoformat(), d.answers, d.retired) for d in read(count_days)] == [
        ("2026-03-04", 1, 1),
        ("2026-03-05", 0, 0),
        ("2026-03-06", 2, 2),
    ]


def test_answers_to_midnight_belong_to_the_day_before(project, say, clock, read) -> None:
    project.add_clip(2, redundancy=1)
    clock.advance(86_400 - (clock().hour * 3600 + clock().minute * 60 + clock().second) - 1)
    say("Ada", [None])
    clock.advance(1)
    say("Ada", [None])
    assert [day.answers for day in read(count_days)] == [1, 1]


def test_times_of_a_day_are_a_median_and_quartiles(project, say, read) -> None:
    project.add_clip(4, redundancy=1)
    for ms in (1_000, 2_000, 3_000, 90_000):  # the last was a break
        say("Ada", [None], ms=ms)
    (day,) = read(read_days)
    assert (day.answers, day.not_visible) == (4, 4)
    assert (day.lower_s, day.median_s, day.upper_s) == (1.05, 2.05, 3.05)
    assert day.answers_an_hour == pytest.approx(4 / (6 / 3600))


def test_nothing_was_answered_on_no_day(project, read) -> None:
    project.add_clip(1)
    assert read(count_days) == []
    assert read(read_days) == []


def test_the_end_is_estimated_from_the_last_whole_days() -> None:
    days = [DayCount(date(2026, 5, d), n, 0) for d, n in ((1, 1000), (2, 10), (9, 60), (10, 5))]
    found = estimate(days, 100, date(2026, 5, 10))
    assert found.answers_a_day == 60 / 7
    assert found.ends_on == date(2026, 5, 22)


@pytest.mark.parametrize(
    ("days", "missing"),
    [([], 5), ([DayCount(date(2026, 5, 1), 9, 0)], 0), ([DayCount(date(2026, 1, 1), 9, 0)], 9)],
)
def test_there_is_no_end_to_estimate(days, missing) -> None:
    assert estimate(days, missing, date(2026, 5, 20)) is None


def test_no_answers_have_no_median() -> None:
    assert median_of_bins({}) is None


def test_a_listing_searches_every_word_and_sorts_what_is_unknown_last() -> None:
    rows = [("b egg", 2), ("a egg", None), ("c egg", 3), ("d milk", 1)]
    keys = {"n": lambda row: row[1]}
    wish = Wish("EGG", "n", is_descending=True)
    found = listed(rows, wish, size=2, text=lambda row: row[0], keys=keys)
    assert [row[0] for row in found.rows] == ["c egg", "b egg"]
    assert (found.n_rows, found.n_pages, found.first, found.last) == (3, 2, 1, 2)
    behind = listed(rows, Wish("egg", "n", page=9), size=2, text=lambda row: row[0], keys=keys)
    assert [row[0] for row in behind.rows] == ["a egg"]


def test_an_empty_page_numbers_no_rows() -> None:
    found = paged([], 0, Wish(), 10)
    assert (found.first, found.last, found.n_pages) == (0, 0, 1)


@pytest.mark.parametrize("page", ["-1", "x", "", "99999999999999999999", "²"])
def test_a_page_that_cannot_be_is_the_first(page) -> None:
    assert Wish.of({"page": page}, sort="n").page == 1
