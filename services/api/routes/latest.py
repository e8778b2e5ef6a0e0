"""GET /latest: the newest price of each source and symbol, whatever its kind; `kind` narrows it to one."""

from collections.abc import Sequence
from typing import NamedTuple

from services.api import answers, pages, parameters, queries, records
from services.api.parameters import KINDS, Given
from services.api.protocol import Context, Endpoint
from services.api.store import Standing, Store


class Position(NamedTuple):
    """The key of the last row."""

    source: str
    symbol: str


async def latest(context: Context, given: Given) -> bytes:
    """One row per source and symbol."""
    source, symbol, kind = given.text("source"), given.symbol(), given.choice("kind", KINDS)
    limit = given.limit(context.bounds.page_limit)
    scope = f"latest {source!r} {symbol} {kind}"
    after = given.cursor(scope, Position) or Position("", "")
    stored = await context.store.fetch(queries.LATEST, source, symbol, kind, *after, limit + 1)
    flags = await _standing(context.store)
    rows = [records.latest(row, _of(flags.get((row[0], row[1]), ()), kind)) for row in stored[:limit]]
    following = None
    if len(stored) > limit:
        following = pages.next_url(given.path, given.pairs, pages.encode(scope, Position(rows[-1].source, rows[-1].symbol)))
    return answers.page(rows, following)


async def _standing(store: Store) -> Standing:
    """The flags that stand, not older than a second."""
    known = store.standing.get(())
    if known is None:
        found: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for source, symbol, kind, flag in await store.fetch(queries.STANDING):
            found.setdefault((source, symbol), []).append((kind, flag))
        known = store.standing.put((), found)
    return known


def _of(flags: Sequence[tuple[str, str]], kind: str | None) -> list[str]:
    """Those of a kind, or of any."""
    return sorted({flag for of, flag in flags if kind in (None, of)}) if flags else []


ENDPOINTS = (
    Endpoint(
        "/latest",
        "The newest price per source and symbol",
        latest,
        (parameters.SOURCE, parameters.SYMBOL, parameters.KIND, parameters.LIMIT, parameters.CURSOR),
        answers.Latest,
    ),
)
