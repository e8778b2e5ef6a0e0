"""Facts into `ticks`, each once: a plain COPY where all are new, a staged insert where some are known."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from struct import Struct
from typing import Any

import asyncpg

from services.writer.batch import FactKey, fact_key, precedence
from services.writer.sinks.postgres import binary, copying
from services.writer.sinks.postgres.binary import numeric, text
from services.writer.sinks.postgres.connection import Connection
from services.writer.sinks.postgres.days import DAY_ONE
from shared.aggregations import candles
from shared.events import IndexPrice, Origin, Quote, Tick, Trade
from shared.time import MINUTE, floor, from_datetime, to_datetime

_KEY = "day source symbol kind id".split()
# First what many rows have in common, then what is of fixed size.
COLUMNS = (
    "day source symbol kind native_symbol side late run sequence event_time received_at epoch raw_partition raw_offset raw_index "
    "id price size bid ask bid_size ask_size"
).split()
_EPOCH = from_datetime(datetime(2000, 1, 1, tzinfo=UTC))
_CHUNK = 500
_NULL = binary.NULL
_NO_TRADE, _NO_QUOTE, _NO_INDEX = _NULL * 2, _NULL * 4, _NULL * 5
_ON_TIME, _LATE = b"\0\0\0\1\0", b"\0\0\0\1\1"
_numbers = Struct(">iqiqiqiqiiiqiii").pack
_VALUES = [name for name in COLUMNS if name not in _KEY]
_CONTENT = "({0}.event_time, {0}.sequence, {0}.price, {0}.size, {0}.side, {0}.bid, {0}.ask, {0}.bid_size, {0}.ask_size)"
_STAGE = "CREATE TEMP TABLE IF NOT EXISTS stage (LIKE ticks INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"
_INSERT = f"""
INSERT INTO ticks ({", ".join(COLUMNS)}) SELECT {", ".join(COLUMNS)} FROM stage ORDER BY day, source, symbol, kind, id
ON CONFLICT DO NOTHING RETURNING day, source, symbol, kind, id
"""
# Stored copies that were received later than the staged ones, or at the same time with other values.
_RIVALS = f"""
SELECT t.* FROM ticks t JOIN stage s USING (day, source, symbol, kind, id)
WHERE s.received_at < t.received_at OR (s.received_at = t.received_at AND {_CONTENT.format("s")} IS DISTINCT FROM {_CONTENT.format("t")})
"""
_REPLACE = f"""
UPDATE ticks t SET ({", ".join(_VALUES)}) = ({", ".join("s." + name for name in _VALUES)})
FROM unnest($1::date[], $2::text[], $3::text[], $4::text[], $5::text[]) AS k (day, source, symbol, kind, id)
JOIN stage s USING (day, source, symbol, kind, id) JOIN ticks o USING (day, source, symbol, kind, id)
WHERE (t.day, t.source, t.symbol, t.kind, t.id) = (s.day, s.source, s.symbol, s.kind, s.id)
RETURNING t.source, t.symbol, t.kind, o.event_time, t.event_time
"""
_MINUTES = """
SELECT t.* FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) AS k (source, symbol, kind, start) CROSS JOIN LATERAL (
    SELECT * FROM ticks
    WHERE source = k.source AND symbol = k.symbol AND kind = k.kind
      AND event_time >= k.start AND event_time < k.start + interval '1 minute'
    OFFSET 0
) t
"""


async def copy(connection: Connection, rows: Iterable[bytes]) -> bool:
    """Stores facts that are all new; False, with nothing stored, if one is known."""
    return await copying.copy_new(connection, "ticks", COLUMNS, rows)


async def _replace(connection: Connection, facts: Mapping[FactKey, Tick]) -> set[candles.Key]:
    """Puts copies that hold over the stored ones in their place; returns the windows they leave or enter."""
    stored = [tick(found) for found in await connection.fetch(_RIVALS)]
    winners = [fact_key(old) for old in stored if precedence(facts[fact_key(old)]) < precedence(old)]
    if not winners:
        return set()
    columns = [list(column) for column in zip(*((DAY_ONE + timedelta(days=day), *rest) for day, *rest in winners), strict=True)]
    replaced: set[candles.Key] = set()
    for source, symbol, kind, *times in await connection.fetch(_REPLACE, *columns):
        replaced |= {(source, symbol, kind, floor(from_datetime(time), MINUTE)) for time in times}
    return replaced


async def merge(connection: Connection, facts: Mapping[FactKey, Tick], rows: Iterable[bytes]) -> tuple[set[FactKey], set[candles.Key]]:
    """Stores the facts that are new, given their `rows`; returns their keys and the windows that a replaced copy has left or entered."""
    await connection.execute(_STAGE)
    await copying.copy(connection, "stage", COLUMNS, rows)
    new = {((day - DAY_ONE).days, *rest) for day, *rest in await connection.fetch(_INSERT)}
    replaced = await _replace(connection, facts) if len(new) < len(facts) else set()
    return new, replaced


def rows(facts: Mapping[FactKey, Tick]) -> list[bytes]:
    """Facts in binary COPY format, many to a piece."""
    made = [row(key, tick) for key, tick in facts.items()]
    return [b"".join(made[at : at + _CHUNK]) for at in range(0, len(made), _CHUNK)]


def row(key: FactKey, tick: Tick) -> bytes:
    """A fact as a row of `ticks`, in binary COPY format."""
    origin = tick.origin
    if type(tick) is Trade:
        side = tick.side
        values = numeric(str(tick.price)) + numeric(str(tick.size)) + _NO_QUOTE
    elif isinstance(tick, Quote):
        side = None
        sizes = [_NULL if size is None else numeric(str(size)) for size in (tick.bid_size, tick.ask_size)]
        values = b"".join((_NO_TRADE, numeric(str(tick.bid)), numeric(str(tick.ask)), *sizes))
    else:
        index: IndexPrice = tick  # type: ignore[assignment]
        side = None
        values = numeric(str(index.price)) + _NO_INDEX
    name = key[4].encode()
    numbers = _numbers(
        *(8, tick.sequence, 8, tick.event_time - _EPOCH, 8, tick.received_at - _EPOCH),
        *(8, origin.epoch, 4, origin.partition, 8, origin.offset, 4, origin.index),
        len(name),
    )
    return _head(*key[:4], tick.native_symbol, side, tick.late, tick.run) + numbers + name + values


@lru_cache(maxsize=16384)
def _head(day: int, source: str, symbol: str, kind: str, native: str, side: str | None, late: bool, run: str | None) -> bytes:
    """The number of fields and the columns that many rows share."""
    fields = (binary.date(day), text(source), text(symbol), text(kind), text(native), text(side), _LATE if late else _ON_TIME, text(run))
    return len(COLUMNS).to_bytes(2, "big") + b"".join(fields)


async def minutes(connection: Connection, windows: Iterable[candles.Key]) -> list[Tick]:
    """The stored ticks of the windows."""
    keys = [(source, symbol, kind, to_datetime(start)) for source, symbol, kind, start in sorted(windows)]
    return [tick(found) for found in await connection.fetch(_MINUTES, *map(list, zip(*keys, strict=True)))]


def tick(found: asyncpg.Record) -> Tick:
    """A row of `ticks` as the fact it came from."""
    at = from_datetime(found["event_time"])
    origin = Origin(found["epoch"], found["raw_partition"], found["raw_offset"], found["raw_index"])
    symbol, native, received = found["symbol"], found["native_symbol"], from_datetime(found["received_at"])
    known: dict[str, Any] = {name: found[name] for name in ("sequence", "source", "late", "run")}
    known |= {"received_at": received, "origin": origin}
    if found["kind"] == "trade":
        return Trade(symbol, native, at, found["price"], found["size"], found["side"], found["id"], **known)
    if found["kind"] == "quote":
        return Quote(symbol, native, at, found["bid"], found["ask"], found["bid_size"], found["ask_size"], found["id"], **known)
    return IndexPrice(symbol, native, at, found["price"], found["id"], **known)
