"""Self-contained HTML pages: what all of them share, and the page of a release (`page`)."""
