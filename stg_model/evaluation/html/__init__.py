"""One HTML file that shows an evaluation: numbers, curves, timelines and frames (`page`)."""
