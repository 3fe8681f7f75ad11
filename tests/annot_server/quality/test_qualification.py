from __future__ import annotations

from functools import partial
from itertools import product

import pytest
from sqlalchemy import func, select

from annot_server.errors import AlreadyAnsweredError, NotFoundError
from annot_server.models import GoldFrame, Person, QualificationAnswer
from annot_server.quality.gold_import import withdraw_gold
from annot_server.quality.qualification import (
    FAILED,
    OFF,
    OPEN,
    PASSED,
    WAITING,
    Feedback,
    Progress,
    Supply,
    answer_question,
    is_pass,
    qualify,
    read_progress,
    supply,
    try_again,
)
from annot_server.quality.standing import standing_of
from dataset_builder.geometry import Point

CENTRE, CORNER = Point(0.5, 0.5), Point(0.0, 0.0)


class Candidate:
    """A person at the qualification."""

    def __init__(self, server, person_id: int) -> None:
        self.server, self.person_id = server, person_id
        with server.database.read() as session:
            rows = session.execute(select(GoldFrame.frame_id, GoldFrame.x)).all()
        self.is_visible = {frame_id: x is not None for frame_id, x in rows}

    def progress(self) -> Progress:
        with self.server.database.read() as session:
            return read_progress(
                session,
                person_id=self.person_id,
                config=self.server.config,
                now=self.server.now(),
            )

    def answer(self, frame_id: int, point: Point | None) -> Feedback:
        return self.server.database.write(
            lambda session: answer_question(
                session,
                person_id=self.person_id,
                frame_id=frame_id,
                point=point,
                config=self.server.config,
                now=self.server.now(),
            )
        )

    def attempt(self, wrong_visible: int = 0, wrong_hidden: int = 0) -> list[int]:
        """Answer one attempt with so many mistakes; return the frames in their order."""
        wrong = {True: wrong_visible, False: wrong_hidden}
        frames = []
        while (progress := self.progress()).question is not None:
            if len(frames) == 10:
                break
            frame_id = progress.question.frame_id
            is_visible = self.is_visible[frame_id]
            is_wrong = wrong[is_visible] > 0
            wrong[is_visible] -= is_wrong
            answers = {True: (CENTRE, CORNER), False: (None, CORNER)}
            self.answer(frame_id, answers[is_visible][is_wrong])
            frames.append(frame_id)
        return frames

    def standing(self) -> str | None:
        return self.server.database.write(
            lambda session: standing_of(
                session,
                person_id=self.person_id,
                config=self.server.config,
                now=self.server.now(),
            )
        )


def rows(n_visible: int, n_hidden: int) -> list[str]:
    seconds = [(f"v{1 + n // 4 % 2}", n % 4, f"action {n // 8}") for n in range(40)]
    visible = [f"{v},{s},{a},0.5,0.5,Look at {s}." for v, s, a in seconds[:n_visible]]
    return visible + [f"{v},{s},not {a},,,It is over." for v, s, a in seconds[:n_hidden]]


@pytest.fixture
def candidate(server, project, bring_gold):
    """Return a function that gives a person, where ten qualification frames are in use."""
    bring_gold(*rows(8, 2), purpose="qualification")
    return lambda name="Ada", role="annotator": Candidate(server, project.person(name, role))


# The rule -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("visible_right", "hidden_right"), list(product(range(9), range(3))))
def test_passed_is_who_gets_both_hidden_and_six_of_eight(visible_right, hidden_right) -> None:
    results = [(True, n < visible_right) for n in range(8)]
    results += [(False, n < hidden_right) for n in range(2)]
    assert is_pass(results) == (visible_right >= 6 and hidden_right == 2)


@pytest.mark.parametrize(
    ("n_visible", "n_hidden", "is_enough"),
    [(8, 2, True), (7, 2, False), (8, 1, False), (30, 9, True), (0, 0, False)],
)
def test_it_is_on_while_there_are_enough_frames(n_visible, n_hidden, is_enough) -> None:
    found = Supply(n_visible, n_hidden)
    assert found.is_enough is is_enough
    assert str(found).startswith("the qualification is on" if is_enough else "the qualification is")
    assert ("off" in str(found)) is not is_enough


