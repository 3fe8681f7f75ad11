"""A rendered, narrated world with exact truth, which needs no download."""
