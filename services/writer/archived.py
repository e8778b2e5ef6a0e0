"""What `verify` finds in the archive: chains with holes, objects that are not what was stored, logs that have lost what the archive has."""

import asyncio
import hashlib
import time
from collections.abc import Sequence

from services.writer.findings import Finding
from services.writer.sinks.s3.positions import GROUP
from shared.archive import catalog, chain
from shared.archive.catalog import Entry
from shared.archive.store import Store
from shared.bus import Log, admin
from shared.settings import Settings
from shared.topics import MIB, TOPICS, Topic

RECORD_BYTES = 128  # at most, of a record in the log beside its key and value
TOGETHER = 8  # objects read at a time
PROBE_BYTES = 64 * 1024


async def faults(settings: Settings, cluster: str, *, everything: bool) -> list[Finding]:
    """All of it; `everything` reads each object and looks for its ends in the log. Raises `Unavailable`.

    An archiver may be at work: what was committed is read before the objects, and they before the logs, so that each has what it is of.
    """
    findings: list[Finding] = []
    committed = await admin.committed(settings.kafka, GROUP, TOPICS)
    async with Store(settings.s3) as store, Log(settings.kafka, partition_bytes=PROBE_BYTES) as log:
        for topic in TOPICS:
            chains = await catalog.chains(store, cluster, topic.tier, settings.kafka.topic_prefix + topic.name)
            damaged = await _damaged(store, [entry for entries in chains.values() for entry in entries]) if everything else set()
            for partition, span in (await log.ranges(topic)).items():
                entries, done = chains.get(partition, []), committed.get((topic.name, partition), (0, ""))[0]
                found = list(_chain(topic, entries, span, done, kept=settings.s3.retention_days > 0))
                found += [f"the object at {e.span.first} is not what was stored: {e.key}" for e in entries if e.key in damaged]
                found += await _probed(log, topic, partition, entries, span) if everything else []
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


async def _damaged(store: Store, entries: Sequence[Entry]) -> set[str]:
    """The keys of objects whose bytes are not those that were stored."""
    found: set[str] = set()
    for at in range(0, len(entries), TOGETHER):
        some = entries[at : at + TOGETHER]
        digests = await asyncio.gather(*(_digest(store, entry.key) for entry in some))
        found |= {entry.key for entry, digest in zip(some, digests, strict=True) if digest != entry.span.sha256}
    return found


async def _digest(store: Store, key: str) -> str:
    digest = hashlib.sha256()
    async for piece in store.read(key):
        await asyncio.to_thread(digest.update, piece)
    return digest.hexdigest()


async def _probed(log: Log, topic: Topic, partition: int, entries: Sequence[Entry], span: tuple[int, int]) -> list[str]:
    """Holes in the middle of a log that keeps everything: each object's first and last offset is looked for."""
    if "compact" in topic.cleanup:
        return []
    wanted = {at for entry in entries for at in (entry.span.first, entry.span.end - 1) if span[0] <= at < span[1]}
    there: set[int] = set()
    for at in sorted(wanted):
        if at not in there:  # the end of one object and the start of the next are read at once
            async for records in log.read(topic, partition, at, at + 1 + (at + 1 in wanted)):
                there.update(record.offset for record in records)
    return [f"the log has lost the record at {at}; the archive has it" for at in sorted(wanted - there)]
