"""`verify`: holds the stages against each other, and what is stored against what follows from it; prints what does not balance.

Invariant: it changes nothing, and it judges one state of the store. What is still on its way is said, and is no fault.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import NamedTuple

from services.writer import archived
from services.writer.findings import Finding
from services.writer.sinks.postgres import proofs
from services.writer.sinks.postgres.connection import FILES_SECONDS, Connection, connect, quiet
from shared.bus import Log, admin
from shared.settings import Kafka, Settings
from shared.topics import EVENTS_OF, TOPICS

SECONDS = 600.0


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
    (stored, looked_at), archive = await asyncio.gather(
        _store(settings, cluster, since), _archive(settings, cluster, everything=everything)
    )
    findings = [*stored, *archive]
    return Verdict(findings, f"{looked_at} in {time.monotonic() - began:.1f} s")


async def _archive(settings: Settings, cluster: str, *, everything: bool) -> list[Finding]:
    if not settings.s3.bucket:
        return [Finding("archive", "no bucket is set: it was not looked at", no_fault=True)]
    return await archived.faults(settings, cluster, everything=everything)


async def _store(settings: Settings, cluster: str, since: datetime) -> tuple[list[Finding], str]:
    database = settings.database
    connection = await connect(database.url.get_secret_value(), database.schema_name, idle_seconds=FILES_SECONDS)
    try:
        async with proofs.snapshot(connection):
            return await _proved(connection, settings, cluster, since)
    finally:
        connection.terminate()


async def _proved(connection: Connection, settings: Settings, cluster: str, since: datetime) -> tuple[list[Finding], str]:
    findings, under_way = [], 0
    consumer = settings.kafka.topic_prefix + "postgres"
    stored = await proofs.positions(connection, cluster, consumer)
    ranges = await _ranges(settings.kafka)  # after the positions: no store is ahead of its log because the log went on
    for (topic, partition), offset in stored.items():
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


async def _ranges(kafka: Kafka) -> dict[str, dict[int, tuple[int, int]]]:
    """The first offset and the end of every log, by topic and partition."""
    async with Log(kafka) as log:
        return {topic.name: await log.ranges(topic) for topic in TOPICS}
