"""The order of a batch's transaction: lock positions, store facts, merge aggregates, move positions, settle closings and runs, count."""

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import partial

from services.writer.batch import REASON, Batch, FactKey, LedgerKey, MarkKey, Place, ledger_key, reject
from services.writer.expiry import Expired, Table
from services.writer.protocol import Refused, Write
from services.writer.sinks.postgres import (
    bars,
    candles,
    closings,
    days,
    flags,
    infos,
    latest,
    ledger,
    operations,
    outbox,
    retention,
    run_ends,
    runs,
    sources,
    ticks,
    trading,
)
from services.writer.sinks.postgres.connection import Connection, connect, judged, quiet
from services.writer.sinks.postgres.facts import Gathered, Prepared, among, prepare
from services.writer.sinks.postgres.positions import Positions
from services.writer.sinks.postgres.stored import Stored, tell_letters
from shared.aggregations import candles as candle_rules
from shared.aggregations.candles import Key, fold, key
from shared.bus.admin import cluster_id
from shared.errors import Unavailable
from shared.events import Origin, Tick
from shared.records import Record
from shared.settings import Settings
from shared.telemetry import metrics
from shared.topics import CANDLES, DEAD_LETTERS, FLAGS, MINUTES, OPS_EVENTS, RUNS, SOURCES, TICKS, TRADING_EVENTS


