"""Operational events and their minutes: what a batch's transaction does for them, step by step."""

from collections import Counter
from collections.abc import Collection, Mapping

from services.writer.batch import Batch, LedgerKey, ledger_key
from services.writer.sinks.postgres import aggregates, closings, outbox, runs, service_events
from services.writer.sinks.postgres.connection import Connection
from services.writer.sinks.postgres.minutes import TABLE
from shared.aggregations import minutes
from shared.aggregations.minutes import Key, fold, key
from shared.events import ServiceEvent
from shared.topics import MINUTES, OPS_EVENTS

Counts = Mapping[str, Counter[LedgerKey]]


async def store(connection: Connection, events: Mapping[str, ServiceEvent], counts: Counts) -> list[ServiceEvent]:
    """Stores events and merges the fold of the new ones into their minutes; returns the new ones."""
    new, losers = await service_events.store(connection, events)
    replaced = {key(copy) for old in losers for copy in (old, events[old.event_id])}
    stored = [event for event_id, event in events.items() if event_id in new]
    for event_id, event in events.items():
        counts["stored" if event_id in new else "duplicate"][ledger_key(event)] += 1
    counts["late"].update(ledger_key(event) for event in stored if event.late)
    for old in losers:
        _move(old, events[old.event_id], counts)
    folded, ended = fold(stored), set[Key]()
    if folded:
        ended = await aggregates.merge(connection, TABLE, folded.values(), _on_time(stored))
    await _hold(connection, stored)
    if replaced:
        await aggregates.lock(connection, TABLE, replaced, fold([event for event in events.values() if key(event) in replaced]).values())
        held = [event for window in sorted(replaced) for event in await service_events.minute(connection, window)]
        await aggregates.refold(connection, TABLE, replaced, fold(held), _on_time(held))
    if touched := folded.keys() | replaced:
        await aggregates.reclose(connection, TABLE, touched)
    await tell(connection, {key(event) for event in stored if event.run is not None or event.late} | replaced | ended)
    return stored


async def settle(connection: Connection, cluster: str, batch: Batch, counts: Counts) -> None:
    """Closings whose events are in: the live minute is held against the stored one."""
    if batch.minute_closings:
        await aggregates.wait(connection, TABLE, cluster, batch.minute_closings)
    partitions = sorted({partition for topic, partition in batch.next_offsets if topic in (OPS_EVENTS.name, MINUTES.name)})
    ended = await aggregates.due(connection, TABLE, cluster, OPS_EVENTS.name, partitions) if partitions else {}
    if not ended:
        return
    await aggregates.lock(connection, TABLE, ended)
    await aggregates.close_live(connection, TABLE, ended)
    await aggregates.reclose(connection, TABLE, ended)
    stored = {TABLE.identity(found): found for found in await aggregates.read(connection, TABLE, ended)}
    again = closings.settle(minutes, "minute", ended, stored, counts["mismatch"])
    await outbox.put(connection, [outbox.minute(found) for found in again])


async def release(connection: Connection, run: str, most: int) -> int:
    """Up to `most` of the minutes that only this run held open are closed; returns how many were released."""
    if released := await aggregates.release(connection, TABLE, run, most):
        await aggregates.lock(connection, TABLE, released)
        await aggregates.reclose(connection, TABLE, released)
        await tell(connection, released)
    return len(released)


async def tell(connection: Connection, keys: Collection[Key]) -> None:
    """Publishes stored minutes of which the live windows cannot know all."""
    if keys:
        await outbox.put(connection, [outbox.minute(found) for found in await aggregates.read(connection, TABLE, keys)])


def _move(old: ServiceEvent, held: ServiceEvent, counts: Counts) -> None:
    """A row that is another service's from now on is counted there; the copy it replaces is a duplicate."""
    if old.service != held.service:
        for name, sign in (("stored", 1), ("duplicate", -1)):
            counts[name][ledger_key(held)] += sign
            counts[name][ledger_key(old)] -= sign
        counts["late"][ledger_key(held)] += held.late
        counts["late"][ledger_key(old)] -= old.late


async def _hold(connection: Connection, stored: Collection[ServiceEvent]) -> None:
    by_run: dict[str, set[Key]] = {}
    for event in stored:
        if event.run is not None:
            by_run.setdefault(event.run, set()).add(key(event))
    for run in sorted(await runs.unfinished(connection, by_run.keys())) if by_run else ():
        await aggregates.hold(connection, TABLE, run, by_run[run])


def _on_time(events: Collection[ServiceEvent]) -> set[Key]:
    return {key(event) for event in events if event.run is None and not event.late}
