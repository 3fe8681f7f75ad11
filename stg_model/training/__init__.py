"""From narrated videos to a checkpoint."""
