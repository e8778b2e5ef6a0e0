"""GET /flags: what was found doubtful in live ticks, the newest first."""

from typing import NamedTuple, get_args

from services.api import answers, pages, parameters, queries, records
from services.api.parameters import Given, Parameter
from services.api.protocol import Context, Endpoint
from shared.events import FlagName
from shared.time import LATEST

NAMES: tuple[FlagName, ...] = get_args(FlagName)
FLAG = Parameter("flag", "This doubt only", {"type": "string", "enum": list(NAMES)}, "frozen")
STANDING = Parameter("standing", "`true`: only what still stands", {"type": "string", "enum": ["true", "false"]}, "true")


class Position(NamedTuple):
    """Where the last row stands."""

    start: int
    source: str
    symbol: str
    kind: str
    flag: str
    epoch: int = 0
    raw_partition: int = 0
    first_offset: int = 0
    first_index: int = 0


async def flags(context: Context, given: Given) -> bytes:
    """Episodes that began in [from, to)."""
    symbol, source, name = given.symbol(), given.text("source"), given.choice("flag", NAMES)
    standing = given.choice("standing", ("true", "false")) == "true"
    start, end = parameters.span(given)
    limit = given.limit(context.bounds.page_limit)
    scope = f"flags {symbol} {source!r} {name} {standing} {start} {end}"
    after = given.cursor(scope, Position) or Position(LATEST - 1, "", "", "", "")
    span = start or 0, LATEST - 1 if end is None else end
    sql = queries.FLAGS[symbol is not None, standing]
    found = await context.store.fetch(sql, symbol, source, name, *span, *after, limit + 1)
    following = None
    if len(found) > limit:
        last = found[limit - 1]
        position = Position(*(last[name] for name in Position._fields))
        following = pages.next_url(given.path, given.pairs, pages.encode(scope, position))
    return answers.page([records.flag(row) for row in found[:limit]], following)


ENDPOINTS = (
    Endpoint(
        "/flags",
        "Doubts about live ticks",
        flags,
        (
            parameters.SYMBOL,
            parameters.SOURCE,
            FLAG,
            STANDING,
            parameters.FROM,
            parameters.TO,
            parameters.LIMIT,
            parameters.CURSOR,
        ),
        answers.Flag,
        description="One row an episode: consecutive ticks with one doubt. A flagged tick is stored like any other.",
    ),
)
