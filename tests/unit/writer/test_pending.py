"""What goes into an object, and when it is complete."""

from hypothesis import given
from hypothesis import strategies as st

from services.writer.sinks.s3.pending import Limits, Pending
from shared.archive import parquet
from shared.records import Stored
from shared.topics import MARKET_RAW

HOUR = 3_600_000
LIMITS = Limits(1 << 30, 7, 10.0)


def record(offset: int, at: int) -> Stored:
    return Stored(0, offset, at, b"k", b"%d" % offset, (("h", b"v"),) if offset % 2 else ())


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3 * HOUR)), min_size=1, max_size=40), st.lists(st.integers(1, 10), max_size=10))
def test_drafts_follow_each_other_and_hold_every_record_once(steps: list[tuple[int, int]], cuts: list[int]) -> None:
    offset, records = 0, []
    for step, at in steps:
        records.append(record(offset, at))
        offset += step
    pending, rest = Pending(MARKET_RAW, 0, ""), records
    for cut in [*cuts, len(records)]:
        part, rest = rest[:cut], rest[cut:]
        if part:
            pending.add(part, 0.0, LIMITS)
    pending.close()
    reached, held = 0, []
    for draft in pending.complete:
        body, span = draft.finish()
        assert (span.first, span.records <= LIMITS.records) == (reached, True)
        reached = span.end
        rows = [row for group in parquet.read(body) for row in group]
        assert rows[0].timestamp // HOUR == max(row.timestamp for row in rows) // HOUR
        held += rows
    assert held == records


def test_a_draft_is_due_by_the_age_of_its_first_record() -> None:
    pending = Pending(MARKET_RAW, 0, "")
    assert not pending.due(100.0, LIMITS)
    pending.add([record(0, 0)], 5.0, LIMITS)
    pending.add([record(1, 0)], 14.0, LIMITS)
    assert not pending.due(14.9, LIMITS)
    assert pending.due(15.0, LIMITS)


def test_the_hour_that_was_settled_before_holds() -> None:
    pending = Pending(MARKET_RAW, 0, "2026-11-21T15")
    pending.add([record(3, HOUR)], 0.0, LIMITS)
    assert pending.draft is not None
    assert pending.draft.hour == "2026-11-21T15"
