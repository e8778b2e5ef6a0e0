"""The open live windows of one raw partition: each a fold of the distinct events that the watermark still allowed in."""

from collections.abc import Iterator
from typing import Any

import msgspec

from shared.aggregations import Aggregation, candles
from shared.events import Bar, Origin
from shared.time import LATEST

Key = tuple[Any, ...]  # whose window it is first, its start last

FAR = LATEST
MOST = 100_000  # open windows of a partition
GIVEN_UP_BYTES = 2 * 1024 * 1024  # that the keys given up take in a checkpoint
_REST, _LONGEST = 48, 1100  # bytes of a key besides its texts, and of its texts


class Window:
    """A fold and the rows not folded yet, the ids it holds, and the offset and log time it began at; `dirty` since last published."""

    __slots__ = ("_fold", "_new", "dirty", "first_offset", "ids", "key", "last", "opened_at", "rows")

    def __init__(self, aggregation: Aggregation, key: Key, offset: int, log_time: int) -> None:
        self.key = key
        self._new = aggregation.Fold
        self._fold = self._new()
        self.rows: list[Any] = []
        self.ids: set[str] = set()
        self.first_offset = offset
        self.opened_at = log_time
        self.dirty = False
        self.last = (offset, 0)  # offset and index of the newest event

    def clear(self) -> None:
        """Forgets what it holds: a window of bars has one, and that is being restated."""
        self._fold = self._new()
        self.rows.clear()
        self.ids.clear()

    def partial(self, epoch: int, partition: int, *, closed: bool = False) -> Any:
        """The window's aggregate as it stands."""
        self._fold.extend(self.rows)
        self.rows.clear()
        return self._fold.partial(self.key, closed=closed, last_origin=Origin(epoch, partition, *self.last))


class Windows:
    """All open windows of a partition, by whose they are. `given_up` are those the stream no longer holds and must not open again."""

    def __init__(self, epoch: int, partition: int, given_up: set[Key] | None = None, aggregation: Aggregation = candles) -> None:
        self._place, self._aggregation = (epoch, partition), aggregation
        self._closes = aggregation.closes
        self._open: dict[str, dict[Key, Window]] = {}
        self.given_up: set[Key] = given_up or set()
        self._count = 0
        self._ends: dict[str, int] = {}
        for key in self.given_up:
            self._ends[key[0]] = min(self.first_end(key[0]), self._closes(key))

    def has_room(self, key: Key) -> bool:
        """Whether events of that key can be taken: one more window only while there are fewer than `MOST`."""
        return self._count < MOST or key in self._open.get(key[0], ())

    def at(self, key: Key, offset: int, log_time: int) -> Window | None:
        """The open window of that key, made if need be; None for one that was given up."""
        opened = self._open.setdefault(key[0], {})
        window = opened.get(key)
        if window is None and key not in self.given_up and self._count < MOST:
            self._count += 1
            window = opened[key] = Window(self._aggregation, key, offset, log_time)
            self._ends[key[0]] = min(self.first_end(key[0]), self._closes(key))
        return window

    def add(self, key: Key, event: Any, log_time: int, *, dirty: bool = True) -> None:
        """Takes an event into its window, once per id, but for bars: of those the last holds. `dirty` unless it was published already."""
        window, taken = self.at(key, event.origin.offset, log_time), self._aggregation.row(event)
        if window is not None and isinstance(event, Bar):
            window.clear()
        if window is not None and taken[2] not in window.ids:
            window.ids.add(taken[2])
            window.rows.append(taken)
            window.last = (event.origin.offset, event.origin.index)
            window.dirty |= dirty

    def first_end(self, source: str) -> int:
        """The watermark at which the source's next window closes or is forgotten."""
        return self._ends.get(source, FAR)

    def due(self, source: str, watermark: int) -> Iterator[Any]:
        """Closes the source's windows that the watermark has passed, in key order."""
        if watermark < self.first_end(source):
            return
        opened = self._open.get(source, {})
        for key in sorted(key for key in opened if self._closes(key) <= watermark):
            self._count -= 1
            yield opened.pop(key).partial(*self._place, closed=True)
        self.given_up -= {key for key in self.given_up if key[0] == source and self._closes(key) <= watermark}
        left = [self._closes(key) for key in (*opened, *self.given_up) if key[0] == source]
        self._ends[source] = min(left, default=FAR)

    def sources(self) -> list[str]:
        """Whose windows are open, in order."""
        return sorted(source for source, opened in self._open.items() if opened)

    def changed(self, source: str) -> Iterator[Any]:
        """The source's windows that grew since they were last published."""
        opened = self._open.get(source, {})
        for key in sorted(opened):
            window = opened[key]
            if window.dirty:
                window.dirty = False
                yield window.partial(*self._place)

    def give_up(self, source: str, offset: int, log_time: int, *, age: int, records: int) -> Iterator[Any]:
        """Drops the source's windows that have been open for longer than `age` (log time) or `records`.

        So a rebuild stays bounded.
        """
        opened, before = self._open.get(source, {}), len(self.given_up)
        for key, window in sorted(opened.items()):
            if log_time - window.opened_at > age or offset - window.first_offset > records:
                del opened[key]
                self._count -= 1
                self.given_up.add(key)
                yield self._aggregation.given_up(key, Origin(*self._place, *window.last))
        if len(self.given_up) > before:
            self.shorten()

    def replay_from(self, default: int) -> int:
        """The first offset that an open window still needs."""
        return min((window.first_offset for opened in self._open.values() for window in opened.values()), default=default)

    def end(self, source: str) -> int:
        """The end of the source's last open window; 0 without one."""
        return max((self._closes(key) for key in self._open.get(source, ())), default=0)

    def forget(self, source: str) -> None:
        """Drops what is known of a source without open windows."""
        self._open.pop(source, None)
        self._ends.pop(source, None)
        self.given_up -= {key for key in self.given_up if key[0] == source}

    def shorten(self, limit: int = GIVEN_UP_BYTES) -> None:
        """Drops the oldest keys given up until the others take at most `limit` bytes in a checkpoint.

        An event of a dropped key opens its window once more; the store corrects what is published of it.
        """
        if len(self.given_up) * (_REST + _LONGEST) <= limit:
            return
        size = 0
        for key in sorted(self.given_up, key=_newest_first):
            size += weight(key)
            if size > limit:
                self.given_up.discard(key)

    def is_open(self, source: str) -> bool:
        """Whether the source has an open window."""
        return bool(self._open.get(source))

    def __len__(self) -> int:
        return self._count


def weight(key: Key) -> int:
    """The bytes that a key given up takes in a checkpoint, at most."""
    return _REST + sum(len(msgspec.json.encode(part)) for part in key)


def _newest_first(key: Key) -> tuple[Any, ...]:
    return -key[-1], *key[:-1]