class PostgresSink:
    """Events, their aggregates, runs and counts in Postgres."""

    topics = (TICKS, CANDLES, FLAGS, OPS_EVENTS, MINUTES, TRADING_EVENTS, DEAD_LETTERS, RUNS, SOURCES)

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: Connection | None = None
        self._positions = Positions("", "")
        self._marks: Mapping[MarkKey, Origin] = {}  # as the newest prepared batch leaves them
        self._expired: Expired = {}
        self._marked = 0
        self._touched = days.Touched()
        self._known_facts = False  # the last batch had some: the next one is not copied blindly
        self._known_trading = trading.Known()

    async def connect(self) -> None:
        """A connection and the identity of the cluster whose positions are kept; again after each loss."""
        if self._connection is not None and not self._connection.is_closed():
            return
        cluster = await cluster_id(self._settings.kafka)
        database = self._settings.database
        self._connection = await connect(database.url.get_secret_value(), database.schema_name)
        with quiet():
            await self._load_expired(self._connection)
        self._touched.clear()
        self._positions = Positions(cluster, self._settings.kafka.topic_prefix + "postgres")
        self._cluster = cluster

    async def close(self) -> None:
        """Ends the connection."""
        if self._connection is not None:
            with quiet():
                await self._connection.close()

    def forget(self, places: Collection[Place]) -> None:
        """Drops the positions and marks of the places, and those of batches not written."""
        self._positions.forget(places)
        self._marks = self._positions.marks

    async def read(self, places: Mapping[Place, str]) -> None:
        """Reads the stored positions, before the ends of the logs of these topic ids."""
        with quiet():
            await self._positions.read(self._open(), places)

    async def positions(self, logs: Mapping[Place, tuple[int, int]]) -> dict[Place, int]:
        """Where to go on, from the store."""
        with quiet():
            found = await self._positions.load(self._open(), logs)
        self._marks = self._positions.marks
        return found

    async def prepare(self, polled: Mapping[Place, Sequence[Record]]) -> Write:
        """In a thread of its own: meanwhile Postgres works on the batch before, and this process need only hand it over."""
        with judged():
            prepared = await asyncio.to_thread(prepare, polled, self._marks, self._expired)
        self._marks = prepared.batch.marks
        return partial(self._write, prepared)

    async def _write(self, prepared: Prepared) -> None:
        """One transaction."""
        batch = prepared.batch
        stored = Stored(prepared)
        with judged(), metrics.WRITE_SECONDS.time():
            connection = self._open()
            async with connection.transaction():
                await self._check_expired(connection)
                await self._positions.begin(connection, batch.next_offsets.keys())
                counts = stored.counts
                await self._store(connection, prepared, stored)
                await self._positions.move(connection, batch.next_offsets, batch.marks)
                await self._settle(connection, batch, counts)
                touched = await self._touch_days(connection, prepared)
                await ledger.add(connection, counts)
        for table, numbers in touched.items():
            self._touched.committed(table, numbers)
        self._positions.committed(batch.next_offsets, batch.marks)
        stored.tell(time.time())

    async def reject(self, place: Place, record: Record, message: str, reason: str = REASON) -> None:
        """Stores and publishes a dead letter; the mark moves past the fact, so that a repeat of it is dropped."""
        rejection, marks = reject(place, record, reason, message)
        offsets, marks = {place: record.offset + 1}, {**self._positions.marks, **marks}
        try:
            with judged():
                connection = self._open()
                async with connection.transaction():
                    await self._positions.begin(connection, [place])
                    letters = await ledger.letters(connection, self._cluster, [rejection.letter])
                    await outbox.put_letters(connection, [rejection])
                    await self._positions.move(connection, offsets, marks)
                    await ledger.add(connection, {"rejected": Counter(key for key, _, _ in letters)})
        except Refused as fault:  # no record is to blame: a dead letter can be stored whatever it holds
            raise Unavailable(f"Postgres: a dead letter is refused: {fault}") from fault
        self._positions.committed(offsets, marks)
        self._marks = marks
        tell_letters(letters)

    async def _load_expired(self, connection: Connection) -> None:
        """The days that are no longer kept."""
        self._marked = await retention.newest(connection)
        self._expired = await retention.expired(connection)

    async def _check_expired(self, connection: Connection) -> None:
        """From here on no day expires before this transaction ends; raises `Unavailable` where one has since the batch was prepared."""
        if await retention.join(connection) != self._marked:
            await self._load_expired(connection)
            raise Unavailable("days are no longer kept: the batch is sorted out anew")

    async def _touch_days(self, connection: Connection, prepared: Prepared) -> dict[Table, set[int]]:
        """Lists the days of the batch, each once an hour; returns those that were."""
        stored: dict[Table, set[int]] = {
            "ticks": {fact[0] for fact in prepared.batch.facts},
            "quotes": prepared.trading.days if prepared.trading else set(),
        }
        now = time.monotonic()
        due = {table: self._touched.due(table, numbers, now) for table, numbers in stored.items()}
        for table, numbers in due.items():
            if numbers:
                await days.touch(connection, table, numbers)
        return due

    async def _store(self, connection: Connection, prepared: Prepared, stored: Stored) -> None:
        """Facts and the aggregates of those that were new."""
        batch, counts = prepared.batch, stored.counts
        counts["duplicate"].update(batch.duplicates)
        if letters := [*batch.letters, *(rejection.letter for rejection in prepared.rejected)]:
            stored.letters = await ledger.letters(connection, self._cluster, letters)
            for key, _, count in stored.letters:
                counts["rejected"][key] += count
        if prepared.rejected:
            await outbox.put_letters(connection, prepared.rejected)
        await self._note(connection, batch)
        if batch.events:
            stored.events = await operations.store(connection, batch.events, counts)
        if prepared.trading is not None:
            await trading.store(connection, prepared.trading, counts, self._known_trading)
        if batch.infos:
            await infos.store(connection, batch.infos, counts)
        if batch.bars:
            await bars.store(connection, batch.bars, counts)
        if not batch.facts:
            return
        new, replaced = await self._insert(connection, batch.facts, prepared.rows)
        stored.new = new
        gathered = among(prepared.gathered, batch.facts, new)
        counts["stored"].update(gathered.stored)
        counts["late"].update(gathered.late)
        if len(new) < len(batch.facts):
            counts["duplicate"].update(ledger_key(tick) for fact, tick in batch.facts.items() if fact not in new)
        await self._aggregate(connection, gathered, replaced)

    async def _note(self, connection: Connection, batch: Batch) -> None:
        """What is told about the data beside the data: counts, sources, doubts."""
        if batch.tallies:
            await ledger.tally(connection, self._cluster, batch.tallies)
        if batch.sources:
            await sources.update(connection, batch.sources)
        if batch.holes:
            await sources.keep(connection, batch.holes)
        if batch.flags:
            await flags.store(connection, batch.flags)

    async def _insert(
        self, connection: Connection, facts: Mapping[FactKey, Tick], rows: Sequence[bytes]
    ) -> tuple[Collection[FactKey], set[Key]]:
        if not self._known_facts and await ticks.copy(connection, rows):
            return facts.keys(), set()
        new, replaced = await ticks.merge(connection, facts, rows)
        self._known_facts = len(new) < len(facts)
        return new, replaced

    async def _aggregate(self, connection: Connection, gathered: Gathered, replaced: set[Key]) -> None:
        """Merges the fold of new facts; refolds windows in which a copy was replaced; publishes what live windows cannot know."""
        folded, untold, by_run = gathered.partials, gathered.untold | replaced, gathered.by_run
        if folded:
            untold |= await candles.merge(connection, folded.values(), gathered.live)
            await latest.update(connection, gathered.newest)
        for run in sorted(await runs.unfinished(connection, by_run.keys())) if by_run else ():
            await candles.hold(connection, run, by_run[run])
        if replaced:
            await candles.lock(connection, replaced)
            held = await ticks.minutes(connection, replaced)
            on_time = {key(tick) for tick in held if tick.run is None and not tick.late}
            await candles.refold(connection, replaced, fold(held), on_time)
        if touched := folded.keys() | replaced:
            await candles.reclose(connection, touched)
        if untold:
            await outbox.put(connection, [outbox.candle(found) for found in await candles.read(connection, untold)])

    async def _settle(self, connection: Connection, batch: Batch, counts: dict[str, Counter[LedgerKey]]) -> None:
        """Closings whose ticks are in, and runs whose markers are."""
        if batch.closings:
            await closings.wait(connection, self._cluster, batch.closings)
        if partitions := sorted({partition for topic, partition in batch.next_offsets if topic in (TICKS.name, CANDLES.name)}):
            await self._close(connection, partitions, counts)
        await operations.settle(connection, self._cluster, batch, counts)
        touched = {marker.run for marker, _ in batch.markers} | batch.runs.keys()
        if touched:
            await run_ends.settle(connection, batch, touched)

    async def _close(self, connection: Connection, partitions: list[int], counts: dict[str, Counter[LedgerKey]]) -> None:
        ended = await closings.due(connection, self._cluster, partitions)
        if not ended:
            return
        await candles.lock(connection, ended)
        await candles.close_live(connection, ended)
        await candles.reclose(connection, ended)
        stored = {candles.key(candle): candle for candle in await candles.read(connection, ended)}
        again = closings.settle(candle_rules, "candle", ended, stored, counts["mismatch"])
        await outbox.put(connection, [outbox.candle(found) for found in again])

    def _open(self) -> Connection:
        assert self._connection is not None, "connect() comes first"
        return self._connection
