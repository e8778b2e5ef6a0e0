"""Live closings wait here until the ticks up to their last origin are stored; then the live candle is held against the stored one."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from services.writer.batch import LedgerKey
from services.writer.sinks.postgres.connection import Connection
from shared.aggregations import Aggregation
from shared.aggregations.candles import Key
from shared.events import Candle, GivenUp
from shared.telemetry import metrics
from shared.telemetry.logs import log
from shared.time import HOUR, from_datetime, to_datetime
from shared.topics import TICKS

_WAIT = """
INSERT INTO closings (cluster, source, symbol, kind, start, partition, raw_partition, epoch, raw_offset, raw_index, candle)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (cluster, source, symbol, kind, start) DO UPDATE SET
    partition = excluded.partition, raw_partition = excluded.raw_partition, epoch = excluded.epoch,
    raw_offset = excluded.raw_offset, raw_index = excluded.raw_index, candle = excluded.candle
WHERE (excluded.epoch, excluded.raw_offset, excluded.raw_index) >= (closings.epoch, closings.raw_offset, closings.raw_index)
"""
_DUE = """
DELETE FROM closings c USING marks m
WHERE c.cluster = $1 AND c.partition = ANY($2) AND m.cluster = c.cluster AND m.topic = $3 AND m.partition = c.partition
  AND m.raw_partition = c.raw_partition AND (m.epoch, m.raw_offset, m.raw_index) >= (c.epoch, c.raw_offset, c.raw_index)
RETURNING c.source, c.symbol, c.kind, c.start, c.candle
"""
_encode = msgspec.json.Encoder(decimal_format="string").encode
_decode = msgspec.json.Decoder(Candle).decode


async def wait(connection: Connection, cluster: str, closings: Iterable[tuple[Candle | GivenUp, int]]) -> None:
    """Keeps the ends of live windows, each with the partition of its symbol."""
    rows: list[tuple[Any, ...]] = []
    for event, partition in closings:
        at = event.last_origin
        value = _encode(event).decode() if isinstance(event, Candle) else None
        key = (event.source, event.symbol, event.kind, to_datetime(event.start))
        rows.append((cluster, *key, partition, at.partition, at.epoch, at.offset, at.index, value))
    rows.sort(key=itemgetter(1, 2, 3, 4))
    await connection.executemany(_WAIT, rows)


async def due(connection: Connection, cluster: str, partitions: Sequence[int]) -> dict[Key, Candle | None]:
    """Takes the closings whose ticks are stored; None for windows that the stream gave up."""
    rows = await connection.fetch(_DUE, cluster, partitions, TICKS.name)
    return {
        (source, symbol, kind, from_datetime(start)): _decode(value) if value is not None else None
        for source, symbol, kind, start, value in rows
    }


def compare(aggregation: Aggregation, live: Any | None, stored: Any | None) -> str:
    """`same`, `more` (the store knows events the stream did not), or `mismatch`: the stream knows what the store does not."""
    if live is None:
        return "more"
    if stored is None or live.revision > stored.revision:
        return "mismatch"
    if live.revision < stored.revision:
        return "more"
    return "same" if aggregation.same(live, stored) else "mismatch"


def settle(
    aggregation: Aggregation, what: str, ended: Mapping[Any, Any], stored: Mapping[Any, Any], mismatches: Counter[LedgerKey]
) -> list[Any]:
    """Holds ended live windows against the stored ones; counts what does not match, returns what the store must publish again."""
    again = []
    for window, live in ended.items():
        outcome = compare(aggregation, live, stored.get(window))
        if outcome == "mismatch":
            metrics.MISMATCHES.inc()
            mismatches[window[0], "", window[-1] - window[-1] % HOUR] += 1
            log().error(f"live {what} differs from the stored one", live=str(live), stored=str(stored.get(window)))
        if outcome != "same" and window in stored:
            again.append(stored[window])
    return again
