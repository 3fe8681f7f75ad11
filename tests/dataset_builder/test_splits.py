from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_builder.build import ASSISTED, build_release
from dataset_builder.cli import main
from dataset_builder.domain import Clip, Segment
from dataset_builder.errors import InputError
from dataset_builder.settings import BuildSettings, parse_settings
from dataset_builder.splits import (
    parse_shares,
    split_of_video,
    videos_in_two_splits,
    with_splits,
)

NAMED = {"name": "demo", "version": "1.0.0"}
IDS = st.text("abcXYZ019_-.", min_size=1, max_size=12)
NAMES = st.lists(st.sampled_from(["train", "validation", "test", "open"]), min_size=1, unique=True)
SHARES = NAMES.flatmap(
    lambda names: st.tuples(
        *(st.integers(1, 9).map(lambda n, name=name: f"{name}={n}") for name in names)
    ).map(",".join)
)


def clips_of(video_ids) -> list[Clip]:
    return [
        Clip(f"{video_id}#{n}", video_id, "stir", Segment(n, n + 2), "imported")
        for video_id in video_ids
        for n in range(2)
    ]


@given(st.sets(IDS, min_size=1), st.sets(IDS), SHARES, IDS)
def test_videos_that_come_move_no_other(first, more, text, salt):
    shares = parse_shares(text)
    before = {c.clip_id: c.split for c in with_splits(clips_of(first), shares, salt, ())}
    after = {c.clip_id: c.split for c in with_splits(clips_of(first | more), shares, salt, ())}
    assert before.items() <= after.items()


@given(st.lists(IDS, unique=True), SHARES, st.randoms())
def test_the_order_of_clips_changes_no_split_and_a_video_has_one(video_ids, text, random):
    shares = parse_shares(text)
    clips = clips_of(video_ids)
    shuffled = random.sample(clips, len(clips))
    placed = with_splits(clips, shares, "", ())
    assert set(placed) == set(with_splits(shuffled, shares, "", ()))
    assert not videos_in_two_splits(placed)
    assert {clip.split for clip in placed} <= set(shares)


@settings(max_examples=20)
@given(st.integers(1, 9), st.integers(1, 9), IDS)
def test_shares_come_out_as_asked_for(train, test, salt):
    shares = parse_shares(f"train={train},test={test}")
    found = Counter(split_of_video(f"video{n}", shares, salt) for n in range(1000))
    # Six standard deviations of 1,000 draws of probability one half.
    assert abs(found["train"] / 1000 - train / (train + test)) < 6 * 0.5 / 1000**0.5


@given(IDS, SHARES)
def test_a_split_of_the_whole_holds_every_video(video_id, salt):
    assert split_of_video(video_id, parse_shares("all=0.1"), salt) == "all"


def test_another_salt_deals_the_videos_anew():
    shares = parse_shares("train=1,test=1")
    dealt = [[split_of_video(f"v{n}", shares, salt) for n in range(64)] for salt in ("", "more")]
    assert dealt[0] != dealt[1]


def test_a_split_is_the_same_in_another_process():
    code = (
        "from dataset_builder.splits import parse_shares, split_of_video as s;"
        "print(*(s(f'v{n}', parse_shares('a=2,b=1,c=1'), 'x') for n in range(12)))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": "7", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    shares = parse_shares("a=2,b=1,c=1")
    assert printed == [split_of_video(f"v{n}", shares, "x") for n in range(12)]
    assert printed == list("aabcaaaabbac")


def test_without_shares_clips_stay_where_they_were_imported():
    clips = clips_of(["a", "b"])
    assert with_splits(clips, {}, "salt", ("test",)) == tuple(clips)


@pytest.mark.parametrize(
    "text", ["train", "a=", "a=0", "=1", "a=1,,b=1", "a=1,a=2", "a=-1", "a b=1", "a=1e9", "a=nan"]
)
def test_shares_of_another_form_are_refused(text):
    with pytest.raises(InputError, match="splits"):
        parse_shares(text)


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (["splits=3"], "setting splits must be text"),
        (["split_salt=3"], "setting split_salt must be text"),
        (["splits=a=1,b=1"], "benchmark_splits must be of the splits a, b; got 'test'"),
        (["splits=a=1,b=x"], "must look like train=0.8,test=0.2"),
    ],
)
def test_settings_that_no_split_can_follow_are_refused(assignments, message):
    with pytest.raises(InputError, match=message):
        parse_settings(assignments)


def test_the_build_deals_the_videos_and_counts_blind_answers_only_on_what_is_scored(make_snapshot):
    snapshot = make_snapshot(n_clips=12)
    dealt = parse_settings(["splits=train=1,test=1", "split_salt=a"])
    release = build_release(snapshot, settings=dealt, **NAMED)
    shares = parse_shares("train=1,test=1")
    assert {c.clip_id: c.split for c in release.clips} == {
        c.clip_id: split_of_video(c.video_id, shares, "a") for c in snapshot.clips
    }
    assert {c.split for c in release.clips} == {"train", "test"}
    scored = {c.clip_id for c in release.clips if c.is_benchmark}
    assert scored == {c.clip_id for c in release.clips if c.split == "test"}
    hinted = Counter(a.clip_id in scored for a in snapshot.answers if a.prelabel_shown)
    assert hinted[True]
    assert hinted[False]
    assert Counter(a.clip_id in scored for a in release.answers if a.prelabel_shown) == {
        False: hinted[False]
    }
    assert release.left_out == {ASSISTED: hinted[True]}


def test_a_video_in_two_splits_is_refused_by_name(make_snapshot):
    snapshot = make_snapshot()
    clips = (replace(snapshot.clips[0], split="train"), *snapshot.clips[1:])
    mixed = replace(snapshot, clips=clips)
    with pytest.raises(InputError, match="video 'video0' has clips of the splits test and train"):
        build_release(mixed, **NAMED)
    dealt = build_release(mixed, settings=BuildSettings(splits="test=1"), **NAMED)
    assert {clip.split for clip in dealt.clips} == {"test"}


def run(*arguments: str, stdin: str = ""):
    return CliRunner().invoke(main, ["split", *arguments], input=stdin)


def test_the_command_tells_the_split_that_the_build_will_give(make_snapshot):
    dealt = parse_settings(["splits=train=1,test=1", "split_salt=a"])
    release = build_release(make_snapshot(), settings=dealt, **NAMED)
    expected = {clip.video_id: clip.split for clip in release.clips}
    told = run("train=1,test=1", *expected, "--salt", "a", "--json")
    assert json.loads(told.stdout) == expected
    lines = run("train=1,test=1", "--salt", "a", stdin="\n".join(expected)).stdout.splitlines()
    assert lines == [f"{video_id},{name}" for video_id, name in expected.items()]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("train=0.8,test", "v1"), 1, "must look like train=0.8,test=0.2"),
        (("a=1", "../up"), 1, "video_id '../up' must be"),
        (("", "v1"), 2, "SHARES must name a split"),
    ],
)
def test_the_command_refuses_what_it_cannot_deal(arguments, code, message):
    result = run(*arguments)
    assert result.exit_code == code
    assert message in result.stderr
