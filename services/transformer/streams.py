"""The common case, fast: plain live trades that are neither late, early, repeated headers nor at a window's edge.

`advance` takes records as long as each is such a trade and stops before the first that is not, which the transform then takes its
ordinary way. Both ways do the same to windows, clocks and tallies; tests/properties holds them together.
"""

from collections import Counter
from collections.abc import Sequence

from services.transformer import outputs
from services.transformer.clocks import Clock, Rules
from services.transformer.outputs import Output
from services.transformer.tallies import Tallies
from services.transformer.windows import Window, Windows
from shared.events import Origin, Trade
from shared.providers import TRADE_ROWS, TradeRow, provider_name
from shared.records import Record
from shared.time import HOUR, MINUTE

HOUR_MS = HOUR // 1000
MOST = 20_000  # streams that are remembered


class Stream:
    """One raw key's trades: how to read them, and the window that is open for them now."""

    __slots__ = ("clock", "end", "native", "row", "source", "start", "symbol", "window")

    def __init__(self, source: str, native: str, row: TradeRow, clock: Clock) -> None:
        self.source, self.native, self.row, self.clock = source, native, row, clock
        self.symbol = ""
        self.window: Window | None = None
        self.start = self.end = 0

    def enter(self, symbol: str, window: Window) -> None:
        """The window that the stream's next trades probably belong to."""
        self.symbol, self.window = symbol, window
        self.start, self.end = window.key[-1], window.key[-1] + MINUTE


class Streams:
    """The streams of one raw partition, by key."""

    def __init__(self, epoch: int, partition: int, rules: Rules, *, publish: bool) -> None:
        self._epoch, self._partition, self._rules, self._publish = epoch, partition, rules, publish
        self._streams: dict[bytes | None, Stream] = {}

    def enter(self, key: bytes | None, source: str, symbol: str, native: str, clock: Clock, window: Window) -> None:
        """Told by the ordinary way where a live trade of that key went."""
        stream = self._streams.get(key)
        if stream is None:
            row = TRADE_ROWS.get(provider_name(source))
            if row is None or key != f"{source}|{native}".encode():
                return
            if len(self._streams) >= MOST:
                self._streams.clear()
            stream = self._streams[key] = Stream(source, native, row, clock)
        if stream.native == native:  # a key may carry frames of other symbols than it names
            stream.enter(symbol, window)

    def clear(self) -> None:
        """Forgets which windows are open; the ordinary way tells anew."""
        self._streams.clear()

    def advance(  # noqa: C901 the hot loop: every test in it is one reason to stop
        self, records: Sequence[Record], at: int, stop_offset: int, windows: Windows, out: list[Output]
    ) -> int:
        """Takes records from index `at` while they are plain trades below `stop_offset`.

        It stops before the first of a source that is to publish its windows; returns its index.
        """
        streams, ahead, allowance, publish = self._streams, self._rules.max_skew, self._rules.out_of_orderness, self._publish
        end = len(records)
        try:
            while at < end:
                record = records[at]
                stream = streams.get(record.key)
                if stream is None or record.headers or record.offset >= stop_offset:
                    break
                found = stream.row(record.value or b"")
                if found is None:
                    break
                native, row = found
                event_time, received = row[0], record.timestamp * 1000
                clock, window = stream.clock, stream.window
                if (
                    window is None
                    or native != stream.native
                    or not stream.start <= event_time < stream.end
                    or stream.end <= clock.watermark
                    or event_time > received + ahead
                    or received >= clock.next_emit
                ):
                    break
                log_time = clock.log_time
                if received > log_time:
                    clock.log_time = log_time = received
                if row[2] not in window.ids:
                    window.ids.add(row[2])
                    window.rows.append(row)
                    window.last = (record.offset, 0)
                    window.dirty = True
                if publish:
                    origin = Origin(self._epoch, self._partition, record.offset, 0)
                    trade = Trade(
                        stream.symbol,
                        native,
                        event_time,
                        row[3],
                        row[4],  # type: ignore[arg-type]
                        row[5],
                        row[2],
                        row[1],
                        stream.source,
                        received,
                        origin,
                    )
                    out.append(outputs.tick(trade))
                if event_time > clock.max_event:
                    clock.max_event = event_time
                    clock.silent_since = log_time
                    if event_time - allowance > clock.watermark:
                        clock.watermark = event_time - allowance
                        if clock.watermark >= windows.first_end(stream.source):
                            out += map(outputs.candle, windows.due(stream.source, clock.watermark))
                at += 1
        except Exception:  # noqa: BLE001 whatever it is
            return at  # the ordinary way takes the record, or rejects it
        return at

    def tally(self, records: Sequence[Record], tallies: Tallies) -> None:
        """Counts records that `advance` took."""
        if not records:
            return
        stamps = [record.timestamp for record in records]
        if min(stamps) // HOUR_MS == max(stamps) // HOUR_MS:
            for key, count in Counter([record.key for record in records]).items():
                tallies.add(self._streams[key].source, None, stamps[0] * 1000, received=count)
            return
        for record in records:
            tallies.add(self._streams[record.key].source, None, record.timestamp * 1000, received=1)
