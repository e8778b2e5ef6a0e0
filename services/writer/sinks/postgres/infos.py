"""Market infos, each once: of several copies the one received first holds."""

from collections import Counter
from collections.abc import Mapping

from services.writer.batch import InfoKey, LedgerKey, ledger_key
from services.writer.sinks.postgres.connection import Connection
from shared.events import MarketInfo
from shared.time import from_datetime, to_datetime

_TYPES = {
    "source": "text", "symbol": "text", "event_time": "timestamptz", "id": "text", "native_symbol": "text", "name": "text",
    "rank": "bigint", "market_cap": "numeric", "volume_24h": "numeric", "change_1h": "numeric", "change_24h": "numeric",
    "change_7d": "numeric", "received_at": "timestamptz", "run": "text", "epoch": "bigint", "raw_partition": "integer",
    "raw_offset": "bigint", "raw_index": "integer",
}  # fmt: skip
_COLUMNS = ", ".join(_TYPES)
_ENVELOPE = "received_at run epoch raw_partition raw_offset raw_index".split()
_INSERT = f"""
INSERT INTO market_info AS m ({_COLUMNS})
SELECT * FROM unnest({", ".join(f"${n}::{kind}[]" for n, kind in enumerate(_TYPES.values(), 1))})
ON CONFLICT (source, symbol, event_time, id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _ENVELOPE)}
WHERE excluded.received_at < m.received_at
RETURNING source, symbol, event_time, id, xmax = 0 AS is_new
"""


async def store(connection: Connection, infos: Mapping[InfoKey, MarketInfo], counts: Mapping[str, Counter[LedgerKey]]) -> None:
    """Stores the infos that are new and counts them and the others; in key order, so that replicas cannot deadlock."""
    rows = [_row(info) for _, info in sorted(infos.items())]
    found = await connection.fetch(_INSERT, *(list(column) for column in zip(*rows, strict=True)))
    new = {(row["source"], row["symbol"], from_datetime(row["event_time"]), row["id"]) for row in found if row["is_new"]}
    for key, info in infos.items():
        counts["stored" if key in new else "duplicate"][ledger_key(info)] += 1


def _row(info: MarketInfo) -> tuple[object, ...]:
    at = info.origin
    figures = (info.market_cap, info.volume_24h, info.change_1h, info.change_24h, info.change_7d)
    place = (at.epoch, at.partition, at.offset, at.index)
    named = (info.source, info.symbol, to_datetime(info.event_time), info.info_id, info.native_symbol, info.name, info.rank)
    return (*named, *figures, to_datetime(info.received_at), info.run, *place)
