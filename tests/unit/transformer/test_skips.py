"""A record that an operator has set aside becomes a dead letter, counted, and nothing else changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.transformer.checkpoint import Checkpoint, start
from services.transformer.clocks import Rules
from services.transformer.machine import Machine
from services.transformer.outputs import Output
from services.transformer.transforms.market import machine
from shared.events import Skip
from shared.records import header
from shared.skips import latest, of, record, split
from shared.topics import DEAD_LETTERS, TICKS
from tests.fixtures.records import MS, Kept, live, trade

SKIPS = {2: Skip("market.raw.v1", 0, 2, 1, "it stops the parser"), 5: Skip("market.raw.v1", 0, 5, 1, "")}


def log() -> list[Kept]:
    return [live(n, MS + n, trade(n + 1, MS + n)) for n in range(8)]


def taken(records: list[Kept], sizes: list[int], at: Checkpoint | None = None) -> tuple[list[Output], Machine]:
    """The records in batches of these sizes, as the runner hands them over."""
    state, out = machine(0, at or start(9, 0), Rules()), []
    while records:
        size = sizes.pop() if sizes else len(records)
        for run, skipped in split(records[:size], SKIPS):
            out += state.step(run)
            if skipped is not None:
                out += state.skip(skipped, SKIPS[skipped.offset].why)
        records = records[size:]
    return out, state


@given(sizes=st.lists(st.integers(1, 8), max_size=8))
def test_skipped_records_are_dead_letters_however_the_log_is_split(sizes: list[int]) -> None:
    out, state = taken(log(), list(sizes))
    letters = [output for output in out if output.topic is DEAD_LETTERS]
    assert [(letter.value, header(letter.headers, "error_reason")) for letter in letters] == [
        (log()[2].value, b"skipped"),
        (log()[5].value, b"skipped"),
    ]
    assert header(letters[0].headers, "error_message") == b"it stops the parser"
    assert len([output for output in out if output.topic is TICKS for _ in output.many or (1,)]) == 6
    assert state.next_offset == 8
    assert [(count.received, count.rejected) for count in state.checkpoint().counts] == [(8, 2)]


def test_a_skipped_record_is_not_read_when_windows_are_rebuilt() -> None:
    _, state = taken(log()[:4], [])
    out, again = taken(log(), [], state.checkpoint())
    assert len([output for output in out if output.topic is DEAD_LETTERS]) == 1
    assert [(count.received, count.rejected) for count in again.checkpoint().counts] == [(8, 2)]


def test_the_last_word_on_a_record_holds_and_others_partitions_are_not_concerned() -> None:
    skips = [Skip("market.raw.v1", 3, offset, 1, "x") for offset in (1, 2)] + [Skip("ops.raw.v1", 3, 7, 1, "x")]
    said = [record(skip) for skip in skips] + [record(skips[0], undo=True)]
    found = latest([Kept(n, MS, out.key, out.value, (), 3) for n, out in enumerate(said)])
    assert list(of(found.values(), "market.raw.v1", "id", 3, 0)) == [2]
    assert list(of(found.values(), "market.raw.v1", "id", 3, 3)) == []
    assert list(of(found.values(), "ops.raw.v1", "id", 3, 0)) == [7]


def test_a_record_of_a_topic_that_was_made_anew_is_not_the_one_that_was_set_aside() -> None:
    known, unknown = Skip("ops.raw.v1", 3, 1, 1, "x", topic_id="former"), Skip("ops.raw.v1", 3, 2, 1, "x")
    assert list(of([known, unknown], "ops.raw.v1", "former", 3, 0)) == [1, 2]
    assert list(of([known, unknown], "ops.raw.v1", "anew", 3, 0)) == [2]
    assert list(of([known, unknown], "ops.raw.v1", "", 3, 0)) == [1, 2]
