"""Among which actions a system chooses: those of each video, or all of the release.

The paper gives a system the list of the video's own steps. That is the easier task: a system that
knows it cannot name an action that the video does not hold. A system that chose among all actions
can be scored on both; one that chose among the video's own says nothing about the harder task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dataset_builder.predictions import Predictions, SecondPrediction
from stg_model.evaluation.errors import UndefinedMetricError
from stg_model.evaluation.measures import Case
from stg_model.evaluation.truth import VideoTruth


def to_video_pools(
    truths: Sequence[VideoTruth], predictions: Predictions
) -> tuple[Predictions, dict[str, int]]:
    """Return what a system that chose among all actions says among each video's own.

    A second whose action is not the video's gets the highest-scored one that is (of equal ones the
    first by id). It gets background where the record scores none of these, or scores the background
    as high as the best of them. Tubes of other actions are left out, unless the system has no
    others; one that names a clip stays: its action was not chosen.
    Other systems' predictions come back as they are: what they name beside the video's actions is
    a false alarm.

    Returns:
        The predictions, and how many seconds were chosen anew and tubes left out.
    """
    if predictions.system.pool != "all":
        return predictions, {}
    pools = {t.video_id: sorted({clip.action_id for clip in t.clips}) for t in truths}
    seconds: dict[tuple[str, int], SecondPrediction] = {}
    n_anew = 0
    for key, record in predictions.seconds.items():
        pool = pools.get(key[0], ())
        is_outside = record.action_id is not None and record.action_id not in pool
        n_anew += is_outside
        seconds[key] = replace(record, action_id=_best(record, pool)) if is_outside else record
    tubes = tuple(
        tube
        for tube in predictions.tubes
        if tube.clip_id is not None or tube.action_id in pools.get(tube.video_id, ())
    )
    # A file without tubes would get those that its seconds imply: this one has some, all wrong.
    tubes = tubes or predictions.tubes
    counts = {
        "seconds_chosen_anew": n_anew,
        "tubes_outside_the_pool": len(predictions.tubes) - len(tubes),
    }
    return replace(predictions, seconds=seconds, tubes=tubes), counts


def check_pool(case: Case) -> None:
    """Refuse to score among all actions a system that chose among each video's own.

    Raises:
        UndefinedMetricError: the settings ask for the pool of all actions, the system's header does
            not say that it used it.
    """
    if case.settings.pool == "all" and case.predictions.system.pool != "all":
        raise UndefinedMetricError(
            'the pool of all actions needs a system that chose among them ("pool": "all" in the '
            "header of its predictions)"
        )


def _best(record: SecondPrediction, pool: Sequence[str]) -> str | None:
    scores: Mapping[str, float] = record.scores
    scored = [action_id for action_id in pool if action_id in scores]
    best = max(scored, key=lambda action_id: scores[action_id], default=None)
    background = record.background
    is_background = best is None or (background is not None and background >= scores[best])
    return None if is_background else best
