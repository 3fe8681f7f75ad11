"""Clicks of several people to one consensus: one algorithm a module."""
