"""Where people come from: one module for each crowd panel."""
