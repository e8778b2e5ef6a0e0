"""How a refused batch is halved: every record is stored or rejected, once, in the order of its partition."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.writer.batch import Place
from services.writer.halving import ATTEMPTS, Halving
from services.writer.protocol import Refused, TooMuch, Write
from shared.errors import Unavailable
from shared.records import Record, Stored

Batch = dict[Place, list[Record]]


class Store:
    """Has room for so many records at a time, refuses some, and finds some too much by themselves."""

    def __init__(self, room: int = 1000, refused: Collection[int] = (), too_much: Collection[int] = ()) -> None:
        self.room, self.refused, self.too_much = room, set(refused), set(too_much)
        self.taken: dict[Place, list[int]] = {}
        self.rejected: list[int] = []
        self.writes = 0

    async def prepare(self, polled: Mapping[Place, Sequence[Record]]) -> Write:
        offsets = [record.offset for records in polled.values() for record in records]

        async def write() -> None:
            self.writes += 1
            if len(offsets) > self.room or self.too_much.intersection(offsets):
                raise TooMuch("no room")
            if self.refused.intersection(offsets):
                raise Refused("bad")
            for place, records in polled.items():
                self.taken.setdefault(place, []).extend(record.offset for record in records)

        return write

    async def reject(self, place: Place, record: Record, message: str) -> None:
        assert message in ("bad", "no room")
        self.rejected.append(record.offset)
        self.taken.setdefault(place, []).append(record.offset)

    def forget(self, places: object) -> None: ...


def batch(*sizes: int) -> Batch:
    """Partitions with so many records; the offsets of all are different and grow."""
    found: Batch = {}
    for number, size in enumerate(sizes):
        found["t", number] = [Stored(number, 1000 * number + n, 0, None, b"{}", ()) for n in range(size)]
    return found


def offsets(given: Batch) -> dict[Place, list[int]]:
    return {place: [record.offset for record in records] for place, records in given.items() if records}


def run(store: Store, given: Batch, limit: int = 1000) -> Halving:
    halving = Halving(store, limit)  # type: ignore[arg-type]
    assert asyncio.run(halving.store(given, lambda: True))
    return halving


@given(st.lists(st.integers(0, 40), min_size=1, max_size=4), st.data())
def test_every_record_is_stored_or_rejected_in_the_order_of_its_partition(sizes: list[int], data: st.DataObject) -> None:
    given = {place: records for place, records in batch(*sizes).items() if records}
    everything = [offset for found in offsets(given).values() for offset in found]
    refused = data.draw(st.sets(st.sampled_from(everything))) if everything else set()
    store = Store(room=data.draw(st.integers(1, 50)), refused=refused)
    run(store, given)
    assert store.taken == offsets(given)
    assert sorted(store.rejected) == sorted(refused)


def test_one_bad_record_costs_two_attempts_for_each_halving() -> None:
    store = Store(refused=[700])
    run(store, batch(1000))
    assert store.rejected == [700]
    assert store.writes <= 2 * 10 + 1


def test_batches_stay_as_small_as_the_store_had_room_for() -> None:
    halving = run(Store(room=300), batch(1000))
    assert halving.active
    assert halving.most == 250


def test_one_record_that_is_too_much_does_not_make_all_batches_small() -> None:
    store = Store(too_much=[700])
    halving = Halving(store, 1000)  # type: ignore[arg-type]
    given = batch(1000)
    for _ in range(ATTEMPTS - 1):
        with pytest.raises(Unavailable, match="t/0: the record at 700 is too much"):
            asyncio.run(halving.store(given, lambda: True))
        assert store.rejected == []
        given["t", 0] = [record for record in given["t", 0] if record.offset >= 700]  # from the stored position
    assert asyncio.run(halving.store(given, lambda: True))
    assert store.rejected == [700]
    assert store.taken == offsets(batch(1000))
    assert halving.most >= 100


def test_it_stops_where_the_partitions_may_be_another_members() -> None:
    store, turns = Store(refused=[3]), iter([True, True, False])
    halving = Halving(store, 1000)  # type: ignore[arg-type]
    assert not asyncio.run(halving.store(batch(8), lambda: next(turns)))
    assert store.taken.get(("t", 0), []) == []


def test_without_a_refusal_batches_are_not_stored_one_by_one() -> None:
    halving = Halving(Store(), 1000)  # type: ignore[arg-type]
    assert (halving.active, halving.most) == (False, 1000)
