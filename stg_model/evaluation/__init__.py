"""Scores of any system on a release, without torch: `evaluate(release, predictions, settings)`."""

from stg_model.evaluation.report import Report, evaluate
from stg_model.evaluation.settings import EvaluationSettings

__all__ = ["EvaluationSettings", "Report", "evaluate"]
