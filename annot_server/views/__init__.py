"""HTTP in and out: parse, one call, answer."""
