"""The grounding model: learned from narrated video, it says when and where an action happens."""
