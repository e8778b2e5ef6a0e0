"""The trade ids of one source, watched: what a stream or a page brings moves each symbol's fold.

`due` are the holes that no late frame has filled within `GRACE`: those are put on record and fetched.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from services.fetcher.live import holes
from shared.events import Missing, Progress
from shared.tape import Ids, Tape

GRACE = 2_000_000  # us
MOST_HOLES = 500  # of a symbol at a time; beyond, the oldest is given up
MOST_IN_ALL = 10_000  # of a source: its checkpoint is one record
MOST_JUMP = 2**32


class Watch:
    """`natives` are the venue's names of the watched symbols, `channel` the one whose ids are theirs; `ids` reads a frame's.

    Of a `sparse` numbering ids may be missing by themselves: only behind an outage a jump is a hole.
    """

    def __init__(self, tape: Tape, channel: str, natives: Iterable[str], ids: Ids, *, sparse: bool = False) -> None:
        self.sparse = sparse
        self.tape, self.channel, self._ids = tape, channel, ids
        self.progress: dict[str, Progress] = {}
        self.natives = frozenset(natives)
        self.seen_at: dict[str, int] = {}
        self._reasons: dict[str, str] = {}

    def load(self, progress: Mapping[str, Progress]) -> None:
        """What a predecessor knew."""
        self.progress.update({native: known for native, known in progress.items() if native in self.natives})

    def interrupted(self, reason: str) -> None:
        """There was an outage: the next hole of each symbol comes from it."""
        self._reasons = dict.fromkeys(self.natives, reason)

    def frame(self, payload: bytes, now: int) -> None:
        """Takes the trades of a frame, received at `now` us."""
        for native, number, at in self._ids(payload):
            self._see(native, number, at, now)
            if self._reasons:
                self._reasons.pop(native, None)

    def page(self, native: str, trades: Sequence[tuple[int, int]], now: int) -> None:
        """Takes the (id, time) of a page's trades."""
        for number, at in sorted(trades):
            self._see(native, number, at, now)

    def _see(self, native: str, number: int, at: int, now: int) -> None:
        """Takes one trade."""
        if native not in self.natives:
            return
        known = self.progress.get(native)
        if known is not None and number > known.last + MOST_JUMP:
            return  # no venue numbers so many trades in an outage: a glitch, which would be wanted for ever
        at = at or (known.at if known is not None else now)
        self.seen_at[native] = now
        if known is not None and number == known.last + 1:
            self.progress[native] = Progress(number, at, known.missing)
            return
        if self.sparse and known is not None and number > known.last and native not in self._reasons:
            self.progress[native] = Progress(number, at, known.missing)
            return
        reason = self._reasons.get(native, "missing in the stream")
        self.progress[native] = holes.see(known, number, at, now, reason)
        if known is None and not self.sparse:
            self._reasons[native] = "before the first frame"

    def due(self, now: int) -> list[tuple[str, Missing]]:
        """The holes to be fetched, the oldest first."""
        found = [(native, hole) for native, hole in self._missing() if hole.left and now - hole.found_at >= GRACE]
        return sorted(found, key=lambda entry: entry[1].found_at)

    def too_many(self) -> list[tuple[str, Missing]]:
        """The oldest holes of symbols that have more than can be kept."""
        counts = {native: len(known.missing) for native, known in self.progress.items()}
        most = MOST_HOLES if sum(counts.values()) <= MOST_IN_ALL else MOST_IN_ALL // len(counts)
        return [(native, hole) for native, count in counts.items() for hole in self.progress[native].missing[: count > most]]

    def hole(self, native: str, first: int) -> Missing | None:
        """The hole that begins with this id, as it now stands."""
        return next((hole for hole in self.progress[native].missing if hole.first == first), None)

    def told(self, native: str, hole: Missing) -> None:
        """The hole is on the ledger."""
        self.progress[native] = holes.told(self.progress[native], hole.first)

    def ended(self) -> list[tuple[str, Missing]]:
        """The holes on the ledger that have been filled."""
        return [(native, hole) for native, hole in self._missing() if not hole.left]

    def end(self, native: str, hole: Missing) -> None:
        """The hole's end is on its way to the ledger: it is not known here any more."""
        self.progress[native] = holes.without(self.progress[native], hole.first)

    def snapshot(self) -> dict[str, Progress]:
        """The checkpoint: progress is made of values, so a copy of the table is one of the state."""
        return dict(self.progress)

    def _missing(self) -> Iterator[tuple[str, Missing]]:
        return ((native, hole) for native, known in self.progress.items() for hole in known.missing)
