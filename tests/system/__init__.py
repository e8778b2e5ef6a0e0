"""The whole platform, with faults."""