# On and off -----------------------------------------------------------------------------------


def test_too_few_frames_leave_it_off(server, project, bring_gold) -> None:
    bring_gold(*rows(8, 1), purpose="qualification")
    bring_gold(*[row.replace("action", "other") for row in rows(9, 9)], purpose="hidden")
    ada = Candidate(server, project.person("Ada"))
    with server.database.read() as session:
        assert supply(session) == Supply(8, 1)
    assert ada.progress().state == OFF
    assert ada.standing() is None


@pytest.mark.parametrize("role", ["reviewer", "maintainer"])
def test_only_annotators_have_to_qualify(candidate, role) -> None:
    grace = candidate("Grace", role)
    assert (grace.progress().state, grace.standing()) == (OFF, None)


def test_annotators_get_no_frames_before_they_passed(candidate) -> None:
    ada = candidate()
    assert ada.standing() == "to_qualify"
    ada.attempt()
    assert (ada.standing(), ada.progress().state) == (None, PASSED)


def test_a_withdrawal_that_leaves_too_few_turns_it_off(server, candidate) -> None:
    ada = candidate()
    withdraw = partial(withdraw_gold, video_id="v2", action=None, second=None, now=server.now())
    server.database.write(withdraw)
    assert (ada.standing(), ada.progress().state) == (None, OFF)


# An attempt -----------------------------------------------------------------------------------


def test_an_attempt_has_eight_frames_with_the_action_and_two_without(candidate) -> None:
    ada = candidate()
    frames = ada.attempt()
    assert len(set(frames)) == 10
    assert sorted(ada.is_visible[frame_id] for frame_id in frames) == [False] * 2 + [True] * 8


def test_frames_come_in_another_order_for_everybody(candidate) -> None:
    assert len({tuple(candidate(name).attempt()) for name in ("Ada", "Bo", "Cy", "Di")}) > 1


@pytest.mark.parametrize(
    ("mistakes", "state"),
    [((0, 0), PASSED), ((2, 0), PASSED), ((3, 0), WAITING), ((0, 1), WAITING)],
)
def test_the_tenth_answer_decides(server, candidate, mistakes, state) -> None:
    ada = candidate()
    ada.attempt(*mistakes)
    progress = ada.progress()
    assert progress.state == state
    if state == WAITING:
        assert (progress.n_answered, progress.n_right) == (10, 10 - sum(mistakes))
    with server.database.read() as session:
        qualified_at = session.get_one(Person, ada.person_id).qualified_at
    assert qualified_at == (server.now() if state == PASSED else None)


def test_feedback_tells_the_known_answer_and_the_note(candidate) -> None:
    ada = candidate()
    seen = set()
    while (question := ada.progress().question) is not None:
        is_visible = ada.is_visible[question.frame_id]
        feedback = ada.answer(question.frame_id, Point(0.5, 0.6))
        seen.add(is_visible)
        assert feedback.known == (CENTRE if is_visible else None)
        assert feedback.is_right is is_visible
        assert feedback.distance == (pytest.approx(0.06) if is_visible else None)
        assert (feedback.tolerance, feedback.is_repeat) == (0.08, False)
        assert (feedback.note or "").startswith("Look at" if is_visible else "It is over")
    assert seen == {True, False}


def test_only_the_frame_that_is_asked_can_be_answered(candidate) -> None:
    ada = candidate()
    asked = ada.progress().question
    for frame_id in ada.is_visible:
        if frame_id != asked.frame_id:
            with pytest.raises(NotFoundError):
                ada.answer(frame_id, CENTRE)
    with pytest.raises(NotFoundError):
        ada.answer(1, CENTRE)


def test_the_same_answer_again_is_the_same_answer(server, candidate) -> None:
    ada = candidate()
    frame_id = ada.progress().question.frame_id
    first, again = ada.answer(frame_id, CORNER), ada.answer(frame_id, CORNER)
    assert (first.is_right, first.distance, first.known) == (
        again.is_right,
        again.distance,
        again.known,
    )
    assert again.is_repeat
    with pytest.raises(AlreadyAnsweredError):
        ada.answer(frame_id, CENTRE)
    with server.database.read() as session:
        assert session.scalar(select(func.count(QualificationAnswer.id))) == 1


