"""The commands of `annot-server`, by subject; `cli` puts them together."""
