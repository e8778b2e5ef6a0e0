"""The proofs on a real store: an empty one balances, and each kind of damage is named."""

from datetime import UTC, datetime

import pytest

from services.writer.sinks.postgres import proofs
from services.writer.sinks.postgres.connection import connect

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
    "fills": "INSERT INTO fills VALUES ('T', 'O', 'A', 'buy', 1, 1, now(), 'X', 0, now(), '', now(), NULL, 1, 2, 3, now(), 1, 2)",
    "orders": "INSERT INTO orders (order_id, action, action_time, content, filled_qty) VALUES ('O', 0, now(), '', 5)",
}


async def test_an_empty_store_balances(database_url: str) -> None:
    assert await judged(database_url) == {}


@pytest.mark.parametrize("name", DAMAGE)
async def test_damage_is_named_by_its_proof(database_url: str, name: str) -> None:
    found = await judged(database_url, DAMAGE[name])
    assert len(found[name]) == 1, found


async def judged(url: str, damage: str = "SELECT 1") -> dict[str, list[tuple[str, str]]]:
    connection = await connect(url, "public")
    try:
        await connection.execute(damage)
        async with proofs.snapshot(connection):
            found = {proof.name: await proofs.faults(connection, proof, SINCE, 60) for proof in proofs.PROOFS}
    finally:
        await connection.close()
    return {name: wrong for name, wrong in found.items() if wrong}
