from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert, select, update

from annot_server.models import (
    AuditEntry,
    Clip,
    GoldAnswer,
    GoldFrame,
    Lease,
    LeaseFrame,
    Person,
    Skip,
)
from annot_server.pauses import resume
from annot_server.quality.score import Result, is_too_low, rolling_score, score_of
from annot_server.quality.standing import standing_of

RIGHT, WRONG = Result(True, True, 0.01), Result(False, True, 0.4)
SKIPPED = Result(False, True, None, is_skip=True)


def test_no_gold_answers_say_nothing() -> None:
    score = score_of([])
    assert (score.n, score.n_not_visible) == (0, 0)
    assert score.share_right is score.distance is score.not_visible_right is None
    assert not is_too_low(score, min_answers=1, min_share=1.0)


def test_a_score_tells_visible_from_not_visible_gold() -> None:
    score = score_of(
        [RIGHT, WRONG, Result(False, True, None), Result(True, False, None)]
        + [Result(False, False, None)] * 2
    )
    assert (score.n, score.share_right, score.n_not_visible) == (6, 0.333, 3)
    assert score.distance == pytest.approx((0.01 + 0.4) / 2)
    assert score.not_visible_right == pytest.approx(1 / 3, abs=0.001)


@pytest.mark.parametrize(
    ("n_right", "n_wrong", "is_low"),
    [(0, 9, False), (0, 10, True), (6, 4, False), (5, 5, True), (12, 8, False), (11, 9, True)],
)
def test_few_answers_judge_nobody_and_the_threshold_itself_passes(n_right, n_wrong, is_low) -> None:
    score = score_of([RIGHT] * n_right + [WRONG] * n_wrong)
    assert is_too_low(score, min_answers=10, min_share=0.6) is is_low


@pytest.mark.parametrize(
    ("n_right", "n_skipped", "share"),
    [(9, 1, 1.0), (18, 2, 1.0), (9, 0, 1.0), (8, 1, 0.889), (8, 2, 0.889), (10, 10, 0.556)],
)
def test_one_skip_in_ten_is_free_and_the_others_are_not_right(n_right, n_skipped, share) -> None:
    assert score_of([RIGHT] * n_right + [SKIPPED] * n_skipped).share_right == share


def test_skips_stand_for_themselves_beside_the_other_figures() -> None:
    score = score_of([RIGHT, Result(False, False, None, is_skip=True), SKIPPED])
    assert (score.n, score.n_skipped) == (3, 2)
    assert (score.n_not_visible, score.not_visible_right, score.distance) == (0, None, 0.01)


@pytest.mark.parametrize(("n_skipped", "is_low"), [(9, False), (10, True)])
def test_whoever_skips_all_gold_is_judged_like_others(n_skipped, is_low) -> None:
    score = score_of([SKIPPED] * n_skipped)
    assert is_too_low(score, min_answers=10, min_share=0.6) is is_low


class History:
    """Gives a person gold answers, right and wrong, and skips of gold, the oldest first."""

    def __init__(self, server, person_id: int, frames: list[int]) -> None:
        self.server, self.person_id, self.frames = server, person_id, frames
        self.n = 0

    def add(self, *right: bool) -> None:
        self.server.database.write(partial(self._add, right))

    def _add(self, right: tuple[bool, ...], session) -> None:
        for is_right in right:
            met = self._meet_next(session)
            session.execute(
                insert(GoldAnswer),
                {
                    **met,
                    "idempotency_key": f"key {self.n}",
                    "is_right": is_right,
                    "x": 0.5,
                    "y": 0.5,
                    "distance": 0.0 if is_right else 0.5,
                },
            )
            self.n += 1

    def skip(self, n: int) -> None:
        self.server.database.write(partial(self._skip, n))

    def _skip(self, n: int, session) -> None:
        for _ in range(n):
            session.execute(insert(Skip), {**self._meet_next(session), "reason": "broken_image"})
            self.n += 1

    def _meet_next(self, session) -> dict[str, Any]:
        """Lease the next gold frame; return the values that answers and skips share."""
        now = self.server.now()
        clip_id = session.scalars(select(Clip.clip_id).where(Clip.is_gold)).first()
        lease = Lease(
            person_id=self.person_id,
            clip_id=clip_id,
            created_at=now,
            expires_at=now + timedelta(seconds=1),
        )
        session.add(lease)
        session.flush()
        frame_id = self.frames[self.n % len(self.frames)]
        session.execute(insert(LeaseFrame), {"lease_id": lease.id, "frame_id": frame_id})
        return {
            "frame_id": frame_id,
            "person_id": self.person_id,
            "lease_id": lease.id,
            "created_at": now,
        }

    def standing(self) -> str | None:
        return self.server.database.write(
            lambda session: standing_of(
                session,
                person_id=self.person_id,
                config=self.server.config,
                now=self.server.now(),
            )
        )

    def score(self) -> Any:
        with self.server.database.read() as session:
            return rolling_score(session, self.person_id, self.server.config.gold_window)

    def person(self) -> Person:
        with self.server.database.read() as session:
            person = session.get_one(Person, self.person_id)
            session.expunge_all()
        return person


@pytest.fixture
def history(server, project, bring_gold, gold_frames):
    rows = [f"v{1 + n % 2},{n % 4},gold {n},0.5,0.5," for n in range(36)]
    bring_gold(*rows)

    def history(name: str = "Ada", role: str = "annotator") -> History:
        return History(server, project.person(name, role), gold_frames())

    return history


def test_the_window_is_the_last_twenty(history) -> None:
    ada = history()
    ada.add(*[False] * 10, *[True] * 20)
    assert (ada.score().n, ada.score().share_right) == (20, 1.0)
    ada.add(False)
    assert ada.score().share_right == 0.95


