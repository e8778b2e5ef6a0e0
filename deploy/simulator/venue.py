"""What a venue is: names, limits, answers to requests, and a feed of frames where it has one.

Invariant: a venue is data and pure functions; sessions and markets are passed in, bytes come out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from deploy.simulator.limits import Limit, Verdict
from deploy.simulator.market import Market, Trade

Book = Mapping[str, Market]  # the venue's markets by its own names
Encoder = Callable[[Market, Trade], bytes]


class Stream(NamedTuple):
    """One channel of one symbol, by the venue's own name of it."""

    channel: str
    symbol: str


@dataclass
class Session:
    """One connection as the venue sees it.

    `form` is how it wants its frames; `shown` collects the past trades that an answer shows it, for the log.
    """

    number: int
    form: str = ""
    streams: set[Stream] = field(default_factory=set)
    shown: list[tuple[Market, Trade]] = field(default_factory=list)


@dataclass(frozen=True)
class Feed:
    """The WebSocket side.

    `opened` gives the first frames of a connection to a path (without the venue's prefix) or None where there is no such path;
    `received` answers a message and changes the session's streams; `beat` is asked each second. `encoders` make the frame of each
    channel; those in `trades` carry trades, the others quotes. `ping` and `subscribe_within` are in seconds, 0 for none.
    """

    opened: Callable[[str, Mapping[str, str], Session, Book, int], list[bytes] | None]
    received: Callable[[bytes, Session, Book, int], list[bytes]]
    beat: Callable[[Session, Book, int], list[bytes]]
    encoders: Mapping[str, Encoder]
    trades: frozenset[str]
    ping: float = 0
    subscribe_within: float = 0


class Request(NamedTuple):
    """A GET request; `path` without the venue's prefix, header names in lower case, `now` in us."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    now: int
    seed: int = 1  # of markets that are made as they are asked for


class Answer(NamedTuple):
    """What is sent back."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


def no_headers(verdict: Verdict) -> Mapping[str, str]:
    """For venues that do not tell what is left."""
    return {}


@dataclass(frozen=True)
class Venue:
    """`kind` is what its markets issue: trades, or prices without sizes; nothing, where only the past is asked for.

    `precision` of its times in us."""

    name: str
    native: Callable[[str], str]
    answer: Callable[[Request, Book], Answer]
    weigh: Callable[[Request], int]
    limit: Limit
    limited: Callable[[int], Answer]
    used: Callable[[Verdict], Mapping[str, str]] = no_headers
    precision: int = 1
    kind: Literal["trade", "price", "past"] = "trade"
    feed: Feed | None = None
