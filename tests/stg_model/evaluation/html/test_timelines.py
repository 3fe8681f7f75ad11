"""Timelines: which videos, and what their lines say."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.geometry import Box, Point
from dataset_builder.predictions import System
from stg_model.evaluation import EvaluationSettings, evaluate
from stg_model.evaluation.html.systems import page_systems
from stg_model.evaluation.html.timelines import runs, timelines
from stg_model.evaluation.truth import read_truth

BOX = Box(0.2, 0.2, 0.4, 0.4)


def drawn(release, predictions, settings=None):
    """The timelines of one system, by video."""
    report = evaluate(release, predictions, settings)
    truths = read_truth(release)
    systems = page_systems(report, [predictions], truths, release.actions)
    names = {action.action_id: action.description for action in release.actions}
    found = timelines(report, systems, truths, names)
    return found, {video.video_id: video for video in found.videos}


def texts(track):
    return [bar.text for bar in track.bars]


@given(st.lists(st.sampled_from(["cut", "stir", None])))
def test_runs_say_every_second_once_and_never_touch_with_one_action(said):
    found = runs(enumerate(said))
    again = [None] * len(said)
    for start, end, action_id in found:
        assert start < end
        again[start:end] = [action_id] * (end - start)
    assert again == said
    assert all(a[1] < b[0] or a[2] != b[2] for a, b in pairwise(found))


def test_lines_of_a_perfect_system(two_videos, make_perfect):
    chosen, videos = drawn(two_videos, make_perfect(two_videos))
    assert (chosen.heading, chosen.chooser, chosen.n_videos) == ("IoU+Pointing", "perfect", 2)
    truth, said, points = videos["a"].tracks
    assert texts(truth) == texts(said) == ["cut, 1 to 4 s", "stir, 6 to 8 s"]
    assert texts(points) == ["cut, 1 to 3 s: in the box", "stir, 6 to 8 s: in the box"]
    # Second 1 of 10 seconds begins at a tenth, three seconds are 30 %.
    assert (truth.bars[0].x, truth.bars[0].width) == (10, 30)
    assert [(letter, name) for letter, _, name in videos["a"].legend] == [
        ("A", "cut"),
        ("B", "stir"),
    ]


def test_videos_come_from_best_to_worst(two_videos, make_perfect):
    predictions = make_perfect(two_videos)
    seconds = {k: replace(r, action_id=None) for k, r in predictions.seconds.items() if k[0] == "a"}
    worse = replace(predictions, seconds={**predictions.seconds, **seconds})
    chosen, _ = drawn(two_videos, worse)
    assert [(v.video_id, v.rank, v.value) for v in chosen.videos] == [
        ("b", "1 of 2", 1.0),
        ("a", "2 of 2", 0.0),
    ]


def test_a_point_outside_or_missing_is_half_a_bar(two_videos, make_perfect):
    predictions = make_perfect(two_videos)
    points = dict(predictions.points)
    points["a", 1, "cut"] = replace(points["a", 1, "cut"], point=Point(0.9, 0.9))
    del points["a", 6, "stir"]
    _, videos = drawn(two_videos, replace(predictions, points=points))
    bars = videos["a"].tracks[2].bars
    assert [(bar.text.partition(": ")[2], bar.height) for bar in bars] == [
        ("outside", 40),
        ("in the box", 100),
        ("no point", 40),
        ("in the box", 100),
    ]


def test_clips_that_share_seconds_stand_in_lanes(make_release, make_perfect):
    release = make_release(
        ("v", 0, 4, "cut", {1: BOX}),
        ("v", 2, 6, "stir", {3: BOX}),
        ("v", 4, 8, "pour", {5: BOX}),
        durations={"v": 10.0},
    )
    _, videos = drawn(release, make_perfect(release))
    assert [(bar.y, bar.height) for bar in videos["v"].tracks[0].bars] == [
        (0, 50),
        (50, 50),
        (0, 50),
    ]


def test_clips_that_are_not_scored_are_set_aside(make_release, make_perfect):
    release = make_release(
        ("v", 0, 2, "cut", {1: BOX}), ("v", 4, 6, "stir", {5: BOX}), durations={"v": 8.0}
    )
    clips = (release.clips[0], replace(release.clips[1], is_benchmark=False))
    _, videos = drawn(replace(release, clips=clips), make_perfect(release))
    styles = [bar.style for bar in videos["v"].tracks[0].bars]
    assert styles == ["a1", "a2 aside"]


def test_a_line_says_what_was_scored_among_the_video_s_own_actions(two_videos, make_perfect):
    predictions = make_perfect(two_videos)
    first = predictions.seconds["b", 0]
    strange = replace(first, action_id="cut", scores={"cut": 2.0, "pour": 1.0})
    found = replace(
        predictions,
        system=System("perfect", pool="all"),
        seconds={**predictions.seconds, ("b", 0): strange},
    )
    _, videos = drawn(two_videos, found)
    assert texts(videos["b"].tracks[1]) == ["pour, 0 to 3 s"]
    _, videos = drawn(two_videos, found, EvaluationSettings(pool="all"))
    assert texts(videos["b"].tracks[1]) == ["cut, 0 to 1 s", "pour, 1 to 3 s"]


def test_a_system_that_only_points_is_ranked_by_pointing_and_has_no_line_of_actions(
    two_videos, make_perfect
):
    chosen, videos = drawn(two_videos, replace(make_perfect(two_videos), seconds={}))
    assert chosen.heading == "pointing"
    assert [track.kind for track in videos["a"].tracks] == ["truth", "points"]
