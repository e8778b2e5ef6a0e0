"""Facts of days that are no longer kept: taken out of a batch, and rejected as `expired`. Pure.

A fact's dead letter has its own values as the writer had them, since the raw bytes are the transformer's: it cannot be replayed as a row.
"""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Literal

import msgspec

from services.writer.batch import SAMPLE, Batch, Letter, Rejection, added
from shared.events import Nbbo, Tick
from shared.time import DAY
from shared.topics import DEAD_LETTERS, MARKET_RAW, TRADING_RAW, Topic

REASON = "expired"
Table = Literal["ticks", "quotes"]
Expired = Mapping[Table, Collection[int]]  # days since 1970
_EPOCH = date(1970, 1, 1).toordinal()
_encode = msgspec.json.Encoder(decimal_format="string").encode


def reject(batch: Batch, expired: Expired) -> list[Rejection]:
    """Takes the facts of expired days out of the batch."""
    ticks, quotes = expired.get("ticks", ()), expired.get("quotes", ())
    found = [_rejection(MARKET_RAW, batch.facts.pop(key)) for key in [key for key in batch.facts if key[0] in ticks]] if ticks else []
    if quotes:
        gone = [key for key, quote in batch.quotes.items() if quote.event_time // DAY in quotes]
        found += [_rejection(TRADING_RAW, batch.quotes.pop(key)) for key in gone]
    return found


def _rejection(raw: Topic, event: Tick | Nbbo) -> Rejection:
    day = date.fromordinal(event.event_time // DAY + _EPOCH)
    message = f"facts of {day} are no longer kept"
    origin, value = f"{raw.name}/{event.origin}", _encode(event)
    place = event.origin.partition, event.origin.offset
    letter = Letter(*place, origin, event.source, event.run or "", None, REASON, message, event.received_at, value[:SAMPLE])
    key = event.symbol.encode()
    return Rejection(letter, event.origin.partition % DEAD_LETTERS.partitions, key, value, added(letter))
