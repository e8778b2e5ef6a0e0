"""Which objects of a chain may go."""

from services.writer.maintain import old, overlapping
from shared.archive import layout
from shared.archive.catalog import Entry
from shared.archive.layout import Span
from shared.topics import MARKET_RAW

PLACE = layout.place("c", "", MARKET_RAW, 0)


def entry(first: int, end: int, modified: int) -> Entry:
    named = layout.Named(PLACE, "2026-01-05T08", first)
    return Entry(PLACE.key(named.hour, first), 1, modified, named, Span(first, end, end - first, 0, 0, 0, ""))


def test_only_the_beginning_of_a_chain_goes_and_never_its_newest() -> None:
    chain = [entry(0, 5, 10), entry(5, 9, 30), entry(9, 12, 15), entry(12, 13, 16)]
    assert [one.span.first for one in old(chain, 20)] == [0]
    assert [one.span.first for one in old(chain, 100)] == [0, 5, 9]
    assert list(old(chain, 0)) == []
    assert list(old(chain[:1], 100)) == []


def test_an_object_that_has_offsets_of_another_is_named() -> None:
    assert overlapping([entry(0, 5, 1), entry(5, 9, 1)]) == []
    assert overlapping([entry(0, 5, 1), entry(3, 9, 1)]) == [PLACE.key("2026-01-05T08", 3)]
