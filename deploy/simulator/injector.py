"""A fault script at work: what happens to this frame, this request, these connections, now.

Invariant: pure but for its own counters; chances depend on the script's seed and the trade's number in its market, never on a clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from deploy.simulator.faults import FRAME_KINDS, REQUEST_KINDS, Rule, Script, chance, occurrence, salt
from deploy.simulator.market import Market

SECOND = 1_000_000


class Hit(NamedTuple):
    """The rule that applies, and a seeded number in [0, 1) to vary its effect."""

    rule: Rule
    amount: float


class Armed:
    """One rule and what it has counted; a place is a market, or a venue for requests."""

    def __init__(self, rule: Rule, salt: int) -> None:
        self.rule, self.salt = rule, salt
        self._seen: dict[str, int] = {}
        self._hits: dict[str, tuple[int, int]] = {}
        self._begun = -1

    def see(self, place: str) -> int:
        """Counts one trade or request; how many came before it."""
        before = self._seen.get(place, 0)
        self._seen[place] = before + 1
        return before

    def hits(self, place: str, number: int, elapsed: float) -> float | None:
        """Counts the place's `number`th frame or request; a seeded amount if the rule hits it."""
        rule, before = self.rule, self.see(place)
        at = occurrence(rule, self.salt, elapsed if rule.by == "seconds" else before)
        if at is None or chance(self.salt, salt(place), number) >= rule.probability:
            return None
        if rule.by != "seconds":
            return self._amount(place, number) if at[1] < max(rule.count, 1) else None
        if rule.seconds and at[1] >= rule.seconds:
            return None
        last, used = self._hits.get(place, (-1, 0))
        used = used if last == at[0] else 0
        if rule.count and used >= rule.count:
            return None
        self._hits[place] = (at[0], used + 1)
        return self._amount(place, number)

    def lasts(self, elapsed: float) -> bool:
        """Whether an occurrence bounded by time alone is under way."""
        at = occurrence(self.rule, self.salt, elapsed)
        return self.rule.by == "seconds" and at is not None and (not self.rule.seconds or at[1] < self.rule.seconds)

    def begins(self, position: float) -> bool:
        """Whether an occurrence has begun since this was last asked."""
        at = occurrence(self.rule, self.salt, position)
        if at is None or at[0] <= self._begun:
            return False
        self._begun = at[0]
        return True

    def _amount(self, place: str, number: int) -> float:
        return chance(self.salt, salt(place), number, 1)


class Injector:
    """One script from `start` us on."""

    def __init__(self, script: Script, start: int) -> None:
        self.script, self.start = script, start
        armed = [Armed(rule, salt(script.seed, number)) for number, rule in enumerate(script.faults)]
        self._frames = [entry for entry in armed if entry.rule.kind in FRAME_KINDS]
        self._requests = [entry for entry in armed if entry.rule.kind in REQUEST_KINDS]
        self._cuts = [entry for entry in armed if entry.rule.kind == "disconnect"]
        # Whether any frame can be hit, or any connection by a count of trades.
        self.touches_frames = bool(self._frames) or any(entry.rule.by == "trades" for entry in self._cuts)

    def frame(self, market: Market, now: int) -> Hit | None:
        """What happens to the frames of the market's newest trade; ask once a trade. The script's first rule that applies wins."""
        names = (market.native, market.listing.symbol)
        rules = [entry for entry in self._frames if entry.rule.applies(market.venue, names)]
        return _first(rules, market.key, market.count, (now - self.start) / SECOND)

    def request(self, venue: str, path: str, now: int) -> Hit | None:
        """What happens to a request that has just come; ask once a request."""
        rules = [entry for entry in self._requests if entry.rule.applies(venue) and path.startswith(entry.rule.path)]
        numbers = [entry.see("") for entry in rules]
        return _first(rules, venue, max(numbers, default=0), (now - self.start) / SECOND)

    def cuts(self, now: int) -> list[Rule]:
        """The disconnects by the clock that have become due."""
        elapsed = (now - self.start) / SECOND
        return [entry.rule for entry in self._cuts if entry.rule.by == "seconds" and entry.begins(elapsed)]

    def cuts_after(self, market: Market) -> list[Rule]:
        """The disconnects that the market's newest trade brings; ask once a trade."""
        names = (market.native, market.listing.symbol)
        counted = [entry for entry in self._cuts if entry.rule.by == "trades" and entry.rule.applies(market.venue, names)]
        return [entry.rule for entry in counted if entry.begins(entry.see("") + 1)]

    def refuses(self, venue: str, now: int) -> bool:
        """Whether a new stream connection is refused now."""
        elapsed = (now - self.start) / SECOND
        refusals = [entry for entry in self._requests if entry.rule.kind == "refuse" and not entry.rule.path]
        return any(entry.rule.applies(venue) and entry.lasts(elapsed) for entry in refusals)

    def mutes(self, venue: str, now: int) -> bool:
        """Whether even heartbeats are withheld now."""
        elapsed = (now - self.start) / SECOND
        silences = [entry for entry in self._frames if entry.rule.kind == "silence" and entry.rule.how == "all"]
        return any(entry.rule.applies(venue) and entry.lasts(elapsed) for entry in silences)


def _first(rules: Sequence[Armed], place: str, number: int, elapsed: float) -> Hit | None:
    """The first rule that hits; the ones behind it only count."""
    hit: Hit | None = None
    for entry in rules:
        if hit is not None:
            entry.see(place)
        elif (amount := entry.hits(place, number, elapsed)) is not None:
            hit = Hit(entry.rule, amount)
    return hit
