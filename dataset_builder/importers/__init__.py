"""Other people's files to our records: one format a module."""
