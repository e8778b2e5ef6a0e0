"""What the records of pipeline.sources.v1 say of a source; one that names a time that cannot be shuts out no later one."""

import msgspec

from services.fetcher.live.leases import Leases
from services.fetcher.live.predecessor import _read
from shared.events import SourceState, SourceWanted
from shared.records import Stored
from shared.settings import Kafka
from shared.time import DAY, SECOND

NOW = 1_770_000_000 * SECOND


def record(said: msgspec.Struct, offset: int = 0) -> Stored:
    return Stored(3, offset, NOW // 1000, b"binance", msgspec.json.encode(said), ())


def state(epoch: int, at: int = NOW) -> SourceState:
    return SourceState("binance", "binance", epoch, "connected", at)


def test_a_state_with_an_epoch_far_ahead_takes_the_source_from_nobody() -> None:
    leases = Leases(Kafka())
    leases._take(3, [record(state(NOW)), record(state(2**63 - 1)), record(state(NOW + 2 * DAY))])
    assert leases.epochs == {"binance": NOW}
    leases._take(3, [record(state(NOW + DAY))])
    assert leases.epochs == {"binance": NOW + DAY}


def test_a_request_that_is_dated_far_ahead_does_not_hold_over_later_ones() -> None:
    leases, first, later = Leases(Kafka()), SourceWanted("binance", NOW, {"a": 1}), SourceWanted("binance", NOW + 1, {"b": 2})
    leases._take(3, [record(first), record(SourceWanted("binance", NOW + 300 * 365 * DAY)), record(later)])
    assert leases.wanted == {"binance": later}


def test_a_predecessor_that_cannot_have_been_is_none() -> None:
    assert _read(record(state(NOW))) == state(NOW)
    assert _read(record(state(2**63 - 1))) is None
    assert _read(record(state(NOW, NOW + 2 * DAY))) is None
    assert _read(Stored(3, 0, NOW // 1000, b"binance", b"\xff{", ())) is None
    assert _read(Stored(3, 0, NOW // 1000, b"binance", None, ())) is None
