"""A partition that waits too long is named, and the log is not flooded."""

from time import monotonic

from services.writer.sinks.s3 import Archiver
from services.writer.sinks.s3.watch import LATE_SECONDS, SAY_SECONDS, Watch
from shared.bus import TopicPartition
from shared.settings import Settings
from shared.telemetry.probes import Health


def test_what_waits_for_the_same_too_long_is_late_and_the_longest_comes_first() -> None:
    watch = Watch()
    watch.look(0.0, {"a/1": "x"})
    watch.look(1.0, {"a/1": "x", "a/0": "x"})
    assert watch.late(LATE_SECONDS - 0.1) == []
    assert watch.late(LATE_SECONDS + 1) == ["a/1: x for 121 s", "a/0: x for 120 s"]


def test_what_goes_on_is_not_late() -> None:
    watch = Watch()
    for at in range(0, 1000, 50):
        watch.look(float(at), {"a/0": f"what starts at {at}", **({"a/1": "x"} if at % 100 else {})})
        assert watch.late(float(at)) == []


def test_the_log_is_told_at_a_bounded_rate() -> None:
    watch = Watch()
    watch.look(0.0, {"a/0": "x"})
    told = [at for at in range(600) if watch.say(float(at))]
    assert told == [round(LATE_SECONDS + n * SAY_SECONDS) for n in range(8)]


async def test_readiness_names_a_partition_whose_position_is_not_found() -> None:
    health = Health()
    archiver = Archiver(Settings(), health)
    archiver._consumer.uninitialised.add(TopicPartition("trading.raw.v1", 3))
    archiver._look()
    assert "archive" not in await health.faults()
    archiver._watch.look(monotonic() - LATE_SECONDS - 1, {})
    archiver._watch.look(monotonic() - LATE_SECONDS - 1, {"trading.raw.v1/3": "its position is not found"})
    archiver._look()
    assert (await health.faults())["archive"].startswith("1 partitions wait: trading.raw.v1/3: its position is not found for 12")
