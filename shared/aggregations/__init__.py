"""Aggregates: one a file, each a pure `fold` of distinct events and a commutative, associative `merge`.

The same functions serve the live window, the store, the reader and the proof.
"""

from shared.aggregations import candles

AGGREGATIONS = {"candles": candles}
