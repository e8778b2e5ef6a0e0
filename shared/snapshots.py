"""What a snapshot came to: every attempt with its prices, as the run keeps it and as lines of a CSV. Pure.

A price is in dollars; one of a tether counts as such here, and is flagged.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from shared.time import from_iso, to_datetime, to_iso

COLUMNS = ("timestamp_utc", "source", "asset", "price_usd", "http_status", "latency_ms", "attempt")
USDT_AS_USD = "usdt_as_usd"


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request of a source: the assets it was for, as they were asked for, and the prices among them that it gave."""

    source: str
    attempt: int  # at this source for these assets, from 1
    assets: list[str]
    at: int  # us, when its end was known
    latency_ms: int
    http_status: int | None = None  # none: no answer
    prices: dict[str, Decimal] = {}
    error: str = ""
    flags: list[str] = []


class Skipped(msgspec.Struct, frozen=True):
    """A source that was not asked, and why."""

    source: str
    reason: str


class Snapshot(msgspec.Struct, frozen=True, omit_defaults=True):
    """A run's result."""

    started_at: int  # us
    ended_at: int  # us
    assets: list[str]
    attempts: list[Attempt] = []
    skipped: list[Skipped] = []

    @property
    def missing(self) -> list[str]:
        """The assets that nobody gave a price of."""
        return [asset for asset in self.assets if not any(asset in attempt.prices for attempt in self.attempts)]

    def prices(self) -> list[tuple[str, Attempt]]:
        """Each asset that has a price, in the order asked for, with the attempt that gave it."""
        return [(asset, attempt) for asset in self.assets for attempt in self.attempts if asset in attempt.prices]


def document(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot as it is told: its prices, what is missing, every attempt; times are ISO-8601, prices decimals."""
    return {
        "started_at": to_iso(snapshot.started_at),
        "ended_at": to_iso(snapshot.ended_at),
        "assets": snapshot.assets,
        "prices": [
            {
                "asset": asset,
                "price_usd": attempt.prices[asset],
                "source": attempt.source,
                "timestamp_utc": to_iso(attempt.at),
                "flags": attempt.flags,
            }
            for asset, attempt in snapshot.prices()
        ],
        "missing": snapshot.missing,
        "attempts": [
            {
                "timestamp_utc": to_iso(attempt.at),
                **{name: value for name, value in msgspec.structs.asdict(attempt).items() if name != "at"},
            }
            for attempt in snapshot.attempts
        ],
        "skipped": [msgspec.structs.asdict(skipped) for skipped in snapshot.skipped],
    }


def attempts(told: Mapping[str, Any]) -> list[Attempt]:
    """The attempts of a `document` that came as JSON, its numbers read as decimals or strings."""
    found = []
    for attempt in told["attempts"]:
        given = {name: value for name, value in attempt.items() if name != "timestamp_utc"}
        given["prices"] = {asset: Decimal(price) for asset, price in given["prices"].items()}
        found.append(Attempt(at=from_iso(attempt["timestamp_utc"]), **given))
    return found


def path(started_at: int) -> str:
    """`2026/01/13/prices-1132.csv` of a snapshot begun then (us, UTC)."""
    return f"{to_datetime(started_at):%Y/%m/%d/prices-%H%M.csv}"


def rows(attempts: Iterable[Attempt]) -> list[list[str]]:
    """A row an attempt and asset; a failed one has no price, one without an answer no status."""
    return [
        [
            to_iso(attempt.at),
            attempt.source,
            asset,
            f"{attempt.prices[asset]:f}" if asset in attempt.prices else "",
            str(attempt.http_status or ""),
            str(attempt.latency_ms),
            str(attempt.attempt),
        ]
        for attempt in attempts
        for asset in attempt.assets
    ]


def text(lines: Sequence[Sequence[str]]) -> str:
    """Lines of CSV, each with its end."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(lines)
    return out.getvalue()
