import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from stg_model.network.selection import best_frames, frame_scores, plan_scores
from stg_model.network.sinkhorn import sinkhorn
from stg_model.settings import SelectionSettings

ORACLE = Path(os.environ.get("SHARED_DATA", "../shared/data")) / "oracles/sinkhorn_pot/cases.json"


def all_true(*shape):
    return torch.ones(*shape, dtype=torch.bool)


def scores(method, frames, words, sentence=None, word_mask=None, **changes):
    sentence = words.mean(1) if sentence is None else sentence
    return frame_scores(
        frames,
        words,
        sentence,
        frame_mask_BU=all_true(*frames.shape[:2]),
        word_mask_BK=all_true(*words.shape[:2]) if word_mask is None else word_mask,
        settings=replace(SelectionSettings(), method=method, **changes),
        generator=torch.Generator().manual_seed(1),
    ).scores_BU


def test_the_best_come_back_in_time_order():
    index, mask = best_frames(torch.tensor([[0.1, 0.9, 0.2, 0.8, 0.7]]), all_true(1, 5), 3)
    assert index.tolist() == [[1, 3, 4]]
    assert mask.all()


def test_scores_within_a_billionth_are_ties_and_the_earlier_frame_wins():
    tiny = 4e-10
    index, _ = best_frames(
        torch.tensor([[0.5, 0.5 + tiny, 0.5 + 2 * tiny, 0.9]], dtype=torch.float64),
        all_true(1, 4),
        2,
    )
    assert index.tolist() == [[0, 3]]
    index, _ = best_frames(
        torch.tensor([[0.5, 0.5 + 1e-8, 0.1]], dtype=torch.float64), all_true(1, 3), 1
    )
    assert index.tolist() == [[1]]


def test_padded_frames_are_taken_last_and_come_back_masked():
    frame_mask = torch.tensor([[False, True, True, False]])
    index, mask = best_frames(torch.tensor([[9.0, 0.1, 0.2, 9.0]]), frame_mask, 3)
    assert index.tolist() == [[0, 1, 2]]
    assert mask.tolist() == [[False, True, True]]


def test_asking_for_more_frames_than_there_are_returns_all():
    index, _ = best_frames(torch.zeros(1, 3), all_true(1, 3), 6)
    assert index.tolist() == [[0, 1, 2]]


def test_no_selection_takes_the_frames_nearest_the_sentence():
    found = scores("none", torch.zeros(1, 16, 2), torch.zeros(1, 3, 2))
    index, _ = best_frames(found, all_true(1, 16), 6)
    assert index.tolist() == [[5, 6, 7, 8, 9, 10]]


def test_global_local_and_word_max_rank_by_their_cosines():
    frames = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, 0.0]]])
    words = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])
    root = 2**-0.5
    assert torch.allclose(
        scores("global", frames, words, sentence=torch.tensor([[1.0, 0.0]])),
        torch.tensor([[1, 0, root, -1]], dtype=torch.float64),
    )
    assert torch.allclose(
        scores("local", frames, words),
        torch.tensor([[0.5, 0.5, root, -0.5]], dtype=torch.float64),
    )
    assert torch.allclose(
        scores("word_max", frames, words), torch.tensor([[1, 1, root, 0]], dtype=torch.float64)
    )


def test_a_padded_word_is_never_the_best_one_even_where_all_others_are_unlike_the_frames():
    frames = torch.tensor([[[-1.0, -0.1], [-0.1, -1.0], [-1.0, -1.0]]])
    words = torch.tensor([[[1.0, 0.0], [0.5, 1.0], [0.0, 0.0]]])
    mask = torch.tensor([[True, True, False]])
    found = scores("word_max", frames, words, word_mask=mask)
    assert (found < 0).all()
    assert torch.equal(found, scores("word_max", frames, words[:, :2]))


def test_random_scores_are_those_of_the_generator():
    frames, words = torch.zeros(2, 5, 2), torch.zeros(2, 3, 2)
    assert torch.equal(scores("random", frames, words), scores("random", frames, words))


