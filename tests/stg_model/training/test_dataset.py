"""Batches: who is in them, which seconds, and where they come from."""

import threading
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stg_model.config import load_settings
from stg_model.errors import TrainingError
from stg_model.features.encoders import encoder_for
from stg_model.features.store import save_features
from stg_model.settings import Settings
from stg_model.training.dataset import (
    NarratedClips,
    NarratedVideo,
    cut,
    first_second,
    made_ahead,
    without_late,
)
from stg_model.training.inputs import Memory, StoredInputs
from stg_model.training.narrations import Sentence
from stg_model.training.processes import Processes


@pytest.fixture(scope="module")
def small(planted):
    settings = load_settings(None, ["training.batch=5", "training.local_batch=5"])
    videos = [planted.narrated(video, settings) for video in planted.videos(5, seed=0)]
    return videos, encoder_of(videos, settings), settings


def encoder_of(videos, settings):
    return encoder_for(settings).listen(s.text for video in videos for s in video.sentences)


def test_one_video_alone_is_refused(small):
    videos, encoder, settings = small
    with pytest.raises(TrainingError, match="1 videos have both a file and narration"):
        NarratedClips(videos[:1], encoder, settings.training)


def test_a_batch_holds_each_video_at_most_once_and_depends_on_the_step_alone(small):
    videos, encoder, settings = small
    clips = NarratedClips(videos, encoder, replace(settings.training, batch=4))
    first, names = clips.batch(3)
    assert len(set(first.video_B.tolist())) == 4
    assert len(names) == 4
    again, _ = clips.batch(3)
    assert torch.equal(first.inputs_BU, again.inputs_BU)
    assert torch.equal(first.texts.words, again.texts.words)
    other, _ = clips.batch(4)
    assert not torch.equal(first.video_B, other.video_B) or not torch.equal(
        first.texts.words, other.texts.words
    )


@pytest.mark.parametrize(
    ("middle_s", "seconds", "real"),
    [
        (5.7, [4, 5, 6, 7], [True] * 4),  # seconds 3..6, 5 in the upper middle
        (0.5, [0, 0, 1, 2], [False, False, True, True]),
        (99.0, [8, 9, 10, 0], [True, True, True, False]),
    ],
)
def test_a_window_is_centred_and_padded_where_the_video_ends(middle_s, seconds, real):
    inputs = torch.arange(1.0, 11).reshape(10, 1, 1, 1)
    settings = replace(Settings().training, window_s=4)
    first = first_second(Sentence(middle_s, middle_s, "stir"), 10, settings)
    found, mask = cut(inputs, first, 4)
    assert found.flatten().tolist() == seconds
    assert mask.tolist() == real


def test_sentences_that_begin_after_the_video_are_left_out_and_told():
    spoken = [Sentence(start, start + 2, "stir") for start in (0, 9.9, 10, 60)]
    videos = [
        NarratedVideo(name, "0", torch.zeros(10, 1), tuple(told))
        for name, told in (("whole", spoken[:2]), ("short", spoken), ("gone", spoken[2:]))
    ]
    kept, lines = without_late(videos)
    assert [(v.video_id, v.sentences) for v in kept] == [
        ("whole", tuple(spoken[:2])),
        ("short", tuple(spoken[:2])),
    ]
    assert [line.split(" and are")[0] for line in lines] == [
        f"{name} sentences begin after the video's end at 10 s"
        for name in ("short: 2 of 4", "gone: 2 of 2")
    ]


def test_long_sentences_are_cut():
    inputs = torch.zeros(3, 1, 1, 6)
    videos = [
        NarratedVideo(name, "0", inputs, (Sentence(0, 1, "a b c d e"),)) for name in ("v", "w")
    ]
    settings = load_settings(None, ["training.max_words=3"])
    clips = NarratedClips(videos, encoder_of(videos, settings), settings.training)
    assert clips.batch(0)[0].texts.words.tolist() == [[1, 2, 3]] * 2


MIDDLE = Settings().training
START = replace(MIDDLE, window_from="start")


def test_a_centred_window_has_the_sentence_in_its_middle():
    sentence = Sentence(30.0, 33.0, "stir")
    assert first_second(sentence, 90, MIDDLE) == 31 - 8
    assert first_second(sentence, 90, MIDDLE, share=1.0) == 31 - 8


