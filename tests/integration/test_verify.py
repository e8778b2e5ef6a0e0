"""The proofs on a real store: an empty one balances, and each kind of damage is named."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from services.writer.sinks.postgres import proofs
from services.writer.sinks.postgres.connection import connect
from shared.aggregations import minutes

SINCE = datetime(1, 1, 1, tzinfo=UTC)
DAMAGE = {
    "rows": "INSERT INTO ledger (source, run, hour, stored) VALUES ('s', '', now(), 1)",
    "ledger": "INSERT INTO ledger (source, run, hour, duplicate) VALUES ('s', '', now(), 1)",
    "letters": "INSERT INTO ledger (source, run, hour, rejected) VALUES ('s', '', now(), 1)",
    "gaps": "INSERT INTO log_gaps (cluster, stage, topic, partition, first_lost, next_kept) VALUES ('c', 's', 't', 0, 1, 5)",
    "candles": "INSERT INTO candles VALUES ('s', 'A-B', 'trade', '2026-01-05T10:00Z', 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0, "
    "now(), 0, '1', now(), 0, '1')",
    "bars": "INSERT INTO candles VALUES ('s', 'A', 'bar', '2026-01-05T10:00Z', 1, 1, 1, 1, 1, 1, NULL, NULL, 1, 1, 0, "
    "now(), 0, '1', now(), 0, '1')",
    "minutes": "INSERT INTO minutes VALUES ('s', '2026-01-05T10:00Z', 1, 0, 0, 0, 0, 0, '{}', '{}')",
    "days": "INSERT INTO daily VALUES ('s', 'A', '2026-01-05', 1, 1, 1, 1, 1, NULL, 1, false, 'regular', NULL, 'x', NULL, NULL, 1, 'r', "
    "now())",
    "fills": "INSERT INTO fills VALUES ('T', 'O', 'A', 'buy', 1, 1, now(), 'X', 0, now(), '', now(), NULL, 1, 2, 3, now(), 1, 2)",
    "orders": "INSERT INTO orders (order_id, action, action_time, content, filled_qty) VALUES ('O', 0, now(), '', 5)",
}


async def test_an_empty_store_balances(database_url: str) -> None:
    assert await judged(database_url) == {}


@pytest.mark.parametrize("name", DAMAGE)
async def test_damage_is_named_by_its_proof(database_url: str, name: str) -> None:
    found = await judged(database_url, DAMAGE[name])
    assert len(found[name]) == 1, found


def latencies() -> list[Decimal]:
    """Where buckets meet, and where floats cannot tell two numbers apart."""
    found = [Decimal(0), Decimal("0.0009"), Decimal(10) ** 15]
    for bound in minutes.BOUNDS[:: len(minutes.BOUNDS) // 60]:
        found += [bound - Decimal("1e-18"), bound, bound + Decimal("1e-18")]
    return found


@pytest.mark.parametrize("shifted", [0, 1])
async def test_a_minute_is_held_against_the_buckets_of_its_events(database_url: str, shifted: int) -> None:
    counts = Counter(map(minutes.bucket, latencies()))
    counts[max(counts)] -= shifted
    counts[0] += shifted
    events = ", ".join(
        f"('{n}', 's', 'x', '2026-01-05T10:00Z', '', {value}, 200, 2, '{{}}', '{{}}', now(), false, 1, 0, {n}, 0)"
        for n, value in enumerate(latencies())
    )
    kept = sorted((bucket, count) for bucket, count in counts.items() if count)
    found = await judged(
        database_url,
        "INSERT INTO service_events (event_id, service, event_type, event_time, timestamp, latency_ms, status_code, schema_version, extra,"
        f" nulled, received_at, late, epoch, raw_partition, raw_offset, raw_index) VALUES {events}",
        "INSERT INTO minutes SELECT 's', '2026-01-05T10:00Z', count(*), count(*), sum(latency_ms), count(*), 0, 0, "
        f"'{{{','.join(str(bucket) for bucket, _ in kept)}}}', '{{{','.join(str(count) for _, count in kept)}}}' FROM service_events",
    )
    assert ("minutes" in found) == bool(shifted), found


async def judged(url: str, *damage: str) -> dict[str, list[tuple[str, str]]]:
    connection = await connect(url, "public")
    try:
        for statement in damage:
            await connection.execute(statement)
        async with proofs.snapshot(connection):
            found = {proof.name: await proofs.faults(connection, proof, SINCE, 60) for proof in proofs.PROOFS}
    finally:
        await connection.close()
    return {name: wrong for name, wrong in found.items() if wrong}
