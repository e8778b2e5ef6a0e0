"""Python's collector of cycles, told that records are many small objects without any."""

import gc


def relax() -> None:
    """For a process that handles records in bulk: at the default of 700 the collector takes a fifth of the time."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
