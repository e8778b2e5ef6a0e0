"""Real recordings beside the repository, and the way of their lines through the pure code: reader, raw records, transformer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from services.fetcher.protocol import Reader
from services.transformer.checkpoint import start
from services.transformer.clocks import Rules
from services.transformer.outputs import Output
from services.transformer.transforms.market import machine
from shared.events import Count, Marker, Tally, Tick, TickRecord
from shared.topics import DEAD_LETTERS, TICKS
from tests.fixtures.records import Kept

DATA = Path(__file__).parents[2].parent / "shared" / "data"
INGESTED_MS = 1_760_000_000_000  # long after the recordings
_decode = msgspec.json.Decoder(TickRecord).decode


def recording(name: str) -> bytes:
    """The bytes of a recording; the test is skipped where there is none."""
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"{name} is not beside the repository")
    return path.read_bytes()


def outputs(reader: Reader, data: bytes, *, chunk: int = 50_000) -> list[Output]:
    """What the transformer publishes for a file that is read in chunks, partition by partition."""
    logs: dict[int, list[Kept]] = {}
    items = [item for at in range(0, len(data), chunk) for item in reader.feed(data[at : at + chunk])] + list(reader.end())
    for item in items:
        assert isinstance(item, tuple), item
        partition, key, value, headers = item
        log = logs.setdefault(partition, [])
        log.append(Kept(len(log), INGESTED_MS + len(log), key, value, tuple(headers), partition))
    published: list[Output] = []
    for partition, log in logs.items():
        market = machine(partition, start(1, 0), Rules())
        published += market.step(log) + market.tally()
    return published


def ticks(published: Iterable[Output]) -> list[Tick]:
    """The ticks among them, in the order of their raw records."""
    events = [_decode(output.value or b"") for output in published if output.topic is TICKS]
    found = [event for event in events if not isinstance(event, Marker | Tally)]
    return sorted(found, key=lambda tick: (tick.received_at, tick.symbol, tick.sequence))


def counts(published: Iterable[Output]) -> tuple[int, int, int]:
    """Received, rejected and ignored, as tallied; each partition has fewer records than a block, so one tally holds them."""
    last: dict[tuple[int, int], list[Count]] = {}
    for output in published:
        if output.topic is TICKS and isinstance(event := _decode(output.value or b""), Tally):
            last[event.partition, event.block] = event.counts
    every = [count for found in last.values() for count in found]
    return sum(c.received for c in every), sum(c.rejected for c in every), sum(c.ignored for c in every)


def letters(published: Iterable[Output]) -> list[Output]:
    """The dead letters among them."""
    return [output for output in published if output.topic is DEAD_LETTERS]
