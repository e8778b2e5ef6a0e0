"""The queries of the archive's page, run by DuckDB over gold, beside what the api answers about the same.

Quotients and percentiles are not in gold: they are made of its rows as the api makes them of the store's.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from shared.aggregations import minutes
from shared.archive.store import Store
from shared.events import ServiceMinute
from shared.money import quotient
from shared.settings import S3
from shared.time import to_iso
from tests.architecture.sources import ROOT
from tests.system.answers import Answers

Row = tuple[Any, ...]


class Compared(NamedTuple):
    """Which answer a query stands beside, what of its rows, and what becomes of the query's own."""

    answer: str
    names: str
    told: Callable[..., Row] = lambda *row: row
    void: bool = False  # the answer has rows that count nowhere


def _candle(source: str, symbol: str, kind: str, start: int, *values: Any) -> Row:
    return (source, symbol, kind, to_iso(start), *values)


def _minute(service: str, start: int, *values: Any) -> Row:
    requests, counted, total, statuses, errors, late, latencies = values
    buckets = tuple((number, count) for number, count in latencies)
    minute = ServiceMinute(service, start, requests, counted, total, statuses, errors, late, buckets)
    told = requests, minutes.average(minute), statuses, errors, minutes.error_rate(minute)
    return (service, to_iso(start), *told, *(minutes.percentile(minute, share) for share in (50, 95, 99)), late)


def _summary(*row: Any) -> Row:
    *kept, filled, notional, improved, fills = row
    return (*kept, filled, quotient(notional, filled), improved, fills)


COMPARED = {
    "candles": Compared(
        "candles",
        "source symbol kind start open high low close volume quote_volume buy_volume sell_volume trade_count tick_count late_count",
        _candle,
    ),
    "minutes": Compared(
        "metrics",
        "service start request_count avg_latency_ms status_count error_count error_rate p50 p95 p99 late_count",
        _minute,
    ),
    "fills": Compared("fills", "trade_id order_id symbol side quantity price bid ask pi_dollars", void=True),
    "summaries": Compared("orders", "order_id symbol side total_order_qty filled_qty vwap total_pi_dollars fill_count", _summary),
    "quality": Compared(
        "execution-quality by symbol",
        "group fills shares priced_shares shares_improved shares_at_quote shares_outside total_pi_dollars",
    ),
}


def queries() -> dict[str, str]:
    """The SQL of the page, by the word that its first line says."""
    page = (ROOT / "docs" / "archive.md").read_text(encoding="utf-8")
    return {found[1]: found[2] for found in re.finditer(r"```sql\n-- (\w+)\n(.*?)```", page, re.DOTALL)}


def differences(s3: S3, prefix: str, answers: Answers, folder: Path) -> dict[str, Any]:
    """What only one of them has, a few rows of each."""
    asyncio.run(fetch(s3, folder))
    assert queries().keys() == COMPARED.keys()
    wrong: dict[str, Any] = {}
    for name, (answer, names, told, void) in COMPARED.items():
        local = queries()[name].replace("s3://BUCKET/*/gold/", f"{folder}/*/gold/{prefix}")
        found = {_plain(told(*row)) for row in duckdb.connect().execute(local).fetchall()}
        said = {_plain(tuple(row[one] for one in names.split())) for row in answers[answer] if not (void and row["void"])}
        if found != said or not found:
            wrong[name] = (len(found), len(said), sorted(found - said, key=str)[:3], sorted(said - found, key=str)[:3])
    return wrong


def _plain(row: Row) -> Row:
    """Numbers by their value, whatever their type."""
    return tuple(Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value for value in row)


async def fetch(s3: S3, folder: Path) -> None:
    """Gold as files."""
    async with Store(s3) as store:
        async for found in store.objects(""):
            if "/gold/" in found.key:
                path = folder / found.key
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(await store.get(found.key))
