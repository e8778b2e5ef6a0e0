"""The clocks of a partition: bounded by bytes, and no event is lost for want of one."""

from __future__ import annotations

import msgspec

from services.transformer import checkpoint as checkpoints
from services.transformer.clocks import Rules
from services.transformer.sources import BYTES, Sources, weight
from services.transformer.transforms import TRANSFORMS
from shared.records import Stored
from shared.topics import CHECKPOINTS, OPS_EVENTS, OPS_RAW

NAMES = 8_000
STAMP = 1_700_000_000_000  # ms


def event(number: int, service: str) -> Stored:
    """A request of a service, as one raw record."""
    value = {"event_id": f"e{number}", "timestamp": "2023-11-14T22:13:20Z", "service": service, "event_type": "request"}
    return Stored(0, number, STAMP + number, b"s", msgspec.json.encode(value), ())


def test_any_number_of_names_leaves_a_checkpoint_below_the_limit_and_every_event_published() -> None:
    machine = TRANSFORMS[OPS_RAW.name](0, checkpoints.start(5, 0), Rules(), publish=True)
    out = machine.step([event(number, f"{'s' * 230}{number:06d}") for number in range(NAMES)])
    facts = [msgspec.json.decode(one.value or b"") for one in out if one.topic is OPS_EVENTS and one.key != b"tally"]
    late = [fact for fact in facts if fact.get("late")]
    assert len(facts) == NAMES
    assert 0 < len(late) < NAMES  # those without a clock: the store closes their minutes
    assert len(checkpoints.encode(machine.checkpoint())) < CHECKPOINTS.limit // 2


def test_a_name_has_room_again_once_idle_clocks_are_forgotten() -> None:
    sources = Sources({}, limit=2 * weight("a"))
    assert sources.begin("a") is not None
    assert sources.begin("b") is not None
    assert sources.begin("c") is None
    sources["a"].log_time = 10**12
    assert sources.forget(10**12, lambda name: False) == ["b"]
    assert sources.begin("c") is not None
    assert CHECKPOINTS.limit // 4 > BYTES