@pytest.mark.parametrize("method", ["local", "word_max", "sinkhorn"])
def test_one_word_ranks_frames_by_cosine(method):
    generator = torch.Generator().manual_seed(5)
    frames, words = (
        torch.randn(2, 7, 4, generator=generator),
        torch.randn(2, 3, 4, generator=generator),
    )
    word_mask = torch.tensor([[True, False, False], [True, True, True]])
    found = scores(method, frames, words, sentence=words[:, 0], word_mask=word_mask)
    by_cosine = scores("global", frames, words, sentence=words[:, 0])
    assert torch.allclose(found[0], by_cosine[0])
    assert not torch.allclose(found[1], by_cosine[1])


@pytest.mark.parametrize("readout", ["max", "qp", "round_robin"])
def test_a_rare_word_keeps_its_only_frame(readout):
    """One group of frames fits every word a little; frame 2 alone shows word 1."""
    similarity = torch.full((1, 6, 2), 0.0, dtype=torch.float64)
    similarity[0, :, 0] = torch.tensor([0.9, 0.9, 0.1, 0.9, 0.9, 0.9])
    similarity[0, 2, 1] = 0.8
    masks = all_true(1, 6), all_true(1, 2)
    plan = sinkhorn(similarity, *masks, epsilon=0.05, max_iterations=500).plan_BUK
    found = plan_scores(plan, similarity, masks[1], readout)
    index, _ = best_frames(found, masks[0], 3)
    assert 2 in index[0].tolist()


def test_rows_of_a_converged_plan_say_nothing():
    similarity = torch.rand(1, 8, 4, generator=torch.Generator().manual_seed(0)).double()
    masks = all_true(1, 8), all_true(1, 4)
    plan = sinkhorn(similarity, *masks, epsilon=0.2, max_iterations=2000, tolerance=1e-12).plan_BUK
    found = plan_scores(plan, similarity, masks[1], "sum")
    assert float(found.max() - found.min()) < 1e-12
    index, _ = best_frames(found, masks[0], 3)
    assert index.tolist() == [[0, 1, 2]]


def test_round_robin_takes_each_words_best_free_frame_in_turn():
    plan = torch.tensor([[[0.9, 0.8], [0.5, 0.7], [0.1, 0.2], [0.4, 0.1]]], dtype=torch.float64)
    found = plan_scores(plan, plan, all_true(1, 2), "round_robin")
    assert found.argsort(descending=True).tolist() == [[0, 1, 3, 2]]


def test_words_order_does_not_matter():
    generator = torch.Generator().manual_seed(2)
    frames, words = (
        torch.randn(1, 9, 4, generator=generator),
        torch.randn(1, 5, 4, generator=generator),
    )
    shuffled = words[:, [3, 0, 4, 1, 2]]
    assert torch.allclose(scores("sinkhorn", frames, words), scores("sinkhorn", frames, shuffled))


@pytest.mark.skipif(not ORACLE.is_file(), reason=f"no {ORACLE}; set SHARED_DATA to run this")
def test_the_largest_shares_pick_the_oracles_frames():
    for case in json.loads(ORACLE.read_text()):
        if case["K"] < 2:  # one word: R29 ranks by cosine instead
            continue
        similarity = torch.tensor(case["P"], dtype=torch.float64)[None]
        masks = all_true(1, case["U"]), all_true(1, case["K"])
        plan = sinkhorn(
            similarity, *masks, epsilon=case["eps"], max_iterations=20_000, tolerance=1e-13
        ).plan_BUK
        found = plan_scores(plan, similarity, masks[1], "max")
        assert torch.allclose(
            found[0], torch.tensor(case["score_max"], dtype=torch.float64), rtol=0, atol=1e-9
        )
        index, _ = best_frames(found, masks[0], len(case["top8"]))
        assert index[0].tolist() == sorted(case["top8"])
