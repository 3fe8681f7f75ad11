from __future__ import annotations

import math

import numpy as np
import pytest

from annot_server.answers import Details, give_answer, skip_frame
from annot_server.assignment import next_lease
from annot_server.quality.report import pair_distances, people_report
from dataset_builder.geometry import Point


@pytest.fixture
def answer(server, project):
    """Return a function that answers a frame: `answer("Ada", frame_id, (0.5, 0.5))`."""

    def answer(name: str, frame_id: int, point: tuple[float, float] | None, ms: int = 1000) -> None:
        person_id, now = project.person(name), server.now()

        def work(session):
            rng = np.random.default_rng(0)
            next_lease(session, person_id=person_id, now=now, lease_s=300, lease_frames=20, rng=rng)
            give_answer(
                session,
                person_id=person_id,
                frame_id=frame_id,
                point=point and Point(*point),
                key=f"{frame_id}",
                now=now,
                details=Details(ms_taken=ms),
            )

        server.database.write(work)

    return answer


def report_of(server, name: str):
    with server.database.read() as session:
        rows = people_report(session, window=20)
    assert [row.name for row in rows] == sorted(row.name for row in rows)
    return next(row for row in rows if row.name == name)


def test_somebody_who_did_nothing_has_a_row_that_says_so(server, project) -> None:
    project.person("Ada")
    project.person("A model", "model")
    row = report_of(server, "Ada")
    assert (row.answers, row.clicks, row.skips, row.gold_answers, row.shared_frames) == (0,) * 5
    assert row.not_visible is row.median_ms is row.score is row.agreement_distance is None
    with pytest.raises(StopIteration):
        report_of(server, "A model")


def test_a_row_counts_answers_times_and_not_visible(server, project, answer) -> None:
    frames = project.add_clip(4)
    for frame_id, point, ms in zip(
        frames, [(0.5, 0.5), None, (0.1, 0.1)], (900, 1100, 4000), strict=False
    ):
        answer("Ada", frame_id, point, ms)
    server.database.write(
        lambda session: skip_frame(
            session,
            person_id=project.person("Ada"),
            frame_id=frames[3],
            reason="other",
            comment=None,
            now=server.now(),
        )
    )
    row = report_of(server, "Ada")
    assert (row.answers, row.clicks, row.skips) == (3, 2, 1)
    assert row.not_visible == pytest.approx(1 / 3, abs=0.001)
    assert row.median_ms == 1100
    assert row.to_json()["name"] == "Ada"


def test_agreement_is_the_median_distance_to_the_others_on_retired_frames(
    server, project, answer
) -> None:
    frames = project.add_clip(3, size=(400, 300), redundancy=3)
    for frame_id in frames[:2]:
        answer("Ada", frame_id, (0.5, 0.5))
        answer("Bo", frame_id, (0.75, 0.5))  # a fifth of the diagonal to the right
    answer("Cy", frames[0], None)
    answer("Cy", frames[1], (0.5, 0.9))
    answer("Ada", frames[2], (0.5, 0.5))
    answer("Bo", frames[2], (0.5, 0.5))  # not retired: two of three
    down = 0.4 * 300 / 500
    assert report_of(server, "Ada").agreement_distance == pytest.approx(0.2)
    assert report_of(server, "Ada").shared_frames == 2
    assert report_of(server, "Cy").agreement_distance == pytest.approx(
        (down + math.hypot(0.2, down)) / 2, abs=1e-6
    )
    assert report_of(server, "Cy").shared_frames == 1


def test_pairs_are_those_of_a_plain_double_loop() -> None:
    rng = np.random.default_rng(4)
    frame = np.sort(rng.integers(0, 40, 150))
    person = np.arange(150) % 31
    x, y = rng.random((2, 150))
    aspect = np.where(frame % 2, 16 / 9, 0.75)
    plain = sorted(
        (
            person[i],
            frame[i],
            round(math.hypot((x[i] - x[j]) * a, y[i] - y[j]) / math.hypot(a, 1), 9),
        )
        for i in range(150)
        for j in range(150)
        if i != j and frame[i] == frame[j]
        for a in [aspect[i]]
    )
    found = pair_distances(person, frame, x, y, aspect)
    assert sorted(zip(found[0], found[1], np.round(found[2], 9), strict=True)) == plain


def test_no_shared_frames_are_no_pairs() -> None:
    frame = np.arange(3)
    found = pair_distances(frame, frame, np.zeros(3), np.zeros(3), np.ones(3))
    assert [len(column) for column in found] == [0, 0, 0]