def test_somebody_whose_score_falls_is_paused_at_the_next_lease(server, history) -> None:
    ada = history()
    ada.add(*[True] * 5, *[False] * 4)
    assert ada.standing() is None
    ada.add(False)
    assert ada.person().paused_at is None  # not at the answer: that would give the frame away
    assert ada.standing() == "paused"
    assert ada.person().paused_at == server.now()
    assert ada.person().paused_reason == "5 of the last 10 answers on hidden gold frames were right"
    with server.database.read() as session:
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.what == "pause")).all()
        assert (entry.person_id, str(ada.person_id) in entry.subject) == (None, True)


def test_skipping_every_gold_frame_pauses_like_wrong_answers(history) -> None:
    ada = history()
    ada.skip(9)
    assert ada.standing() is None
    ada.skip(1)
    assert ada.standing() == "paused"
    reason = "0 of the last 10 hidden gold frames were answered right, 10 were skipped"
    assert ada.person().paused_reason == reason


def test_a_broken_image_now_and_then_costs_nothing(history) -> None:
    ada = history()
    ada.add(*[True] * 11, *[False] * 7)
    ada.skip(2)
    assert ada.score().share_right == 0.611
    assert ada.standing() is None


def test_the_window_holds_answers_and_skips_as_they_came(history, clock) -> None:
    ada = history()
    ada.skip(10)
    clock.advance(1)
    ada.add(*[True] * 15)
    assert (ada.score().n, ada.score().n_skipped) == (20, 5)
    clock.advance(1)
    ada.skip(2)
    assert (ada.score().n, ada.score().n_skipped) == (20, 5)
    ada.add(*[True] * 5)
    assert (ada.score().n, ada.score().n_skipped, ada.score().share_right) == (20, 2, 1.0)


def test_a_skip_that_was_taken_back_or_of_withdrawn_gold_does_not_count(server, history) -> None:
    ada = history()
    ada.skip(5)
    taken_back = update(Skip).where(Skip.frame_id == ada.frames[0])
    withdrawn = update(GoldFrame).where(GoldFrame.frame_id == ada.frames[1])
    server.database.write(
        lambda session: [
            session.execute(taken_back.values(undone_at=server.now())),
            session.execute(withdrawn.values(withdrawn_at=server.now())),
        ]
    )
    assert (ada.score().n, ada.score().n_skipped) == (3, 3)


def test_skips_from_before_somebody_went_on_do_not_count(server, history, clock) -> None:
    ada = history()
    ada.skip(10)
    assert ada.standing() == "paused"
    clock.advance(10)
    goes_on = partial(resume, person_id=ada.person_id, now=server.now())
    assert server.database.write(goes_on)
    assert (ada.score().n, ada.standing()) == (0, None)


def test_a_paused_person_stays_paused_and_can_go_on_with_a_new_window(
    server, history, clock
) -> None:
    ada = history()
    ada.add(*[False] * 10)
    assert (ada.standing(), ada.standing()) == ("paused", "paused")
    clock.advance(10)
    goes_on = partial(resume, person_id=ada.person_id, now=server.now())
    assert server.database.write(goes_on)
    assert ada.standing() is None
    assert ada.score().n == 0
    clock.advance(10)
    ada.add(*[False] * 9)
    assert ada.standing() is None
    ada.add(False)
    assert ada.standing() == "paused"


@pytest.mark.parametrize("role", ["reviewer", "maintainer"])
def test_only_annotators_are_paused_by_their_score(history, role) -> None:
    grace = history("Grace", role)
    grace.add(*[False] * 20)
    assert grace.standing() is None


def test_what_was_taken_back_or_withdrawn_does_not_count(server, history) -> None:
    ada = history()
    ada.add(*[False] * 12)
    server.database.write(
        lambda session: session.execute(
            update(GoldAnswer)
            .where(GoldAnswer.idempotency_key == "key 0")
            .values(superseded_at=server.now())
        )
    )
    assert ada.score().n == 11
    server.database.write(
        lambda session: session.execute(
            update(GoldFrame)
            .where(GoldFrame.frame_id.in_(ada.frames[1:3]))
            .values(withdrawn_at=server.now())
        )
    )
    assert ada.score().n == 9
    assert ada.standing() is None


@pytest.mark.parametrize("settings", [{"gold_min_share": 0.0}])
def test_a_threshold_of_nothing_pauses_nobody(history) -> None:
    ada = history()
    ada.add(*[False] * 20)
    assert ada.standing() is None


def test_the_report_has_gold_by_person(server, history, project) -> None:
    from annot_server.quality.report import people_report

    ada = history()
    ada.add(*[True] * 6, *[False] * 24)
    ada.add(*[True] * 2)
    project.person("Bo")
    cy = history("Cy")
    cy.add(*[True] * 4)
    cy.skip(6)
    with server.database.read() as session:
        rows = {row.name: row for row in people_report(session, window=20)}
    assert (rows["Ada"].gold_answers, rows["Ada"].gold_right) == (32, 0.25)
    assert rows["Ada"].score == 0.1
    assert rows["Ada"].gold_distance == 0.5
    assert rows["Bo"].gold_answers == rows["Bo"].gold_skips == rows["Ada"].gold_skips == 0
    assert (rows["Cy"].gold_answers, rows["Cy"].gold_right, rows["Cy"].gold_skips) == (4, 1.0, 6)
    assert rows["Cy"].score == 0.444
    assert rows["Cy"].skips == 0
    assert np.isclose(rows["Ada"].gold_right or 0, 0.25)
