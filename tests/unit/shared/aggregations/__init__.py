"""Aggregates, by example; their laws are among the properties."""
