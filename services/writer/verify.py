"""`verify`: holds the stages against each other, and what is stored against what follows from it; prints what does not balance.

Invariant: it changes nothing, and it judges one state of the store. What is still on its way is said, and is no fault.
"""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from services.writer.sinks.postgres import proofs
from services.writer.sinks.postgres.connection import Connection, connect, quiet
from services.writer.sinks.s3.positions import GROUP
from shared.archive import catalog, chain
from shared.archive.catalog import Entry
from shared.archive.store import Store
from shared.bus import Log, admin
from shared.settings import Settings
from shared.topics import EVENTS_OF, MIB, TOPICS, Topic

SECONDS = 600.0
RECORD_BYTES = 128  # at most, of a record in the log beside its key and value


class Finding(NamedTuple):
    """Something that does not balance, or, where it is `no_fault`, that should be known."""

    what: str
    said: str
    no_fault: bool = False


class Verdict(NamedTuple):
    """Everything found, and how much was looked at."""

    findings: list[Finding]
    looked_at: str

    @property
    def balanced(self) -> bool:
        """Whether there is no fault."""
        return all(finding.no_fault for finding in self.findings)


async def verify(settings: Settings, since: datetime | None, *, everything: bool) -> Verdict:
    """All checks; `since` limits what is computed anew, `everything` also reads every object and the log. Raises `Unavailable`."""
    began = time.monotonic()
    cluster = await admin.cluster_id(settings.kafka)
    since = since or datetime(1, 1, 1, tzinfo=UTC)
    async with Log(settings.kafka) as log:
        ranges = {topic.name: await log.ranges(topic) for topic in TOPICS}
        stored, looked_at = await _store(settings, cluster, since, ranges)
        archived = await _archive(settings, log, cluster, ranges, everything=everything) if settings.s3.bucket else _without
    findings = [*stored, *archived]
    return Verdict(findings, f"{looked_at} in {time.monotonic() - began:.1f} s")


_without = [Finding("archive", "no bucket is set: it was not looked at", no_fault=True)]
Ranges = dict[str, dict[int, tuple[int, int]]]


async def _store(settings: Settings, cluster: str, since: datetime, ranges: Ranges) -> tuple[list[Finding], str]:
    database = settings.database
    connection = await connect(database.url.get_secret_value(), database.schema_name)
    try:
        async with proofs.snapshot(connection):
            return await _proved(connection, settings, cluster, since, ranges)
    finally:
        connection.terminate()


async def _proved(connection: Connection, settings: Settings, cluster: str, since: datetime, ranges: Ranges) -> tuple[list[Finding], str]:
    findings, under_way = [], 0
    consumer = settings.kafka.topic_prefix + "postgres"
    for (topic, partition), offset in (await proofs.positions(connection, cluster, consumer)).items():
        end = ranges.get(topic, {}).get(partition, (0, 0))[1]
        if offset > end:
            findings.append(Finding(f"{topic}/{partition}", f"the store is at {offset}, the log ends at {end}"))
        under_way += max(0, end - offset)
    unread = (await admin.committed(settings.kafka, "transformer", [topic for topic in TOPICS if topic.name in EVENTS_OF])).items()
    under_way += sum(max(0, ranges[topic][partition][1] - offset) for (topic, partition), (offset, _) in unread)
    ticks, candles, waiting = await proofs.sizes(connection)
    under_way += waiting
    for proof in proofs.PROOFS:
        with quiet():
            found = await proofs.faults(connection, proof, since, SECONDS)
        findings += [Finding(what, said, no_fault=bool(under_way) and proof.name in proofs.OF_FLOW) for what, said in found]
    if under_way:
        findings.append(
            Finding("under way", f"{under_way:,} records are not stored yet: the ledger is judged when they are", no_fault=True)
        )
    return findings, f"{ticks:,} ticks, {candles:,} candles"


async def _archive(settings: Settings, log: Log, cluster: str, ranges: Ranges, *, everything: bool) -> list[Finding]:
    findings: list[Finding] = []
    committed = await admin.committed(settings.kafka, GROUP, TOPICS)
    async with Store(settings.s3) as store:
        for topic in TOPICS:
            chains = await catalog.chains(store, cluster, topic.tier, settings.kafka.topic_prefix + topic.name)
            for partition, span in ranges[topic.name].items():
                entries, done = chains.get(partition, []), committed.get((topic.name, partition), (0, ""))[0]
                found = list(_chain(topic, entries, span, done, kept=settings.s3.retention_days > 0))
                if everything:
                    found += await _objects(store, entries)
                    found += await _probed(log, topic, partition, entries, span)
                findings += [Finding(f"{topic.name}/{partition}", said) for said in found]
    return findings


def _chain(topic: Topic, entries: Sequence[Entry], log: tuple[int, int], done: int, *, kept: bool) -> list[str]:
    """What is wrong with a chain beside its log [first, end), whose archive was committed up to `done`."""
    spans, (first, end) = [entry.span for entry in entries], log
    found = [f"the archive has offsets [{h.first}, {h.end}) {'twice' if h.twice else 'not at all'}" for h in chain.faults(spans)]
    begins, ends = (spans[0].first, max(span.end for span in spans)) if spans else (done, 0)
    if begins > 0 and not kept:
        found.append(f"the archive has offsets [0, {begins}) not at all")
    if done > ends and spans:
        found.append(f"the archive has offsets [{ends}, {done}) not at all")
    if ends > end:
        found.append(f"the archive reaches {ends}, the log ends at {end}")
    if "compact" not in topic.cleanup:
        found += [f"the object at {s.first} has {s.records} records of offsets [{s.first}, {s.end})" for s in chain.sparse(spans)]
        if first > 0 and (lost := _unexplained(topic, entries, first)):
            found.append(lost)
    return found


def _unexplained(topic: Topic, entries: Sequence[Entry], first: int) -> str | None:
    """Offsets that the log no longer has, though neither their age nor the log's size is a reason."""
    gone = [entry.span for entry in entries if entry.span.first < first]
    if not gone:
        return None
    oldest_kept = time.time() * 1000 - topic.retention_days * 86_400_000
    size = sum(entry.span.bytes + entry.span.records * RECORD_BYTES for entry in entries)
    if gone[-1].last_time < oldest_kept or size > topic.retention_mib * MIB:
        return None
    return f"the log has lost offsets [0, {first}), which are neither too old nor too many: a segment is gone; the archive has them"


async def _objects(store: Store, entries: Sequence[Entry]) -> list[str]:
    """Objects whose bytes are not those that were stored."""
    found = []
    for entry in entries:
        digest = hashlib.sha256()
        async for piece in store.read(entry.key):
            await asyncio.to_thread(digest.update, piece)
        if digest.hexdigest() != entry.span.sha256:
            found.append(f"the object at {entry.span.first} is not what was stored: {entry.key}")
    return found


async def _probed(log: Log, topic: Topic, partition: int, entries: Sequence[Entry], span: tuple[int, int]) -> list[str]:
    """Holes in the middle of a log that keeps everything: each object's first and last offset is looked for."""
    if "compact" in topic.cleanup:
        return []
    wanted = sorted({at for entry in entries for at in (entry.span.first, entry.span.end - 1) if span[0] <= at < span[1]})
    gone = [at for at in wanted if not [record async for found in log.read(topic, partition, at, at + 1) for record in found]]
    return [f"the log has lost the record at {at}; the archive has it" for at in gone]
