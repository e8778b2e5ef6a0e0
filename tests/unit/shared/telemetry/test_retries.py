"""Readiness while loops repeat failing work.

failures   x  x        x               x
work              o        o-----
seconds    0  1   2    3   4     9     10
reported            3--------->|       a new episode
"""

import json

from prometheus_client import REGISTRY

from shared.telemetry.probes import Health
from shared.telemetry.retries import GRACE_SECONDS, REASON_CHARACTERS, STEADY_SECONDS, Retries, cleaned


def test_a_failure_that_is_over_within_the_grace_is_never_reported() -> None:
    retries = Retries()
    retries.failed("writer", "connection reset", now=0.0, unix=1000.0)
    retries.worked("writer", GRACE_SECONDS - 1)
    retries.worked("writer", GRACE_SECONDS - 1 + STEADY_SECONDS)
    assert retries.reported(GRACE_SECONDS - 1) == {}
    assert retries.reported(GRACE_SECONDS + STEADY_SECONDS) == {}


def test_a_loop_that_succeeds_between_two_failures_stays_one_episode() -> None:
    retries = Retries()
    for second in range(60):
        retries.failed("writer", "the same batch", now=float(second), unix=1000.0 + second)
        retries.worked("writer", second + 0.5)
    episode = retries.reported(60.0)["writer"]
    assert (episode.attempts, episode.since, episode.reason) == (60, 1000.0, "the same batch")
    assert retries.seconds("writer", 60.0) == 60.0


def test_steady_work_ends_an_episode_and_the_next_failure_begins_another() -> None:
    retries = Retries()
    retries.failed("writer", "first", now=0.0, unix=1000.0)
    retries.worked("writer", 20.0)
    assert "writer" in retries.reported(20.0)
    assert retries.reported(20.0 + STEADY_SECONDS) == {}
    assert retries.seconds("writer", 20.0 + STEADY_SECONDS) == 0.0
    retries.failed("writer", "second", now=30.0, unix=1030.0)
    assert retries.reported(30.0) == {}
    assert retries.reported(30.0 + GRACE_SECONDS)["writer"].since == 1030.0


def test_one_attempt_that_lasts_is_reported() -> None:
    retries = Retries()
    retries.failed("relay", "no answer", now=0.0, unix=1000.0)
    assert retries.reported(3600.0)["relay"].attempts == 1


def test_a_reason_is_one_printable_line_of_bounded_length() -> None:
    assert cleaned("a\x00b\n\tc\ud800d\x1b[31m") == "a b c d [31m"
    assert len(cleaned("x" * 10_000_000)) == REASON_CHARACTERS


async def test_readiness_names_the_loop_its_reason_its_attempts_and_since_when() -> None:
    health = Health()

    async def kafka() -> str | None:
        return None

    health.add("kafka", kafka)
    health.retrying("writer", "invalid byte\x00 sequence")
    health.retrying("writer", "invalid byte\x00 sequence")
    assert (await health.readyz()).status_code == 200
    episode = health._retries._episodes["writer"]
    episode.began -= GRACE_SECONDS
    episode.since = 1_767_225_600.7
    answer = await health.readyz()
    assert answer.status_code == 503
    assert json.loads(bytes(answer.body)) == {
        "status": "unready",
        "checks": {"kafka": "ok", "writer loop": "retrying, 2 attempts since 2026-01-01T00:00:00Z: invalid byte sequence"},
        "retrying": {"writer": {"reason": "invalid byte sequence", "attempts": 2, "since": "2026-01-01T00:00:00Z"}},
    }
    assert (REGISTRY.get_sample_value("tickplant_retrying_seconds", {"loop": "writer"}) or 0.0) >= GRACE_SECONDS


async def test_a_loop_that_stands_still_is_not_ready() -> None:
    health = Health()
    health.beat("writer")
    health._beats["writer"] -= 45
    assert (await health.faults())["writer loop"].startswith("has not turned for 45")
