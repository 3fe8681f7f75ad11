"""The commands of `dataset-builder`, by subject; each module lists its own in `COMMANDS`."""
