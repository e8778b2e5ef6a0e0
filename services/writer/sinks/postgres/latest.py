"""The newest tick per source, symbol and kind, by (event_time, sequence, id)."""

from collections.abc import Iterable

from services.writer.sinks.postgres.connection import Connection
from shared.aggregations.candles import row
from shared.events import Quote, Tick
from shared.time import to_datetime

_UPSERT = """
INSERT INTO latest AS l (source, symbol, kind, event_time, sequence, id, received_at, native_symbol, price, size, bid, ask)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[], $6::text[], $7::timestamptz[], $8::text[],
                     $9::numeric[], $10::numeric[], $11::numeric[], $12::numeric[])
ON CONFLICT (source, symbol, kind) DO UPDATE SET
    event_time = excluded.event_time, sequence = excluded.sequence, id = excluded.id, received_at = excluded.received_at,
    native_symbol = excluded.native_symbol, price = excluded.price, size = excluded.size, bid = excluded.bid, ask = excluded.ask
WHERE (excluded.event_time, excluded.sequence, excluded.id) >= (l.event_time, l.sequence, l.id)
"""


async def update(connection: Connection, newest: Iterable[Tick]) -> None:
    """Moves the newest tick of each source, symbol and kind, given at most one of each and sorted by them."""
    rows = []
    for tick in newest:
        event_time, sequence, number, price, size = row(tick)[:5]
        quote = (tick.bid, tick.ask) if isinstance(tick, Quote) else (None, None)
        times = (to_datetime(event_time), sequence, number, to_datetime(tick.received_at))
        rows.append((tick.source, tick.symbol, tick.kind, *times, tick.native_symbol, price, size, *quote))
    if rows:
        await connection.execute(_UPSERT, *(list(column) for column in zip(*rows, strict=True)))
