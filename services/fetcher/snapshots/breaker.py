"""A source's circuit breaker: after some failures in a row nothing is asked for a while, then one trial decides. Pure; times in seconds.

Invariant: an open or held breaker admits nobody before `until`, a half-open one nobody besides the trial.
"""

from typing import Literal

import msgspec

LONGEST = 600.0


class Rules(msgspec.Struct, frozen=True):
    """How many `failures` in a row open it, and for how long at first; each failed trial doubles that, up to `LONGEST`."""

    failures: int = 5
    open_seconds: float = 30.0
    trial_seconds: float = 60.0  # a trial that says nothing for so long is taken for failed


class Breaker(msgspec.Struct, frozen=True):
    """`failures` in a row, `opened` times in a row; `until` ends an opening, a trial's patience, or a pause that the venue asked for."""

    state: Literal["closed", "open", "half_open"] = "closed"
    failures: int = 0
    opened: int = 0
    until: float = 0.0


CLOSED = Breaker()


def admits(breaker: Breaker, now: float) -> bool:
    """Whether the source may be asked at `now`; whoever then asks says `begun` first."""
    return now >= breaker.until


def begun(breaker: Breaker, now: float, rules: Rules) -> Breaker:
    """Somebody asks: of a breaker that was open this is the trial."""
    if breaker.state == "closed":
        return breaker
    return msgspec.structs.replace(breaker, state="half_open", until=now + rules.trial_seconds)


def succeeded(breaker: Breaker, now: float) -> Breaker:
    """An answer: closed, as if nothing had been; but a pause that the venue has asked for meanwhile holds."""
    return Breaker(until=breaker.until) if breaker.state == "closed" and breaker.until > now else CLOSED


def failed(breaker: Breaker, now: float, rules: Rules, jitter: float) -> Breaker:
    """No answer, or one that cannot be used; `jitter` in [0, 1) spreads the openings of several fetchers over half their length."""
    failures = breaker.failures + 1
    if breaker.state == "closed" and failures < rules.failures:
        return msgspec.structs.replace(breaker, failures=failures)
    if breaker.state == "open":  # asked before it opened
        return msgspec.structs.replace(breaker, failures=failures)
    whole = min(LONGEST, rules.open_seconds * 2.0 ** min(breaker.opened, 30))
    return Breaker(
        "open", failures, breaker.opened + 1, max(breaker.until if breaker.state == "closed" else 0.0, now + whole * (1 - jitter / 2))
    )


def held(breaker: Breaker, now: float, seconds: float) -> Breaker:
    """The venue asks for a pause (429, Retry-After): it answers, so this is no failure; a trial that gets it stays one to be made."""
    state = "open" if breaker.state == "half_open" else breaker.state
    until = now + seconds if breaker.state == "half_open" else max(breaker.until, now + seconds)
    return msgspec.structs.replace(breaker, state=state, until=until)


def said(breaker: Breaker, now: float) -> str:
    """`closed`, `open`, `half_open`, or `held` for one that only waits as the venue asked."""
    return "held" if breaker.state == "closed" and breaker.until > now else breaker.state
