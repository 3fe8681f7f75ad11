"""Which reader is asked, before anything is decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dataset_builder import video_readers
from dataset_builder.video_readers import Reading, read_nearest
from dataset_builder.video_survey import survey_video


@pytest.mark.parametrize(
    ("times_s", "reader"),
    [
        ([*range(20)], "pyav"),
        ([3.0, 0, 1.5], "pyav"),
        ([0.0, 1.5, 4.6], "decord"),
        ([17.0, 18, 19], "decord"),
        ([n / 4 for n in range(72, 80)] * 3, "decord"),
        ([0.0, 1, 2, 99, 99, -99], "pyav"),
        ([0.0, 19, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99], "decord"),
        ([], "decord"),
    ],
)
def test_pyav_reads_what_is_dense_from_the_start_on(
    times_s: list[float], reader: str, coded_video: Callable[..., Any]
) -> None:
    pytest.importorskip("decord")
    survey = survey_video(coded_video([n / 4 for n in range(80)]).path)
    assert video_readers.choose_reader(survey, times_s).reader == reader
    assert read_nearest(survey, times_s, (32, 18), lambda shown: None).reader == reader


def test_without_decord_the_reason_says_so(
    coded_video: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_readers, "_decord", lambda: None)
    assert video_readers.choose_reader(survey_video(coded_video([0.0, 0.5, 1.0]).path)) == Reading(
        "pyav", "decord is not installed"
    )
