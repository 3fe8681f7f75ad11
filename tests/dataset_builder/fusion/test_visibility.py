from __future__ import annotations

import itertools

import numpy as np
import pytest

from dataset_builder.fusion.answer_table import AnswerTable
from dataset_builder.fusion.visibility import PRIOR_RIGHT, PRIOR_WRONG, visibility


def table_of(votes):
    """Return the table of votes, (frames, people): 1 clicked, 0 not visible, -1 not asked."""
    votes = np.asarray(votes)
    frames, people = np.nonzero(votes >= 0)
    names = tuple(f"person-{n}" for n in range(votes.shape[1]))
    clicked = votes[frames, people] == 1
    return AnswerTable(names, frames, people, clicked, np.zeros((len(frames), 2)), len(votes))


def simulated(seed=0, n_frames=400, right=(0.95, 0.95, 0.95, 0.9, 0.5), visible=0.8):
    rng = np.random.default_rng(seed)
    truth = rng.random(n_frames) < visible
    is_right = rng.random((n_frames, len(right))) < np.array(right)
    return truth, np.where(is_right, truth[:, None], ~truth[:, None]).astype(int)


def test_people_who_all_agree_are_believed():
    found = visibility(table_of([[1] * 5] * 8 + [[0] * 5] * 2))
    assert found.p_visible_f[:8].min() > 0.999
    assert found.p_visible_f[8:].max() < 0.001


def test_a_frame_that_nobody_answered_has_no_probability():
    found = visibility(table_of([[1, 1], [-1, -1], [0, 0]]))
    assert np.isnan(found.p_visible_f).tolist() == [False, True, False]


def test_no_answers_at_all_say_nothing():
    assert np.isnan(visibility(table_of(np.full((3, 2), -1))).p_visible_f).all()


def test_accuracies_are_found_and_beat_the_majority():
    truth, votes = simulated(right=(0.95, 0.95, 0.5, 0.5, 0.5))
    found = visibility(table_of(votes))
    assert found.accuracy_j == pytest.approx([0.95, 0.95, 0.5, 0.5, 0.5], abs=0.08)
    mine = (found.p_visible_f > 0.5) == truth
    majority = (votes.sum(axis=1) > 2.5) == truth
    assert mine.mean() > majority.mean() + 0.05


def test_the_word_of_a_reliable_person_outweighs_that_of_a_guesser():
    _, votes = simulated()
    asked = np.vstack([votes, [[1, -1, -1, -1, 0]], [[0, -1, -1, -1, 1]]])
    p_visible = visibility(table_of(asked)).p_visible_f
    assert p_visible[-2] > 0.5 > p_visible[-1]


def test_names_and_frames_may_be_permuted():
    _, votes = simulated(n_frames=60)
    expected = visibility(table_of(votes)).p_visible_f
    rng = np.random.default_rng(1)
    rows, columns = rng.permutation(60), rng.permutation(5)
    found = visibility(table_of(votes[rows][:, columns])).p_visible_f
    assert found == pytest.approx(expected[rows], abs=1e-9)


def test_the_fit_is_where_the_likelihood_with_its_prior_is_highest():
    """Against a search over all accuracies of two people and all shares on a fine grid."""
    votes = np.array([[1, 1]] * 5 + [[0, 0]] * 2 + [[1, 0]] * 3)

    def penalised(a, b, share):
        total = (PRIOR_RIGHT * np.log([a, b]) + PRIOR_WRONG * np.log([1 - a, 1 - b])).sum()
        total += np.log(share) + np.log(1 - share)
        for one, two in votes:
            seen = share * (a if one else 1 - a) * (b if two else 1 - b)
            unseen = (1 - share) * (1 - a if one else a) * (1 - b if two else b)
            total += np.log(seen + unseen)
        return total

    grid = np.linspace(0.02, 0.98, 49)
    best = max(itertools.product(grid, grid, grid), key=lambda values: penalised(*values))
    found = visibility(table_of(votes))
    assert found.accuracy_j == pytest.approx(best[:2], abs=0.021)