def test_a_page_that_is_opened_again_goes_on_where_it_was(candidate) -> None:
    ada = candidate()
    before = ada.progress()
    assert ada.progress() == before
    ada.answer(before.question.frame_id, CENTRE)
    after = ada.progress()
    assert (after.n_answered, after.attempt) == (1, 1)
    assert after.question != before.question


def test_a_frame_withdrawn_in_the_middle_is_replaced(server, project, bring_gold) -> None:
    bring_gold(*rows(12, 3), purpose="qualification")
    ada = Candidate(server, project.person("Ada"))
    answered = []
    for _ in range(3):
        answered.append(ada.progress().question.frame_id)
        ada.answer(answered[-1], CORNER)
    server.database.write(
        lambda session: session.get_one(GoldFrame, answered[0]).__setattr__(
            "withdrawn_at", server.now()
        )
    )
    assert ada.progress().n_answered == 2
    assert answered[0] not in ada.attempt()
    assert ada.progress().n_answered == 10


# Again and again ------------------------------------------------------------------------------


def test_after_a_failed_attempt_one_waits_and_tries_again(candidate, clock) -> None:
    ada = candidate()
    ada.attempt(wrong_visible=3)
    assert (ada.progress().state, ada.progress().wait_s) == (WAITING, 600)
    clock.advance(599.5)
    assert (ada.progress().state, ada.progress().wait_s) == (WAITING, 1)
    with pytest.raises(AlreadyAnsweredError):
        ada.answer(next(iter(ada.is_visible)), Point(0.3, 0.3))
    clock.advance(0.5)
    assert (ada.progress().state, ada.progress().attempt, ada.progress().n_answered) == (OPEN, 2, 0)
    ada.attempt()
    assert ada.progress().state == PASSED


def test_after_the_last_attempt_there_is_no_other(candidate, clock) -> None:
    ada = candidate()
    for n in range(3):
        assert ada.progress().attempt == n + 1
        ada.attempt(wrong_hidden=2)
        clock.advance(601)
    progress = ada.progress()
    assert (progress.state, progress.attempt, progress.n_right) == (FAILED, 3, 8)
    assert ada.standing() == "to_qualify"


def test_another_attempt_has_other_frames_where_there_are_some(
    server, project, bring_gold, clock
) -> None:
    bring_gold(*rows(16, 4), purpose="qualification")
    ada = Candidate(server, project.person("Ada"))
    first = ada.attempt(wrong_visible=8)
    clock.advance(601)
    second = ada.attempt(wrong_visible=8)
    assert not set(first) & set(second)
    clock.advance(601)
    assert len(set(ada.attempt()) & set(first + second)) == 10


def test_what_was_said_in_an_earlier_attempt_does_not_bind(candidate, clock) -> None:
    ada = candidate()
    ada.attempt(wrong_visible=8, wrong_hidden=2)
    clock.advance(601)
    ada.attempt()
    assert ada.progress().state == PASSED


@pytest.mark.parametrize("settings", [{"qualification_attempts": 1, "qualification_wait_s": 0}])
def test_attempts_and_waiting_are_settings(candidate) -> None:
    ada = candidate()
    ada.attempt(wrong_hidden=1)
    assert (ada.progress().state, ada.progress().attempts) == (FAILED, 1)


def test_a_maintainer_can_let_somebody_try_again(server, candidate, clock) -> None:
    ada = candidate()
    for _ in range(3):
        ada.attempt(wrong_hidden=2)
        clock.advance(601)
    assert ada.progress().state == FAILED
    again = partial(try_again, person_id=ada.person_id, now=server.now())
    server.database.write(again)
    progress = ada.progress()
    assert (progress.state, progress.attempt, progress.n_answered) == (OPEN, 1, 0)
    ada.attempt()
    assert (ada.progress().state, ada.standing()) == (PASSED, None)


def test_a_maintainer_can_let_somebody_pass(server, candidate) -> None:
    ada = candidate()
    passes = partial(qualify, person_id=ada.person_id, now=server.now(), by_person_id=None)
    server.database.write(passes)
    assert (ada.progress().state, ada.progress().n_answered, ada.standing()) == (PASSED, 0, None)
