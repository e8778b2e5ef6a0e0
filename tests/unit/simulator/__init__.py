"""The simulator's pure modules."""
