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
from services.transformer.outputs import Output
from services.transformer.transforms import trading
from shared.records import Record
from shared.trading import columns
from shared.trading.plain import Unusual
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


class Alone(Rows):
    """Every row by itself."""

    def _together(self, given: object) -> list[Timed]:
        raise Unusual


ODD = (
    b"",
    b"x",
    b"\xff,1,2,3",
    b",,,",
    b'"KO",1,2,2026-01-05T14:30:01.000000Z',
    b"KO,1,2,yesterday",
    b"KO,1,2,2026-01-05T14:30:01Z,5",
    b" ko ,1,2, ",
)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(NAMES), st.lists(st.tuples(st.integers(0, 60), st.sampled_from(ODD)), max_size=3))
def test_rows_taken_together_are_those_taken_one_by_one(seed: int, name: columns.File, spoiled: list[tuple[int, bytes]]) -> None:
    lines = files(seed, 20)[name].split(b"\n")
    for at, odd in spoiled:
        lines.insert(1 + at % len(lines), odd)
    content, found = b"\r\n".join(lines), []
    for kind in (Rows, Alone):
        rows, sizes, at = kind("orders-1", name, "America/New_York"), sizes_of(seed), 0
        timed: list[Timed] = []
        while at < len(content):
            size = next(sizes)
            timed += rows.feed(content[at : at + size])
            at += size
        found.append(timed + rows.end())
    assert found[0] == found[1]


class Slow(trading.Trading):
    """Every row by the machine's ordinary way."""

    def advance(self, records: object, at: int, *rest: object) -> int:
        """Nothing is taken."""
        return at


def values(machine: Machine, records: list[Record], cut: int) -> list[object]:
    out = machine.step(records[:cut]) + machine.step(records[cut:]) + machine.tally()
    found = [one for output in out for one in _each(output)]
    found.sort(key=lambda output: (output.topic.name, output.partition))  # partitions have no order among them
    return [msgspec.structs.astuple(output) for output in found]


def _each(given: Output) -> list[Output]:
    return [Output(given.topic, given.partition, key, value) for key, value in given.many] or [given]


BAD = (b"x", b"\xff", b"a,b\nc", b"symbol,bid,ask,timestamp,file=nbbo,zone=UTC\nKO,1,0,2026-01-05T00:00:00Z")
HEADERS = (
    b"nonsense",
    b"orders-1:2",
    b"orders-1:2:0:0",
    b"orders-1:2:" + b"9" * 19,
    b"orders-1::0",
    b"other-7:2:0",
    b'a"b:1:0',
    b"\xff:1:0",
)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 1000),
    st.integers(0, 120),
    st.lists(st.integers(0, 150), max_size=4),
    st.lists(st.integers(0, 150), max_size=4),
    st.sampled_from((0, 1, 20, 70_000)),
)
def test_the_fast_way_says_what_the_ordinary_way_says(seed: int, cut: int, spoiled: list[int], misnamed: list[int], pace: int) -> None:
    rows = [row[1] for row in merged(files(seed, 30), sizes_of(seed))]
    records: list[Record] = []
    for at, row in enumerate(rows):
        assert isinstance(row, tuple)
        value = BAD[at % len(BAD)] if at in spoiled else row[2]
        headers = [("run", HEADERS[(at + seed) % len(HEADERS)])] if at in misnamed else row[3]
        records.append(Kept(at + 4000, 1_767_623_400_000 + at * pace, row[1], value, tuple(headers)))
    begin = start(1, 4000)
    flow = trading.Trading(0, 1)
    fast, slow = Machine(flow, 0, begin, Rules()), Machine(Slow(0, 1), 0, begin, Rules())
    assert values(fast, records, cut) == values(slow, records, cut)
    assert fast.checkpoint() == slow.checkpoint()


def test_the_fast_way_takes_a_whole_file_at_once() -> None:
    rows = [row[1] for row in merged(files(1, 30), sizes_of(1))]
    records: list[Record] = [
        Kept(at, 1_767_623_400_000, row[1], row[2], tuple(row[3])) for at, row in enumerate(rows) if isinstance(row, tuple)
    ]
    out = Machine(trading.Trading(0, 1), 0, start(1, 0), Rules()).step(records)
    assert sum(len(output.many) for output in out) == len(records) - 1  # the first is taken by itself
