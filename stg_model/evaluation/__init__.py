"""Scores of any system's predictions file against a release; imports no torch (R28)."""
