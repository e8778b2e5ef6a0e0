"""What the api says of all that a store has: each answer whole, page by page, and candles as they were known at moments of the past too."""

from __future__ import annotations

import asyncio
from typing import Any

from shared.time import to_iso
from tests.fixtures.api import Client, serving
from tests.system.store import query

MOMENTS = 3  # of the past; one is in the middle of what came, so that late ticks are behind it
Answers = dict[str, list[dict[str, Any]]]
_SYMBOLS = "SELECT DISTINCT symbol FROM candles ORDER BY 1"
_RECEIVED = """
SELECT (extract(epoch FROM percentile_disc(share) WITHIN GROUP (ORDER BY received_at)) * 1000000)::bigint
FROM ticks, unnest($1::float8[]) AS u (share) GROUP BY share ORDER BY share
"""


def read(url: str) -> Answers:
    """Answers by what was asked."""
    symbols = [row[0] for row in query(url, _SYMBOLS)]
    moments = [row[0] for row in query(url, _RECEIVED, [(n + 1) / (MOMENTS + 1) for n in range(MOMENTS)])]
    return asyncio.run(_read(url, symbols, moments))


async def _read(url: str, symbols: list[str], moments: list[int]) -> Answers:
    asked: dict[str, tuple[str, dict[str, Any]]] = {
        "metrics": ("/metrics", {}),
        "orders": ("/orders", {}),
        "fills": ("/fills", {}),
        "ledger": ("/ledger", {}),
        **{f"execution-quality by {group}": ("/execution-quality", {"group_by": group}) for group in ("symbol", "venue", "side", "day")},
    }
    found: Answers = {}
    async with serving(url, page_limit=10_000) as api:
        for name, (path, given) in asked.items():
            found[name] = await _all(api, path, **given)
        found["candles"] = [row for symbol in symbols for row in await _all(api, "/candles", symbol=symbol)]
        for at in moments:
            given = {"as_of": to_iso(at), "interval": "5m"}
            found[f"candles as of {to_iso(at)}"] = [
                row for symbol in symbols for row in await _all(api, "/candles", symbol=symbol, **given)
            ]
    return found


async def _all(api: Client, path: str, **given: Any) -> list[dict[str, Any]]:
    return [row for page in await api.pages(path, **given) for row in page]


def differences(before: Answers, after: Answers) -> dict[str, Any]:
    """The first rows of each answer that are not the same in both."""
    wrong: dict[str, Any] = dict.fromkeys(before.keys() ^ after.keys(), "was asked of one only")
    for name in before.keys() & after.keys():
        if before[name] != after[name] or not before[name]:
            pairs = [pair for pair in zip(before[name], after[name], strict=False) if pair[0] != pair[1]]
            wrong[name] = (len(before[name]), len(after[name]), pairs[:3])
    return wrong
