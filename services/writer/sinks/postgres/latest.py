"""The newest tick per source, symbol and kind, by (event_time, sequence, id)."""

from collections.abc import Iterable

from services.writer.sinks.postgres.connection import Connection
from shared.aggregations.candles import values
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


async def update(connection: Connection, ticks: Iterable[Tick]) -> None:
    """Moves the newest tick of each source, symbol and kind, sorted by key."""
    newest: dict[tuple[str, str, str], tuple[int, int, str, Tick]] = {}
    for tick in ticks:
        key, entry = (tick.source, tick.symbol, tick.kind), (*values(tick)[0], tick)
        known = newest.get(key)
        if known is None or entry[:3] > known[:3]:
            newest[key] = entry
    rows = []
    for key, (at, sequence, tick_id, tick) in sorted(newest.items(), key=lambda item: item[0]):
        _, price, size, _ = values(tick)
        quote = (tick.bid, tick.ask) if isinstance(tick, Quote) else (None, None)
        rows.append((*key, to_datetime(at), sequence, tick_id, to_datetime(tick.received_at), tick.native_symbol, price, size, *quote))
    if rows:
        await connection.execute(_UPSERT, *(list(column) for column in zip(*rows, strict=True)))
