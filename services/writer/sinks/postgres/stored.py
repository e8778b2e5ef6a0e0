"""What a batch's transaction came to, and what the metrics say of it once it is committed: a batch that is done again counts once."""

from collections import Counter
from collections.abc import Collection

from services.writer.batch import FactKey, LedgerKey
from services.writer.sinks.postgres import ledger
from services.writer.sinks.postgres.facts import Prepared
from shared.events import IndexPrice, ServiceEvent, Tick, tick_id
from shared.telemetry import metrics
from shared.telemetry.follow import is_followed, raw
from shared.telemetry.logs import log
from shared.topics import MARKET_RAW

OK = range(200, 300)


class Stored:
    """Filled while the transaction runs; `tell` after it."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self.counts: dict[str, Counter[LedgerKey]] = {name: Counter() for name in ledger.COUNTS}
        self.letters: list[tuple[LedgerKey, str, int]] = []
        self.events: list[ServiceEvent] = []
        self.new: Collection[FactKey] = ()

    def tell(self, now: float) -> None:
        """`now` is the time of the commit, in Unix seconds."""
        metrics.REPEATS.inc(self._prepared.batch.repeats)
        told = (metrics.STORED, "stored"), (metrics.DUPLICATES, "duplicate"), (metrics.LATE, "late")
        counted = {name: _by_source(self.counts[name]) for _, name in told}
        for source in {source for counts in counted.values() for source in counts}:
            for metric, name in told:  # nought is told too: a rate needs where it began
                metric.labels(metrics.sources.of(source)).inc(max(0, counted[name][source]))  # a row may have moved
        tell_letters(self.letters)
        self._tell_latency(now)
        self._tell_events()
        self._follow(now)

    def _tell_latency(self, now: float) -> None:
        facts = self._prepared.batch.facts
        found = facts.values() if len(self.new) == len(facts) else [facts[fact] for fact in self.new]
        metrics.QUERYABLE_SECONDS.observe([now - _began(tick) / 1e6 for tick in found if tick.run is None])
        newest: dict[str, int] = {}
        for tick in self._prepared.gathered.newest:
            if tick.run is None:
                newest[tick.source] = max(newest.get(tick.source, 0), tick.event_time)
        for source, at in newest.items():
            metrics.NEWEST_EVENT.labels(metrics.sources.of(source)).set(at / 1e6)

    def _tell_events(self) -> None:
        for event in self.events:
            if event.run is None:
                service = metrics.services.of(event.service)
                metrics.SERVICE_EVENTS.labels(service).inc()
                metrics.SERVICE_ERRORS.labels(service).inc(event.status_code is not None and event.status_code not in OK)
                metrics.SERVICE_UNTIMED.labels(service).inc(event.latency_ms is None)

    def _follow(self, now: float) -> None:
        for tick in self._prepared.batch.facts.values():
            at = tick.origin
            if is_followed(at.offset):
                latency = round(now - tick.event_time / 1e6, 3) if tick.run is None else None
                told = {"source": tick.source, "symbol": tick.symbol, "id": tick_id(tick), "run_id": tick.run, "latency": latency}
                log().info("stored", raw=raw(MARKET_RAW.name, at.partition, at.offset), origin=str(at), **told)


def tell_letters(letters: Collection[tuple[LedgerKey, str, int]]) -> None:
    """Counts the values of dead letters that were stored, each with where they count, their reason and how many they are."""
    metrics.REJECTED.inc(sum(count for _, _, count in letters))
    for (source, _, _), reason, count in letters:
        metrics.DEAD_LETTERS.labels(metrics.sources.of(source), metrics.reasons.of(reason)).inc(count)


def _began(tick: Tick) -> int:
    """When the way to the store began, us: how old a reference price is when its venue is asked is the venue's doing."""
    return tick.received_at if type(tick) is IndexPrice else tick.event_time


def _by_source(counted: Counter[LedgerKey]) -> Counter[str]:
    found: Counter[str] = Counter()
    for (source, _, _), count in counted.items():
        found[source] += count
    return found
