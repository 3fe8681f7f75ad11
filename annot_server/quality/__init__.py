"""Frames with known answers: qualification, hidden gold, and the score they give."""
