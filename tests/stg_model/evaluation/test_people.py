from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_builder.build import build_release
from dataset_builder.domain import Action, Clip, Segment, Video
from dataset_builder.geometry import Point
from dataset_builder.settings import BuildSettings
from dataset_builder.snapshot import AnswerRow, FrameRow, Snapshot
from stg_model.evaluation.people import ONLY_CLICKS, people_report
from stg_model.evaluation.report import metrics_of
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import read_truth

RULES = EvaluationSettings()
MARGINS = BuildSettings(margin_x=0.2, margin_y=0.2)
IOU_SHARE = "frame_iou_share@0.3"
CENTRE = (0.5, 0.5)
CORNER = (0.05, 0.05)
Places = list[tuple[float, float] | None]


def crowd_release(
    frames: dict[tuple[str, int], Places],
    build: BuildSettings = MARGINS,
    unscored: tuple[str, ...] = (),
):
    """Return the release of the answers on frames `(video_id, second)`, None is "not visible".

    Seconds 0..4 of a video are one clip of "cut", 5..9 one of "stir".
    """
    video_ids = sorted({video_id for video_id, _ in frames})
    clips = [
        Clip(f"{v}-{action}", v, action, segment, is_benchmark=f"{v}-{action}" not in unscored)
        for v in video_ids
        for action, segment in (("cut", Segment(0, 5)), ("stir", Segment(5, 10)))
    ]
    keys = {(v, s): f"{v}-{'cut' if s < 5 else 'stir'}" for v, s in frames}
    snapshot = Snapshot(
        snapshot_id="s1",
        digest="00" * 32,
        videos=tuple(Video(v, 640, 480, 10.0, "") for v in video_ids),
        actions=(Action("cut", "cut"), Action("stir", "stir")),
        clips=tuple(clips),
        frames=tuple(FrameRow(keys[v, s], s, float(s), "", 640, 480, 5) for v, s in frames),
        answers=tuple(
            AnswerRow(keys[v, s], s, f"person-{n}", place and Point(*place))
            for (v, s), places in frames.items()
            for n, place in enumerate(places)
        ),
    )
    return build_release(snapshot, name="crowd", version="1.0.0", settings=build)


def report_of(release, rules=RULES, clips="benchmark"):
    return people_report(release, read_truth(release, clips), rules, metrics_of(rules))


def measured(row, name, n_videos):
    return float(row.scored.measures[name].values(np.ones((1, n_videos)))[0])


def test_people_who_click_the_same_place_score_one():
    row = report_of(crowd_release({("v", s): [CENTRE] * 5 for s in range(10)}))
    assert row.kind == "people"
    assert row.metrics["pointing"] == 1
    assert row.scored.per_action["pointing"] == {"cut": 1, "stir": 1}
    assert measured(row, IOU_SHARE, 1) == 1
    assert row.counts == {
        "frames_compared": 10,
        "frames_left_aside": 0,
        "answers_compared": 50,
        "answers_not_visible": 0,
    }


def test_people_who_click_apart_score_zero():
    pairs = replace(MARGINS, min_clicks=1)
    row = report_of(crowd_release({("v", 0): [CORNER, CENTRE]}, pairs))
    assert row.metrics["pointing"] == 0
    assert measured(row, IOU_SHARE, 1) == 0


def test_of_four_on_a_line_the_outer_two_miss():
    line = [(0.1, 0.5), (0.4, 0.5), (0.6, 0.5), (0.9, 0.5)]
    assert report_of(crowd_release({("v", 0): line})).metrics["pointing"] == 0.5


def test_the_one_who_clicked_elsewhere_misses_and_widens_the_box_of_the_others():
    row = report_of(crowd_release({("v", 0): [CENTRE, CENTRE, CENTRE, CORNER]}))
    assert row.metrics["pointing"] == 0.75
    # The others' box of each of the three is 0..7 squared, their own is .3...7: .16 / .49 = .33.
    assert measured(row, IOU_SHARE, 1) == 0.75
    strict = EvaluationSettings(frame_iou_threshold=0.4)
    assert report_of(
        crowd_release({("v", 0): [CENTRE, CENTRE, CENTRE, CORNER]}), strict
    ).scored.measures["frame_iou_share@0.4"].values(np.ones((1, 1))) == [0]


def test_not_visible_is_a_miss():
    row = report_of(crowd_release({("v", 0): [CENTRE] * 4 + [None]}))
    assert row.metrics["pointing"] == 0.8
    assert measured(row, IOU_SHARE, 1) == 0.8
    assert row.counts["answers_not_visible"] == 1


def test_frames_with_just_enough_clicks_are_left_aside_and_counted():
    frames = {("v", 0): [CENTRE] * 5, ("v", 1): [CENTRE] * 3 + [None, None], ("v", 2): [CENTRE]}
    row = report_of(crowd_release(frames))
    assert row.metrics["pointing"] == 1
    assert (row.counts["frames_compared"], row.counts["frames_left_aside"]) == (1, 1)


def test_every_frame_weighs_alike_however_many_answered():
    frames = {("v", 0): [CENTRE] * 20, ("v", 1): [CENTRE] * 4 + [None] * 4}
    assert report_of(crowd_release(frames)).metrics["pointing"] == 0.75


