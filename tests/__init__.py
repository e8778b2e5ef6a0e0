"""Tests: unit mirrors the modules; properties, golden, integration (real parts), system (faults), architecture."""
