"""Clocks, windows, tallies, checkpoints and the state machine made of them."""
