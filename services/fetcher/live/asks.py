"""Which symbols of a polled source are asked for together, and which are refused. Pure; times in seconds of one clock.

Invariant: every symbol is in exactly one group. A refused group is asked for in halves until the symbols that the venue refuses
are alone; they wait longer each time, the others never wait for them.
"""

from collections.abc import Sequence

from shared.backoff import delay

LONGEST = 600.0
Group = tuple[str, ...]


class Asks:
    """`due` gives groups to ask for; `answered` or `refused` is called for each; `venue_refuses` ends a round."""

    def __init__(self, symbols: Sequence[str], interval: float) -> None:
        self._whole: Group = tuple(symbols)
        self._interval = interval
        self.groups: list[Group] = [self._whole]
        self.problems: dict[str, str] = {}
        self._tries: dict[str, int] = {}
        self._not_before: dict[str, float] = {}
        self._in_a_row = 0

    def due(self, now: float) -> list[Group]:
        """The groups to ask for, those that were refused alone only after their pause."""
        return [group for group in self.groups if self._not_before.get(group[0], 0.0) <= now or len(group) > 1]

    def answered(self, group: Group) -> None:
        """The venue knows them all."""
        self._in_a_row = 0
        for symbol in group:
            self.problems.pop(symbol, None)
            self._tries.pop(symbol, None)
            self._not_before.pop(symbol, None)

    def refused(self, group: Group, words: str, now: float) -> list[Group]:
        """The halves to ask for now; none where the group is one symbol, which is then a problem in the venue's words."""
        self._in_a_row += 1
        if len(group) > 1:
            at, middle = self.groups.index(group), len(group) // 2
            halves = [group[:middle], group[middle:]]
            self.groups[at : at + 1] = halves
            return halves
        (symbol,) = group
        tries = self._tries.get(symbol, 0)
        self.problems[symbol], self._tries[symbol] = words, tries + 1
        self._not_before[symbol] = now + delay(tries, first=self._interval, cap=LONGEST)
        return []

    def venue_refuses(self) -> bool:
        """Whether so many refusals came in a row that it is not a symbol's fault; then all are one group again."""
        if self._in_a_row <= 2 * len(self._whole).bit_length() + 2 or len(self._whole) == 1:
            return False
        self.__init__(self._whole, self._interval)  # type: ignore[misc]
        return True
