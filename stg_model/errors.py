"""Errors of the model package: `ModelError` is the base of all that it raises on purpose.

Messages say where, what is wrong with which value, and what to do. Wrong files and records raise
the ground floor's `InputError`.
"""


class ModelError(Exception):
    """Base of every error that this package raises on purpose."""
