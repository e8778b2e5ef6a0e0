"""Trading: merging, reading and versions give the same whatever the order, the cutting and the way."""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.simulator import orderflow
from services.fetcher.merge import Merge
from services.fetcher.timed import Rows, Timed
from services.transformer.checkpoint import start
from services.transformer.clocks import Rules
from services.transformer.machine import Machine
from services.transformer.transforms import trading
from shared.records import Record
from shared.trading import columns
from tests.fixtures.records import Kept

NAMES: tuple[columns.File, ...] = ("nbbo", "orders", "trades")


def files(seed: int, orders: int) -> dict[columns.File, bytes]:
    """A small day as files' bytes; an order's time is a quote's, too."""
    lines = {name: [",".join(orderflow.HEADERS[name])] for name in NAMES}
    for row in orderflow.generate(seed, orders, ("AAPL", "KO")):
        lines[row.file].append(",".join(row.values))  # type: ignore[index]
    return {name: "\n".join(found).encode() for name, found in lines.items()}


def merged(given_files: dict[columns.File, bytes], sizes: Iterator[int]) -> list[Timed]:
    """The rows of the files, read in pieces of these sizes."""
    rows = [Rows("orders-1", name, "UTC") for name in NAMES]
    left = [given_files[name] for name in NAMES]
    merge = Merge(len(NAMES))
    found: list[Timed] = []
    while True:
        while (at := merge.wanted()) is not None:
            size = next(sizes)
            piece, left[at] = left[at][:size], left[at][size:]
            if piece:
                merge.add(at, rows[at].feed(piece))
            else:
                merge.add(at, rows[at].end())
                merge.end(at)
        taken = merge.take()
        if not taken:
            return found
        found += taken


def sizes_of(seed: int) -> Iterator[int]:
    rng = random.Random(seed)
    while True:
        yield rng.choice((1, 7, 60, 500, 5000))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(1, 12))
def test_files_merge_to_one_sequence_by_time_however_their_bytes_are_cut(seed: int, cut: int, orders: int) -> None:
    found = merged(files(seed, orders), sizes_of(cut))
    assert found == merged(files(seed, orders), sizes_of(cut + 1))
    assert [row[0] for row in found] == sorted(row[0] for row in found)
    assert len(found) == sum(content.count(b"\n") for content in files(seed, orders).values())


class Slow(trading.Trading):
    """Every row by the machine's ordinary way."""

    def advance(self, records: object, at: int, log_time: int, *rest: object) -> tuple[int, int]:
        """Nothing is taken."""
        return at, log_time


def values(machine: Machine, records: list[Record], cut: int) -> list[object]:
    out = machine.step(records[:cut]) + machine.step(records[cut:]) + machine.tally()
    return [msgspec.structs.astuple(output) for output in out]


BAD = (b"x", b"\xff", b"a,b\nc", b"symbol,bid,ask,timestamp,file=nbbo,zone=UTC\nKO,1,0,2026-01-05T00:00:00Z")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 60), st.lists(st.integers(0, 40), max_size=4))
def test_the_fast_way_says_what_the_ordinary_way_says(seed: int, cut: int, spoiled: list[int]) -> None:
    rows = [row[1] for row in merged(files(seed, 10), sizes_of(seed))]
    records: list[Record] = []
    for offset, row in enumerate(rows):
        assert isinstance(row, tuple)
        value = BAD[offset % len(BAD)] if offset in spoiled else row[2]
        headers = [("run", b"nonsense")] if offset in spoiled and offset % 3 == 0 else row[3]
        records.append(Kept(offset + 4090, 1_767_623_400_000 + offset * 70_000, row[1], value, tuple(headers)))
    at = start(1, 4090)
    fast, slow = Machine(trading.Trading(0, 1), 0, at, Rules()), Machine(Slow(0, 1), 0, at, Rules())
    assert values(fast, records, cut) == values(slow, records, cut)
    assert fast.checkpoint() == slow.checkpoint()