def test_the_average_over_actions_is_the_one_of_the_settings():
    frames = {("v", 0): [CENTRE] * 4, ("v", 1): [CENTRE] * 4, ("v", 7): [CENTRE] * 4 + [None] * 4}
    rules = EvaluationSettings(pointing_average="actions")
    row = report_of(crowd_release(frames), rules)
    assert row.metrics["pointing"] == 0.75
    assert row.scored.per_action["pointing"] == {"cut": 1, "stir": 0.5}
    assert report_of(crowd_release(frames)).metrics["pointing"] == pytest.approx(2.5 / 3)


def test_an_overlap_of_exactly_the_threshold_depends_on_the_comparison():
    half = [(0.25, 0.5)] * 2 + [(0.5, 0.5)] * 2
    build = BuildSettings(margin_x=0.125, margin_y=0.25)  # each own box is half of the others'
    at_half = EvaluationSettings(frame_iou_threshold=0.5)
    release = crowd_release({("v", 0): half}, build)
    for comparison, share in ((">", 0), (">=", 1)):
        row = report_of(release, replace(at_half, iou_comparison=comparison))
        assert measured(row, "frame_iou_share@0.5", 1) == share


@pytest.mark.parametrize("x", [0.2, 0.3, 0.4, 0.5, 0.6])
def test_an_overlap_of_a_half_in_tenths_is_no_more_than_the_half(x):
    """Own boxes are .2 wide; those of the others, who click .2 further on too, are .4 wide."""
    places = [(x, 0.5)] * 2 + [(round(x + 0.2, 1), 0.5)] * 2
    build = BuildSettings(margin_x=0.1, margin_y=0.2)
    release = crowd_release({("v", 0): places}, build)
    for comparison, share in ((">", 0), (">=", 1)):
        rules = EvaluationSettings(frame_iou_threshold=0.5, iou_comparison=comparison)
        assert measured(report_of(release, rules), "frame_iou_share@0.5", 1) == share


def test_measures_hold_each_video_so_that_videos_can_be_drawn_anew():
    frames = {("a", 0): [CENTRE] * 4, ("b", 0): [CENTRE] * 4 + [None] * 4}
    row = report_of(crowd_release(frames))
    weights = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    assert row.scored.measures["pointing"].values(weights).tolist() == [1, 0.5, 0.75]


def test_only_scored_clips_count():
    frames = {("v", 0): [CENTRE] * 4, ("v", 7): [CENTRE] * 4 + [None] * 4}
    release = crowd_release(frames, unscored=("v-stir",))
    assert report_of(release).metrics["pointing"] == 1
    rules = EvaluationSettings(clips="all")
    assert report_of(release, rules, "all").metrics["pointing"] == 0.75


def test_what_people_were_not_asked_is_missing_with_the_reason():
    row = report_of(crowd_release({("v", 0): [CENTRE] * 5}))
    assert row.metrics.keys() == metrics_of(RULES).keys()
    assert row.missing["temporal_iou"] == ONLY_CLICKS
    assert row.missing.keys() == {name for name, v in row.metrics.items() if v is None}
    masks = report_of(crowd_release({("v", 0): [CENTRE] * 5}), EvaluationSettings(region="mask"))
    assert set(masks.scored.measures) == {"pointing"}


def test_too_few_clicks_everywhere_leave_a_row_with_the_reason():
    row = report_of(crowd_release({("v", 0): [CENTRE] * 3}))
    assert set(row.metrics.values()) == {None}
    assert "no scored frame has more than the 3 clicks" in row.missing["pointing"]


def test_boxes_by_another_rule_leave_a_row_with_the_reason():
    release = crowd_release({("v", 0): [CENTRE] * 5})
    row = report_of(replace(release, rules=dict.fromkeys(release.rules, "square")))
    assert "were made by square" in row.missing["pointing"]


def test_a_release_without_answers_has_no_such_row():
    release = crowd_release({("v", 0): [CENTRE] * 5})
    assert report_of(replace(release, answers=())) is None
    assert report_of(replace(release, derivation="none")) is None


def test_an_unknown_build_setting_leaves_a_row_with_the_reason():
    release = crowd_release({("v", 0): [CENTRE] * 5})
    row = report_of(replace(release, settings={"margins": 3}))
    assert "unknown build setting 'margins'" in row.missing["pointing"]


fraction = st.floats(0, 1)
place = st.one_of(st.none(), st.tuples(fraction, fraction))


@settings(max_examples=50)
@given(st.lists(place, min_size=4, max_size=7), st.randoms(use_true_random=False))
def test_the_order_of_answers_does_not_matter_and_shares_stay_within_0_and_1(places, shuffle):
    release = crowd_release({("v", 0): [CENTRE] * 4, ("v", 1): places})
    answers = list(release.answers)
    shuffle.shuffle(answers)
    row = report_of(release)
    assert report_of(replace(release, answers=tuple(answers))) == row
    assert 0 <= measured(row, IOU_SHARE, 1) <= 1
    assert 0 <= row.metrics["pointing"] <= 1
