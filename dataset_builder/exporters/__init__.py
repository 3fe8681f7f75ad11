"""Releases in the formats of other projects: one format a module."""
