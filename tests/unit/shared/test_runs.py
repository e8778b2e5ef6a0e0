"""Runs as records: ids, the order of what is known about one, and what is no run."""

from __future__ import annotations

from functools import reduce

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shared import runs
from shared.events import Run, RunStatus
from shared.partitioning import partition
from shared.records import control_kind
from shared.topics import RUNS

STATUSES: tuple[RunStatus, ...] = ("requested", "running", "published", "finished", "failed")
NUMBER = st.integers(0, 3)
STATES = st.builds(
    Run,
    st.just("prices-1"),
    st.just("prices"),
    st.sampled_from(STATUSES),
    st.just("binance"),
    st.just(0),
    NUMBER,
    sent=NUMBER,
    attempts=NUMBER,
)


def test_an_id_tells_how_rows_are_read_and_when() -> None:
    assert runs.new_id("prices", 1_610_064_000_000_000, "3fa9c1") == "prices-20210108T000000-3fa9c1"


@given(STATES)
def test_a_record_gives_the_run_again(run: Run) -> None:
    sent = runs.record(run)
    assert runs.read(sent.value) == run
    assert (sent.partition, sent.key) == (partition(b"prices-1", RUNS.partitions), b"prices-1")
    assert control_kind(sent.headers) == "run"


def test_what_is_no_run_is_none() -> None:
    no_text = b'{"type":"run","run_id":"\xff"}'
    deep = b'{"type":"run","request":{"a":' + b"[" * 100_000
    values = (None, b"", b"{}", b"\xff", b'{"type":"other"}', no_text, deep)
    assert [runs.read(value) for value in values] == [None] * len(values)


@given(st.lists(STATES, min_size=1, max_size=5), st.randoms())
def test_what_holds_does_not_depend_on_the_order_of_the_records(states: list[Run], random: object) -> None:
    shuffled = list(states)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    a, b = reduce(runs.newest, states), reduce(runs.newest, shuffled)
    assert (a.status in runs.FINAL, a.attempts, a.sent, a.updated_at) == (b.status in runs.FINAL, b.attempts, b.sent, b.updated_at)


@given(STATES, STATES)
def test_nothing_reopens_a_run_that_has_ended(a: Run, b: Run) -> None:
    ended = a.status in runs.FINAL or b.status in runs.FINAL
    assert (runs.newest(a, b).status in runs.FINAL) is ended


def test_a_request_survives_as_plain_values() -> None:
    request = runs.ReplayRequest("frames", [(3, 0, 7)], "bad_price")
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(request))), runs.ReplayRequest) == request
