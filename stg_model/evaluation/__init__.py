"""Scores of any system on a release, without torch: `evaluate(release, predictions, settings)`."""

from stg_model.evaluation.intervals import IntervalSettings
from stg_model.evaluation.report import evaluate
from stg_model.evaluation.results import Report
from stg_model.evaluation.settings import EvaluationSettings

__all__ = ["EvaluationSettings", "IntervalSettings", "Report", "evaluate"]
