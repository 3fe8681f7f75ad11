"""Readers of narration in the layouts in which people have it."""
