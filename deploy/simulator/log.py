"""The truth: what the simulator issued, line by line, in a ring in memory and, where asked for, all of it in a file.

Invariant: every line has the next number `n`; what the ring has forgotten is counted, and is in the file if there is one.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from deploy.simulator.market import Market, Trade

BUFFER = 1 << 18
CHUNK = 1000
_FORMS = {
    kind: (
        b'{"n":%%d,"kind":"%s","venue":"%%s","symbol":"%%s","id":%%d,"price":"%%s","size":"%%s","side":"%%s","at":%%d,"frames":[%%s]}\n'
        % kind.encode()
    )
    for kind in ("trade", "price")
}


class Filter(NamedTuple):
    """Which lines are wanted; empty fields take all. `symbols` are venues' own names, `since` the first number."""

    kind: str = ""
    venue: str = ""
    symbols: frozenset[str] = frozenset()
    since: int = 0

    def takes(self, number: int, kind: str, venue: str, symbol: str) -> bool:
        return (
            number >= self.since and self.kind in ("", kind) and self.venue in ("", venue) and (not self.symbols or symbol in self.symbols)
        )


# A line, or what it is spelled out of when somebody asks for it: that is most of the cost of a line, and few are asked for.
_Content = bytes | tuple[Market, Trade, Sequence[bytes]]
_Entry = tuple[int, str, str, str, _Content]  # number, kind, venue, symbol


def _line(entry: _Entry) -> bytes:
    number, kind, _, _, content = entry
    if isinstance(content, bytes):
        return content
    market, trade, frames = content
    return _FORMS[kind] % (
        number,
        market.venue.encode(),
        market.name,
        trade.id,
        market.price(trade.price),
        market.size(trade.size),
        b"buy" if trade.is_buy else b"sell",
        trade.at,
        b",".join(frames),
    )


class _Head(msgspec.Struct):
    n: int
    kind: str
    venue: str = ""
    symbol: str = ""


class Log:
    """Lines of kinds trade, price, request, connection, frame and fault. Nothing is written to `path` before `flush`, or 256 KiB."""

    def __init__(self, ring: int, path: Path | None = None) -> None:
        self._ring: deque[_Entry] = deque(maxlen=ring)
        self._number = 0
        self.counts: Counter[str] = Counter()
        self.path = path
        self._file = path.open("ab", buffering=BUFFER) if path else None
        self._begin = self._file.tell() if self._file else 0

    @property
    def lines(self) -> int:
        """How many lines there have been."""
        return self._number

    @property
    def forgotten(self) -> int:
        """How many of them the ring no longer holds."""
        return self._number - len(self._ring)

    def trade(self, kind: str, market: Market, trade: Trade, frames: Sequence[bytes]) -> None:
        """A trade or price, and what became of its frames."""
        self._number += 1
        self._keep((self._number, kind, market.venue, market.native, (market, trade, frames)))

    def note(self, kind: str, venue: str, symbol: str = "", **fields: Any) -> None:
        """Any other line."""
        self._number += 1
        line = msgspec.json.encode({"n": self._number, "kind": kind, "venue": venue, "symbol": symbol, **fields}) + b"\n"
        self._keep((self._number, kind, venue, symbol, line))

    def read(self, wanted: Filter) -> Iterator[bytes]:
        """The lines wanted, in chunks: from the file when the ring no longer holds them all, else from the ring."""
        oldest = self.forgotten + 1
        if self.path is not None and wanted.since < oldest:
            self.flush()
            return self._from_file(self.path, wanted)
        lines = [_line(entry) for entry in self._ring if wanted.takes(*entry[:4])]
        return (b"".join(lines[at : at + CHUNK]) for at in range(0, len(lines), CHUNK))

    def flush(self) -> None:
        """Hands all lines to the file."""
        if self._file:
            self._file.flush()

    def close(self) -> None:
        """The last flush."""
        if self._file:
            self._file.close()

    def _keep(self, entry: _Entry) -> None:
        self.counts[entry[1]] += 1
        self._ring.append(entry)
        if self._file:
            self._file.write(_line(entry))

    def _from_file(self, path: Path, wanted: Filter) -> Iterator[bytes]:
        head = msgspec.json.Decoder(_Head)
        end = self._number
        with path.open("rb") as file:
            file.seek(self._begin)
            for line in file:
                entry = head.decode(line)
                if wanted.takes(entry.n, entry.kind, entry.venue, entry.symbol):
                    yield line
                if entry.n >= end:
                    return
