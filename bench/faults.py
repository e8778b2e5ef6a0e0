"""Why a figure is missing: the run was wrong, or it cannot be made on this machine.

Invariant: neither ends the benchmarks; both are shown in the place of the figure.
"""


class Fault(Exception):
    """A run whose output is wrong, or that did not end in time."""


class Skipped(Exception):
    """A contestant that cannot run here; the message is the reason."""
