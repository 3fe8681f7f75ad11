"""Errors of the model package.

    ModelError
    |-- SettingsError      a settings file or `--set` that names no setting or no possible value
    |-- TrainingError      nothing to learn from, or a loss that is no number any more
    `-- CheckpointError    a checkpoint that is missing, damaged or of another shape

Messages say where, what is wrong with which value, and what to do. Files that somebody gave us
(transcripts, clips, videos) raise `dataset_builder.errors.InputError` like everywhere else.
"""


class ModelError(Exception):
    """Base of every error that this package raises on purpose."""


class SettingsError(ModelError):
    """A settings file or `--set` that names no setting or no possible value."""


class TrainingError(ModelError):
    """Nothing to learn from, or a loss that is no number any more."""


class CheckpointError(ModelError):
    """A checkpoint that is missing, damaged or of another shape."""
