"""Recorded input, known output."""
