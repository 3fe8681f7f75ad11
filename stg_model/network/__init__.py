"""The parts of the network: one a module."""
