"""How long each partition has waited for the same thing. No clock is read here.

Invariant: what is late is said as often as asked for readiness, and at a bounded rate for the log.
"""

from collections.abc import Mapping

LATE_SECONDS, SAY_SECONDS = 120.0, 60.0


class Watch:
    """Partitions by name, what each waits for, and since when."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[str, float]] = {}
        self._quiet_until = 0.0

    def look(self, now: float, waits: Mapping[str, str]) -> None:
        """What each partition waits for at `now` (seconds); what waited for the same before keeps its time, all others are forgotten."""
        before, self._since = self._since, {}
        for name, what in waits.items():
            known = before.get(name)
            self._since[name] = known if known and known[0] == what else (what, now)

    def late(self, now: float) -> list[str]:
        """Those that have waited `LATE_SECONDS` or more, the longest first."""
        found = sorted((since, name, what) for name, (what, since) in self._since.items() if now - since >= LATE_SECONDS)
        return [f"{name}: {what} for {now - since:.0f} s" for since, name, what in found]

    def say(self, now: float) -> list[str]:
        """Those that are late, once in `SAY_SECONDS`."""
        if now < self._quiet_until or not (late := self.late(now)):
            return []
        self._quiet_until = now + SAY_SECONDS
        return late
