"""GET /runs and /runs/{id} against a real database: order, paging, the ledger's counts."""

from __future__ import annotations

import asyncpg

from tests.fixtures.api import serving

RUNS = """
INSERT INTO runs (run_id, run_kind, status, source, requested_at, updated_at, finished_at, request, sent, bytes_read, bytes_total,
                  attempts, message)
VALUES
    ('a', 'prices', 'finished', 'binance', '2021-01-08T00:00:00Z', '2021-01-08T00:00:09Z', '2021-01-08T00:00:09.5Z',
     '{"file": "x.csv", "size": 0.10}', 7, 70, 70, 1, ''),
    ('b', 'frames', 'running', 'coinbase', '2021-01-08T00:00:00Z', '2021-01-08T00:00:01Z', NULL, '{}', 0, 0, 10, 2, 'x'),
    ('c', 'replay', 'failed', 'coinbase', '2021-01-09T00:00:00Z', '2021-01-09T00:00:01Z', NULL, '{}', 0, 0, 0, 1, 'no such file')"""
COUNTS = """
INSERT INTO ledger (source, run, hour, stored, duplicate, late, rejected)
VALUES ('binance', 'a', '2021-01-08T00:00:00Z', 2, 1, 1, 2), ('binance', 'a', '2021-01-08T01:00:00Z', 1, 0, 0, 1),
       ('binance', '', '2021-01-08T00:00:00Z', 90, 90, 90, 90);
INSERT INTO tallies (cluster, topic, partition, epoch, block, source, run, hour, upto, received, rejected, ignored)
VALUES ('k', 't', 0, 1, 0, 'binance', 'a', '2021-01-08T00:00:00Z', 9, 5, 2, 0),
       ('k', 't', 1, 1, 0, 'binance', 'a', '2021-01-08T00:00:00Z', 9, 2, 1, 0),
       ('k', 't', 1, 1, 0, 'binance', '', '2021-01-08T00:00:00Z', 9, 90, 1, 0);
INSERT INTO dead_letters (cluster, partition, "offset", origin, source, run, line, reason, message, received_at, sample)
VALUES ('k', 0, 0, 'market.raw.v1/1/0/0/0', 'binance', 'a', 3, 'bad_price', 'm', now(), ''),
       ('k', 0, 1, 'market.raw.v1/1/0/1/0', 'binance', 'a', 4, 'bad_price', 'm', now(), ''),
       ('k', 0, 2, 'market.raw.v1/1/0/2/0', 'binance', 'a', 5, 'bad_row', 'm', now(), ''),
       ('k', 0, 3, 'market.raw.v1/1/0/3/0', 'binance', 'b', 5, 'bad_row', 'm', now(), '')"""
FINISHED = {
    "run_id": "a",
    "run_kind": "prices",
    "status": "finished",
    "source": "binance",
    "requested_at": "2021-01-08T00:00:00Z",
    "updated_at": "2021-01-08T00:00:09Z",
    "finished_at": "2021-01-08T00:00:09.500000Z",
    "sent": 7,
    "bytes_read": 70,
    "bytes_total": 70,
    "attempts": 1,
    "message": "",
}


async def prepare(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(RUNS)
    await connection.execute(COUNTS)
    await connection.close()


async def test_runs_come_newest_first_however_they_are_paged(database_url: str) -> None:
    await prepare(database_url)
    async with serving(database_url) as api:
        whole = await api.get("/runs")
        parts = [row for page in await api.pages("/runs", limit=1) for row in page]
    assert [row["run_id"] for row in whole["results"]] == ["c", "b", "a"]
    assert parts == whole["results"]
    oldest = whole["results"][-1]
    assert {**oldest, "request": None} == {**FINISHED, "request": None}
    assert str(oldest["request"]["size"]) == "0.10"


async def test_a_run_shows_its_ledger_and_its_rejections_by_reason(database_url: str) -> None:
    await prepare(database_url)
    async with serving(database_url) as api:
        finished = await api.get("/runs/a")
        running = await api.get("/runs/c")
        unknown = await api.http.get("/runs/nobody")
    counts = {
        "result": {},
        "output_files": {},
        "received": 7,
        "stored": 3,
        "duplicate": 1,
        "rejected": 3,
        "late": 1,
        "rejected_by_reason": {"bad_price": 2, "bad_row": 1},
    }
    assert {**finished, "request": None} == {**FINISHED, **counts, "request": None}
    assert [running[name] for name in counts] == [{}, {}, 0, 0, 0, 0, 0, {}]
    assert (running["finished_at"], running["message"]) == (None, "no such file")
    assert unknown.status_code == 404
    assert unknown.headers["content-type"] == "application/problem+json"
    assert unknown.json()["detail"] == "there is no run 'nobody'"
