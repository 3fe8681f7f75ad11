"""Frozen inputs of the model: backbones and the feature store."""
