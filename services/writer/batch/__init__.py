"""What a batch of records means for the store: pure, given the highest origins stored before it.

A *repeat* is transformer output whose origin is at or below the mark of its derived and raw partition: dropped and not counted.
A *duplicate* is a fact with a known id above the mark: counted, and of several copies the least (received_at, content) holds.
"""

from services.writer.batch.collect import collect
from services.writer.batch.contents import (
    Batch,
    FactKey,
    FlagKey,
    HoleKey,
    InfoKey,
    LedgerKey,
    Letter,
    MarkKey,
    Place,
    Rejection,
    counted,
    fact_key,
    ledger_key,
)
from services.writer.batch.operations import first
from services.writer.batch.rejections import REASON, SAMPLE, added, cleaned, reject
from services.writer.batch.ticks import content, precedence

__all__ = [
    "REASON",
    "SAMPLE",
    "Batch",
    "FactKey",
    "FlagKey",
    "HoleKey",
    "InfoKey",
    "LedgerKey",
    "Letter",
    "MarkKey",
    "Place",
    "Rejection",
    "added",
    "cleaned",
    "collect",
    "content",
    "counted",
    "fact_key",
    "first",
    "ledger_key",
    "precedence",
    "reject",
]
