"""GET /candles: one-minute candles and every coarser interval, filled or not, now or as it was known."""

from typing import get_args

from starlette.responses import Response

from services.api import answers, formats, intervals, pages, parameters, reader
from services.api.candles import Filling, Place
from services.api.parameters import KINDS, Given, Parameter
from services.api.problems import Invalid
from services.api.protocol import Context, Endpoint
from services.api.reader import Query
from shared.settings import Api
from shared.time import MINUTE

FILLINGS: tuple[Filling, ...] = get_args(Filling)


def query(given: Given, bounds: Api) -> tuple[Query, str]:
    """What is asked, and the scope of its cursors."""
    symbol = given.symbol()
    if symbol is None:
        raise Invalid("symbol", "is required, like BTC-USDT")
    source, kind = given.text("source"), given.choice("kind", KINDS) or "trade"
    interval = given.interval("interval", MINUTE)
    start, end = parameters.span(given)
    filling, as_of = given.choice("fill", FILLINGS) or "none", given.time("as_of")
    if filling != "none" and start is None:
        raise Invalid("from", f"is required with fill={filling}: where the first window is")
    if as_of is not None and kind == "bar":
        raise Invalid("as_of", "cannot be asked of bars, which the venue makes; of trade, quote and index it can")
    scope = f"candles {source!r} {symbol} {kind} {interval} {start} {end} {filling} {as_of}"
    limit, after = given.limit(bounds.page_limit), given.cursor(scope, Place)
    return Query(symbol, source, kind, interval, start, end, limit, filling, as_of, bounds.as_of_ticks, after), scope


async def candles(context: Context, given: Given) -> Response:
    """Candles in the order (start, source)."""
    asked, scope = query(given, context.bounds)
    rows, ends_at = await reader.read(context.store, asked)
    following = None if ends_at is None else pages.next_url(given.path, given.pairs, pages.encode(scope, ends_at))
    return await formats.page(given.accept, rows, answers.Candle, following)


ENDPOINTS = (
    Endpoint(
        "/candles",
        "Candles of a symbol",
        candles,
        (
            parameters.SYMBOL_REQUIRED,
            parameters.SOURCE,
            parameters.KIND,
            Parameter("interval", f"{intervals.EXPECTED}; 1m where it is not given", {"type": "string"}, "5m"),
            parameters.FROM,
            parameters.TO,
            parameters.LIMIT,
            parameters.CURSOR,
            Parameter(
                "fill",
                "What stands for windows without ticks: none leaves them out, null gives rows of nulls, previous repeats the last close",
                {"type": "string", "enum": list(FILLINGS)},
                "previous",
            ),
            Parameter("as_of", "Only what had been received by then, ticks that came later left out", {"type": "string"}),
        ),
        answers.Candle,
        description="Windows whose start lies in [from, to), `from` read at the start of its window; a coarse window is always whole.",
        formats=True,
    ),
)
