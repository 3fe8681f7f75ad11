"""The annotation server: who clicks which frame, and where every answer is kept."""
