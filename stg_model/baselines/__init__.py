"""Systems that any model must beat: one a module."""