def test_a_window_from_the_start_begins_with_the_widened_sentence():
    short, long = Sentence(30.0, 32.0, "stir"), Sentence(30.0, 60.0, "stir and stir")
    assert first_second(short, 90, START) == 28  # 5 s round 31 are 28.5 to 33.5
    assert [first_second(long, 90, START, share) for share in (0, 0.5, 1)] == [30, 37, 44]


@given(
    start=st.floats(-50, 200),
    length=st.floats(0, 100),
    n_seconds=st.integers(1, 120),
    share=st.floats(0, 1),
    settings=st.sampled_from((MIDDLE, START)),
)
def test_every_window_sees_some_of_the_video(start, length, n_seconds, share, settings):
    sentence = Sentence(start, start + length, "stir")
    first = first_second(sentence, n_seconds, settings, share)
    found, mask = cut(torch.arange(1.0, n_seconds + 1), first, settings.window_s)
    assert mask.any()
    seconds = torch.arange(first, first + settings.window_s)
    assert torch.equal(found, torch.where(mask, seconds + 1.0, 0.0))


def test_videos_beyond_the_memory_budget_are_read_from_the_store(planted, tmp_path):
    settings = load_settings(None)
    encoder = encoder_for(settings)
    features = [video.features for video in planted.videos(3, seed=1)]
    for video in features:
        save_features(tmp_path / f"{video.video_id}.safetensors", video, encoder)
    ready = encoder.inputs(features[0].values)
    one_mb = -(-ready.numel() * 4 // 1_000_000)  # holds one video, not two
    memory = Memory(tmp_path, encoder, one_mb)
    inputs = [memory.inputs(video) for video in features]
    assert [isinstance(one, StoredInputs) for one in inputs] == [False, True, True]
    assert memory.n_held == 1
    stored = Memory(tmp_path, encoder, 0).inputs(features[0])
    assert len(stored) == len(ready)
    for wanted in (slice(0, 5), slice(27, 99), slice(4, 4)):
        assert torch.equal(stored[wanted], ready[wanted])


def test_a_store_that_has_lost_a_file_is_one_clear_error(planted, tmp_path):
    encoder = encoder_for(load_settings(None))
    video = planted.videos(1, seed=1)[0].features
    stored = Memory(tmp_path, encoder, 0).inputs(video)
    with pytest.raises(TrainingError, match=r"v0\.safetensors: cannot be read any more"):
        stored[0:4]


def test_processes_deal_a_batch_like_cards(small):
    videos, encoder, settings = small
    training = replace(settings.training, batch=4)
    whole, names = NarratedClips(videos, encoder, training).batch(7)
    shares = [
        NarratedClips(videos, encoder, training, Processes(rank, 2)).batch(7) for rank in (0, 1)
    ]
    for rank, (share, share_names) in enumerate(shares):
        assert share_names == names
        assert torch.equal(share.inputs_BU, whole.inputs_BU[rank::2])
        assert torch.equal(share.video_B, whole.video_B)
        assert torch.equal(share.texts.words, whole.texts.words)
        assert torch.equal(whole.video_B[share.own], whole.video_B[rank::2])


def test_a_batch_that_cannot_be_dealt_evenly_is_smaller_or_refused(small):
    videos, encoder, settings = small
    three = NarratedClips(videos, encoder, settings.training, Processes(0, 3))
    assert three.n_clips == 3
    with pytest.raises(TrainingError, match="6 processes cannot share 5 clips"):
        NarratedClips(videos, encoder, settings.training, Processes(0, 6))


@pytest.mark.parametrize("n_ahead", [0, 1, 3])
def test_batches_made_ahead_come_in_order(n_ahead):
    makers = set()

    def make(step):
        makers.add(threading.current_thread())
        return step * step

    assert list(made_ahead(make, range(3, 9), n_ahead)) == [(s, s * s) for s in range(3, 9)]
    assert (threading.current_thread() in makers) == (n_ahead == 0)


def test_no_more_batches_are_made_than_asked_for():
    made = []
    batches = made_ahead(made.append, range(100), 2)
    next(batches)
    batches.close()
    assert len(made) <= 3


def test_an_error_in_making_a_batch_is_raised_where_it_is_due():
    def make(step):
        if step == 2:
            raise TrainingError("no more")
        return step

    found = []
    with pytest.raises(TrainingError, match="no more"):
        found.extend(step for step, _ in made_ahead(make, range(5), 2))
