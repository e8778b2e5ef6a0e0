"""The newest tick per source, symbol and kind, by (event_time, sequence, id)."""

from collections.abc import Iterable

from services.writer.sinks.postgres.connection import Connection
from shared.aggregations.candles import row
from shared.events import Kind, Quote, Tick, tick_id
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
    newest: dict[tuple[str, str, Kind], tuple[tuple[int, int, str], Tick]] = {}
    for tick in ticks:
        key, place = (tick.source, tick.symbol, tick.kind), (tick.event_time, tick.sequence, tick_id(tick))
        known = newest.get(key)
        if known is None or place > known[0]:
            newest[key] = place, tick
    rows = []
    for key, (place, tick) in sorted(newest.items(), key=lambda item: item[0]):
        *_, price, size, _ = row(tick)
        quote = (tick.bid, tick.ask) if isinstance(tick, Quote) else (None, None)
        times = (to_datetime(place[0]), *place[1:], to_datetime(tick.received_at))
        rows.append((*key, *times, tick.native_symbol, price, size, *quote))
    if rows:
        await connection.execute(_UPSERT, *(list(column) for column in zip(*rows, strict=True)))
