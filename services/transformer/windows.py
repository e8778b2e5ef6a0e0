"""The open live windows of one raw partition: each a fold of the distinct ticks that the watermark still allowed in."""

from collections.abc import Iterator

from shared.aggregations.candles import Fold, Key, values
from shared.events import Candle, GivenUp, Origin, Tick
from shared.time import MINUTE


class Window:
    """A fold with the ids it holds and the offset and log time it began at; `dirty` since its last publication."""

    __slots__ = ("dirty", "first_offset", "fold", "ids", "last_origin", "opened_at")

    def __init__(self, offset: int, log_time: int) -> None:
        self.fold = Fold()
        self.ids: set[str] = set()
        self.first_offset = offset
        self.opened_at = log_time
        self.dirty = False
        self.last_origin = Origin(0, 0, offset)


class Windows:
    """All open windows of a partition, by source. `given_up` are those the stream no longer holds and must not open again."""

    def __init__(self, given_up: set[Key] | None = None) -> None:
        self._open: dict[str, dict[Key, Window]] = {}
        self.given_up: set[Key] = given_up or set()

    def add(self, key: Key, tick: Tick, tick_id: str, log_time: int, *, dirty: bool = True) -> None:
        """Takes a tick into its window, once per id; `dirty` unless it was published before a restart."""
        if key in self.given_up:
            return
        opened = self._open.setdefault(key[0], {})
        window = opened.get(key)
        if window is None:
            window = opened[key] = Window(tick.origin.offset, log_time)
        if tick_id not in window.ids:
            window.ids.add(tick_id)
            window.fold.add(*values(tick), False)
            window.last_origin = tick.origin
            window.dirty |= dirty

    def due(self, source: str, watermark: int) -> Iterator[Candle]:
        """Closes the source's windows that the watermark has passed, in key order."""
        opened = self._open.get(source)
        if not opened:
            return
        for key in sorted(key for key in opened if key[3] + MINUTE <= watermark):
            window = opened.pop(key)
            yield window.fold.candle(key, closed=True, last_origin=window.last_origin)
        for key in [key for key in self.given_up if key[0] == source and key[3] + MINUTE <= watermark]:
            self.given_up.discard(key)

    def changed(self) -> Iterator[Candle]:
        """The windows that grew since they were last published."""
        for _, opened in sorted(self._open.items()):
            for key in sorted(opened):
                window = opened[key]
                if window.dirty:
                    window.dirty = False
                    yield window.fold.candle(key, last_origin=window.last_origin)

    def give_up(self, offset: int, log_time: int, *, age: int, records: int) -> Iterator[GivenUp]:
        """Drops windows open for longer than `age` (log time) or `records` offsets, so that a rebuild stays bounded."""
        for _, opened in sorted(self._open.items()):
            for key, window in sorted(opened.items()):
                if log_time - window.opened_at > age or offset - window.first_offset > records:
                    del opened[key]
                    self.given_up.add(key)
                    yield GivenUp(*key[:3], MINUTE, key[3], window.last_origin)

    def replay_from(self, default: int) -> int:
        """The first offset that an open window still needs."""
        return min((window.first_offset for opened in self._open.values() for window in opened.values()), default=default)

    def end(self, source: str) -> int:
        """The end of the source's last open window; 0 without one."""
        return max((key[3] + MINUTE for key in self._open.get(source, ())), default=0)

    def __len__(self) -> int:
        return sum(len(opened) for opened in self._open.values())
