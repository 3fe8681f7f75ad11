from __future__ import annotations

import math
import random

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN
from sqlalchemy import update

from annot_server import retirement
from annot_server.agreement import CLOSE, disagreement_of, summarise
from annot_server.cli import main
from annot_server.disagreements import read_queue
from annot_server.models import Frame
from annot_server.retirement import AGREEMENT
from dataset_builder.geometry import Point

fractions = st.floats(0, 1)
clicks = st.lists(st.builds(Point, fractions, fractions), max_size=8)
sizes = st.tuples(st.integers(1, 4000), st.integers(1, 4000))
counts = st.integers(0, 8)


def test_two_clicks_at_opposite_corners_lie_one_diagonal_apart() -> None:
    found = summarise([Point(0, 0), Point(1, 1)], 0, 640, 480)
    assert (found.n_clicks, found.n_close, found.pairwise_distance) == (2, 1, 1.0)


def test_distances_are_of_the_frame_as_displayed() -> None:
    """3 px across and 4 px down in a frame with a diagonal of 500 px."""
    found = summarise([Point(0.5, 0.5), Point(0.51, 0.51)], 0, 300, 400)
    assert found.pairwise_distance == pytest.approx(5 / 500)


def test_one_click_or_none_has_no_distance_and_no_scatter() -> None:
    assert summarise([Point(0.5, 0.5)], 0, 4, 3).disagreement == 0
    found = summarise([], 5, 4, 3)
    assert (found.n_close, found.pairwise_distance, found.disagreement) == (0, None, 0)


def test_clicks_hang_together_by_way_of_others() -> None:
    step = 0.9 * CLOSE * math.hypot(1, 1)
    row = [Point(0.2 + i * step, 0.5) for i in range(4)]
    assert summarise([*row, Point(0.9, 0.1)], 0, 1, 1).n_close == 4


@given(clicks, sizes)
def test_the_largest_group_is_dbscans(points, size) -> None:
    """scikit-learn as the oracle."""
    width, height = size
    found = summarise(points, 0, width, height)
    if not points:
        assert found.n_close == 0
        return
    diagonal = math.hypot(width, height)
    places = [(p.x * width / diagonal, p.y * height / diagonal) for p in points]
    pairs = [math.dist(a, b) for a in places for b in places]
    if any(math.isclose(d, CLOSE, rel_tol=1e-9) for d in pairs):
        return  # the last bits decide
    labels = DBSCAN(eps=CLOSE, min_samples=1).fit(places).labels_.tolist()
    assert found.n_close == max(map(labels.count, labels))


@given(clicks, counts, sizes, st.randoms(use_true_random=False))
def test_the_order_of_answers_changes_nothing(points, n_not_visible, size, rng) -> None:
    shuffled = random.Random(rng.random()).sample(points, len(points))
    assert summarise(points, n_not_visible, *size) == summarise(shuffled, n_not_visible, *size)


@given(clicks, counts, sizes)
def test_disagreement_is_a_fraction_and_0_only_where_all_say_the_same(
    points, n_not_visible, size
) -> None:
    found = summarise(points, n_not_visible, *size)
    assert 0 <= found.disagreement <= 1
    is_split = bool(points) and n_not_visible > 0
    if is_split or (found.pairwise_distance or 0) > 1e-9:
        assert found.disagreement > 0
    if not is_split and not found.pairwise_distance:
        assert found.disagreement == 0


@given(st.integers(2, 8), counts, st.floats(0, 1), st.floats(0, 1))
def test_clicks_further_apart_never_agree_more(n_clicks, n_not_visible, one, other) -> None:
    near, far = sorted((one, other))
    assert disagreement_of(n_clicks, n_not_visible, near) <= disagreement_of(
        n_clicks, n_not_visible, far
    )


def test_a_split_of_half_and_half_disagrees_most() -> None:
    found = [disagreement_of(n, 6 - n, 0.01 if n > 1 else None) for n in range(7)]
    assert found[3] == max(found)


# When a frame retires ---------------------------------------------------------------------------


@pytest.fixture
def answered(project, annotator):
    """Return a frame of 300 x 400 with three answers, and who gave the last one."""
    [frame] = project.add_clip(1, redundancy=3, size=(300, 400))
    said = {"Ada": Point(0.5, 0.5), "Bo": Point(0.51, 0.51), "Cy": None}
    for name, point in said.items():
        person = annotator(name)
        person.lease()
        person.answer(frame, point)
    return frame, person


def agreement_of(row: Frame) -> tuple[object, ...]:
    return (
        row.n_clicks,
        row.n_not_visible,
        row.n_close,
        row.pairwise_distance,
        row.disagreement,
    )


def test_a_frame_keeps_what_its_answers_agree_on(annotator, answered) -> None:
    frame, _ = answered
    expected = summarise([Point(0.5, 0.5), Point(0.51, 0.51)], 1, 300, 400)
    assert agreement_of(annotator.frame_row(frame)) == (
        2,
        1,
        2,
        pytest.approx(0.01),
        pytest.approx(expected.disagreement),
    )


def test_an_undo_empties_it_and_another_answer_writes_it_anew(annotator, answered) -> None:
    frame, cy = answered
    cy.undo(frame)
    assert agreement_of(annotator.frame_row(frame)) == (None,) * 5
    cy.answer(frame, Point(0.5, 0.5))
    assert agreement_of(annotator.frame_row(frame))[:3] == (3, 0, 3)


def test_an_open_frame_has_none(project, annotator) -> None:
    [frame] = project.add_clip(1, redundancy=2)
    ada = annotator("Ada")
    ada.lease()
    ada.answer(frame)
    assert agreement_of(annotator.frame_row(frame)) == (None,) * 5


# Frames that retired when nothing of it was kept ------------------------------------------------


@pytest.fixture
def retired_long_ago(server, annotator, answered):
    """Return a retired frame as the first schema left it, and what its answers agree on."""
    frame, _ = answered
    before = agreement_of(annotator.frame_row(frame))
    server.database.write(
        lambda session: session.execute(update(Frame).values(dict.fromkeys(AGREEMENT)))
    )
    return frame, before


def test_an_upgrade_keeps_what_answers_of_retired_frames_agree_on(
    server, annotator, retired_long_ago
) -> None:
    frame, before = retired_long_ago
    retired_at = annotator.frame_row(frame).retired_at
    done = CliRunner().invoke(main, ["--home", str(server.home.path), "upgrade"])
    assert done.exit_code == 0, done.output
    assert agreement_of(annotator.frame_row(frame)) == before
    assert annotator.frame_row(frame).retired_at == retired_at
    with server.database.read() as session:
        assert [queued.frame_id for queued in read_queue(session)[0]] == [frame]


def test_many_retired_frames_are_done_in_parts(server, project, annotator, monkeypatch) -> None:
    frames = project.add_clip(5, redundancy=1)
    ada = annotator("Ada")
    ada.lease()
    for frame in frames:
        ada.answer(frame)
    server.database.write(
        lambda session: session.execute(update(Frame).values(dict.fromkeys(AGREEMENT)))
    )
    monkeypatch.setattr(retirement, "FRAMES_A_WRITE", 2)
    assert retirement.summarise_retired(server.database) == 5
    assert {annotator.frame_row(frame).n_clicks for frame in frames} == {1}
    assert retirement.summarise_retired(server.database) == 0


def test_open_frames_stay_without(server, project, annotator) -> None:
    [frame] = project.add_clip(1, redundancy=2)
    ada = annotator("Ada")
    ada.lease()
    ada.answer(frame)
    assert retirement.summarise_retired(server.database) == 0
