"""The queries of the archive's page, run by DuckDB over gold, beside the same from the store."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import duckdb

from shared.archive.store import Store
from shared.settings import S3
from tests.architecture.sources import ROOT
from tests.system.store import query

_US = "(extract(epoch FROM {0}) * 1000000)::bigint"
STORED = {
    "candles": f"""
        SELECT source, symbol, kind, {_US.format("start")}, open, high, low, close, volume, quote_volume, buy_volume, sell_volume,
               trade_count, tick_count, late_count FROM candles""",
    "minutes": f"""
        SELECT service, {_US.format("start")}, request_count, latency_count, latency_sum, status_count, error_count, late_count
        FROM minutes""",
    "fills": "SELECT trade_id, order_id, symbol, side, quantity, price, bid, ask, pi_dollars FROM fills WHERE action < 2",
    "summaries": """
        SELECT order_id, symbol, side, quantity, filled_qty, notional, total_pi_dollars, fill_count FROM orders
        WHERE symbol IS NOT NULL""",
}


def queries() -> dict[str, str]:
    """The SQL of the page, by the word that its first line says."""
    page = (ROOT / "docs" / "archive.md").read_text(encoding="utf-8")
    return {found[1]: found[2] for found in re.finditer(r"```sql\n-- (\w+)\n(.*?)```", page, re.DOTALL)}


def differences(s3: S3, prefix: str, url: str, folder: Path) -> dict[str, Any]:
    """What only one of them has, a few rows of each."""
    asyncio.run(fetch(s3, folder))
    wrong: dict[str, Any] = {}
    for name, sql in queries().items():
        local = sql.replace("s3://BUCKET/*/gold/", f"{folder}/*/gold/{prefix}")
        found = {tuple(row) for row in duckdb.connect().execute(local).fetchall()}
        stored = {tuple(row) for row in query(url, STORED[name])}
        if found != stored or not found:
            wrong[name] = (len(found), len(stored), sorted(found - stored, key=str)[:3], sorted(stored - found, key=str)[:3])
    assert queries().keys() == STORED.keys()
    return wrong


async def fetch(s3: S3, folder: Path) -> None:
    """Gold as files."""
    async with Store(s3) as store:
        async for found in store.objects(""):
            if "/gold/" in found.key:
                path = folder / found.key
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(await store.get(found.key))
