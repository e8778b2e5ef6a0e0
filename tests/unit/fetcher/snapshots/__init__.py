"""Tests of snapshots: the pure parts."""
