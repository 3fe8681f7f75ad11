"""The one error of the evaluation: a metric that these predictions do not define.

Wrong files, releases and settings raise the ground floor's `InputError`.
"""

from __future__ import annotations

from dataset_builder.errors import InputError


class UndefinedMetricError(InputError):
    """A metric has no value here; the message is the reason that stands in the report."""
