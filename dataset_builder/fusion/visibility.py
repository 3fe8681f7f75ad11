"""Can the action be seen on a frame? The one-coin model of Dawid and Skene, fitted by EM.

Every annotator says the truth ("visible" or "not visible") with one probability of their own, the
same both ways, and a share of all frames is visible: A. P. Dawid and A. M. Skene, "Maximum
Likelihood Estimation of Observer Error-Rates Using the EM Algorithm", Applied Statistics 28 (1979),
with one parameter an annotator instead of a table (the "one-coin" form). Somebody who contradicts
the others often counts for less, and somebody who is always wrong counts the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dataset_builder.fusion.answer_table import AnswerTable, Floats, sums

PRIOR_RIGHT, PRIOR_WRONG = 4.0, 1.0
"""Answers that each annotator is taken to have given right and wrong before the first one.

They keep somebody with few answers near 80 % right, and decide which of the two classes is which.
"""

_ROUNDS = 200
_SETTLED = 1e-12


@dataclass(frozen=True, slots=True)
class Visibility:
    """What the answers say of visibility.

    Attributes:
        p_visible_f: probability that the action can be seen; NaN on a frame without answers.
        accuracy_j: probability that an annotator says of a frame what is so.
    """

    p_visible_f: Floats
    accuracy_j: Floats


def visibility(table: AnswerTable) -> Visibility:
    """Fit the model to all answers of a project.

    >>> import numpy as np
    >>> frames, people = np.repeat(np.arange(2), 3), np.tile(np.arange(3), 2)
    >>> clicked = np.array([True, True, False, False, False, False])
    >>> table = AnswerTable(("a", "b", "c"), frames, people, clicked, np.zeros((6, 2)), 2)
    >>> visibility(table).p_visible_f.round(3).tolist()
    [0.909, 0.012]
    """
    frames_a, people_a = table.frames_a, table.annotators_a
    n_people = len(table.annotators)
    answers_f = np.bincount(frames_a, minlength=table.n_frames)
    answers_j = np.bincount(people_a, minlength=n_people)
    is_asked_f = answers_f > 0
    n_asked = int(is_asked_f.sum())
    clicked_a = table.is_click_a.astype(np.float64)
    p_f = sums(frames_a, clicked_a, table.n_frames) / np.maximum(answers_f, 1)
    for _ in range(_ROUNDS):
        share = (p_f.sum() + 1) / (n_asked + 2)
        agrees_a = np.where(table.is_click_a, p_f[frames_a], 1 - p_f[frames_a])
        agreed_j = sums(people_a, agrees_a, n_people)
        accuracy_j = (agreed_j + PRIOR_RIGHT) / (answers_j + PRIOR_RIGHT + PRIOR_WRONG)
        right_a = accuracy_j[people_a]
        if_visible_f = np.full(table.n_frames, share)
        if_not_f = np.full(table.n_frames, 1 - share)
        # Products and not sums of logarithms, whose last digit differs between machines.
        np.multiply.at(if_visible_f, frames_a, np.where(table.is_click_a, right_a, 1 - right_a))
        np.multiply.at(if_not_f, frames_a, np.where(table.is_click_a, 1 - right_a, right_a))
        before_f, p_f = p_f, if_visible_f / (if_visible_f + if_not_f) * is_asked_f
        if np.abs(p_f - before_f).max(initial=0) < _SETTLED:
            break
    return Visibility(np.where(is_asked_f, p_f, np.nan), accuracy_j)
