"""The ground floor: what an annotation is, and the files it travels in."""
