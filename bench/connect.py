"""Kafka Connect, one standalone worker, with Debezium's JDBC sink: upserts into a keyed table of six columns.

Its records carry the schema in their envelope, since a JDBC sink needs one. The clock runs from the first row seen in the table to the
moment when the last row of every partition is: both are looked up by key, so that watching costs nothing.

Invariant: every trade is in the table once when a figure is given.
"""

import asyncio
import time
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import asyncpg
import msgspec

from bench import feed, jars
from bench.contestants import Told, figures
from bench.faults import Fault
from bench.market import SOURCE, Trade, canonical, price, size
from bench.peers.copies import TABLE
from bench.process import Process
from bench.session import Session
from deploy.local.ports import HOST, free_ports
from shared.topics import Topic

ENVELOPE = Topic("envelope.v1", "a trade with its schema", "as in market.raw.v1")
BATCH = 5000
_FIELDS = {"source": "string", "symbol": "string", "ts": "int64", "price": "double", "size": "double", "event_id": "string"}
_TIMESTAMP = {"name": "org.apache.kafka.connect.data.Timestamp", "version": 1}
_SCHEMA = msgspec.json.encode(
    {
        "type": "struct",
        "name": "trade",
        "optional": False,
        "fields": [
            {"field": name, "type": kind, "optional": False, **(_TIMESTAMP if name == "ts" else {})} for name, kind in _FIELDS.items()
        ],
    }
)


def fill(session: Session) -> list[str]:
    """The market in the peer's topic; returns the id of each partition's last trade."""
    last: dict[int, str] = {}

    def enveloped(trade: Trade) -> bytes:
        last[feed.place(trade)] = f"{trade.number:012d}"
        values = f'"source":"{SOURCE}","symbol":"{canonical(trade.symbol)}","ts":{trade.at},"price":{price(trade)},"size":{size(trade)}'
        return b'{"schema":%b,"payload":{%b,"event_id":"%012d"}}' % (_SCHEMA, values.encode(), trade.number)

    feed.fill(session.kafka, ENVELOPE, session.market, enveloped)
    return list(last.values())


def run(session: Session, url: str, last: list[str]) -> dict[str, float]:
    """One run into an empty database."""
    folder, count = session.folder("connect"), session.options.records
    worker, sink = _properties(session, folder, urlsplit(url))
    classes = jars.classpath("connect", session.repository, session.say)
    options = ("-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classes)
    asyncio.run(_execute(url, TABLE))
    process = session.start("connect", jars.java(), *options, "org.apache.kafka.connect.cli.ConnectStandalone", str(worker), str(sink))
    try:
        began, ended = asyncio.run(_watch(url, last, process, session.options.limit))
        stored = asyncio.run(_execute(url, "SELECT count(*) FROM peer_ticks"))
    except Fault:
        process.kill()
        raise
    used = process.stop()
    if stored != count:
        raise Fault(f"{stored} of {count} rows are in the table")
    return figures(count, Told(count, began, ended), used)


def _properties(session: Session, folder: Path, url: SplitResult) -> tuple[Path, Path]:
    (port,) = free_ports(1)
    worker = {
        "bootstrap.servers": session.kafka.bootstrap_servers,
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "true",
        "offset.storage.file.filename": folder / "offsets",
        "listeners": f"http://{HOST}:{port}",
        "plugin.discovery": "service_load",
        "connector.client.config.override.policy": "All",
    }
    sink = {
        "name": folder.name,
        "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
        "tasks.max": "1",
        "topics": session.kafka.topic_prefix + ENVELOPE.name,
        "connection.url": f"jdbc:postgresql://{url.hostname}:{url.port}{url.path}",
        "connection.username": url.username,
        "connection.password": url.password,
        "insert.mode": "upsert",
        "primary.key.mode": "record_value",
        "primary.key.fields": "source,event_id",
        "schema.evolution": "none",
        "collection.name.format": "peer_ticks",
        "batch.size": BATCH,
        "consumer.override.max.poll.records": BATCH,
        "consumer.override.auto.offset.reset": "earliest",
    }
    for name, settings in (("worker", worker), ("sink", sink)):
        (folder / f"{name}.properties").write_text("".join(f"{key}={value}\n" for key, value in settings.items()), encoding="utf-8")
    return folder / "worker.properties", folder / "sink.properties"


async def _watch(url: str, last: list[str], process: Process, limit: float) -> tuple[float, float]:
    """When the first row was there, and the last ones."""
    connection = await asyncpg.connect(url)
    began, deadline = 0.0, time.monotonic() + limit
    try:
        while time.monotonic() < deadline and process.running:
            if not began and await connection.fetchval("SELECT 1 FROM peer_ticks LIMIT 1"):
                began = time.time()
            if began and await connection.fetchval(
                "SELECT count(*) FROM peer_ticks WHERE source = $1 AND event_id = ANY($2)", SOURCE, last
            ) == len(last):
                return began, time.time()
            await asyncio.sleep(0.05)
    finally:
        await connection.close()
    raise Fault(f"is not done: {process.output[-800:]}")


async def _execute(url: str, statement: str) -> int | None:
    connection = await asyncpg.connect(url)
    try:
        found: int | None = await connection.fetchval(statement)
        return found
    finally:
        await connection.close()
