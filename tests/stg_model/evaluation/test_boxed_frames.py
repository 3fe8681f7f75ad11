from __future__ import annotations

import numpy as np
import pytest

from dataset_builder.geometry import Box
from dataset_builder.predictions import Predictions, System
from stg_model.evaluation.boxed_frames import boxed_frames
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.measures import Case
from stg_model.evaluation.settings import EvaluationSettings
from stg_model.evaluation.truth import read_truth

BOX = Box(0.2, 0.2, 0.4, 0.4)


def case_of(release):
    return Case(read_truth(release), (), Predictions(System("x")), EvaluationSettings())


def test_frames_count_to_their_action_and_their_video(make_release):
    found = boxed_frames(
        case_of(
            make_release(
                ("a", 0, 3, "stir", {}),
                ("b", 0, 3, "stir", {0: BOX, 2: BOX}),
                ("b", 3, 4, "cut", {3: BOX}),
                ("c", 0, 2, "cut", {0: BOX}),
                ("c", 2, 4, "pour", {}),
                durations={"a": 4.0, "b": 4.0, "c": 4.0},
            )
        )
    )
    assert [key for key, _ in found.frames] == [
        ("b", 0, "stir"), ("b", 2, "stir"), ("b", 3, "cut"), ("c", 0, "cut"),
    ]  # fmt: skip
    assert found.actions == ["cut", "stir"]
    np.testing.assert_array_equal(found.sums(), [[0, 1, 1], [0, 2, 0]])
    np.testing.assert_array_equal(found.sums([1, 2, 4, 8]), [[0, 4, 8], [0, 3, 0]])
    assert found.means([1, 2, 4, 8]) == {"cut": 6, "stir": 1.5}


def test_without_a_box_no_frame_is_asked_for(make_release):
    release = make_release(("a", 0, 3, "cut", {}), durations={"a": 4.0})
    with pytest.raises(UndefinedMetricError, match="no scored frame of the release has a box"):
        boxed_frames(case_of(release))
