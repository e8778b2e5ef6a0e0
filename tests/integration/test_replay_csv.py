"""`tickplant archive export` and `tickplant replay --from csv`: the records of the archive in other topics, byte for byte."""

from __future__ import annotations

import asyncio
from pathlib import Path

from typer.testing import CliRunner, Result

from services.cli.main import application
from shared.archive import layout, parquet
from shared.archive.store import Store
from shared.bus import admin
from shared.records import Stored
from shared.settings import S3, Kafka
from shared.topics import MARKET_RAW
from tests.fixtures import archive, runs
from tests.fixtures.servers import Server

AT = 1_610_064_000_000
RECORDS = [
    Stored(3, 0, AT, b"binance|BTCUSDT", b'{"e":"trade",\n"p":"39432.480"}', (("run", b"prices-1:2:0"),)),
    Stored(3, 1, AT + 1, b"\xff\x00key", b'caf\xc3\xa9, "quoted"\r\n', ()),
    Stored(3, 2, AT + 2, None, None, (("ce_type", b"tombstone"), ("bytes", b"\x80"))),
    Stored(7, 0, AT + 3, b"", b"", ()),
    Stored(7, 5, AT + 4, b"null", b"\xef\xbb\xbfbom", ()),
]


async def archived(kafka: Kafka, s3: S3) -> None:
    """The records as the archiver leaves them."""
    cluster = await admin.cluster_id(kafka)
    async with Store(s3) as store:
        for partition in (3, 7):
            records = [record for record in RECORDS if record.partition == partition]
            writer = parquet.Writer(MARKET_RAW, 0)
            writer.add(records)
            body, span = writer.finish()
            key = layout.place(cluster, kafka.topic_prefix, MARKET_RAW, partition).key(layout.hour_of(AT), 0)
            assert await store.create(key, body, span.metadata())


def test_a_csv_of_the_archive_replays_byte_for_byte(kafka_settings: Kafka, s3: Server, s3_bucket: str, tmp_path: Path) -> None:
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA__TOPIC_PREFIX": kafka_settings.topic_prefix,
        "TICKPLANT_HOME": str(tmp_path),
        **s3.environment,
        "S3__BUCKET": s3_bucket,
    }
    file = str(tmp_path / "records.csv")

    def tickplant(*arguments: str) -> Result:
        return CliRunner().invoke(application(), arguments, env=environment)

    asyncio.run(archived(kafka_settings, archive.settings(s3.environment, s3_bucket)))
    assert tickplant("archive", "export", "market.raw.v1", file).output == f"{file}: 5 records\n"
    again = kafka_settings.model_copy(update={"topic_prefix": f"again.{kafka_settings.topic_prefix}"})
    try:
        replayed = tickplant("replay", "--from", "csv", "--file", file, "--into", "again.", "--no-wait")
        assert replayed.output.startswith("market.raw.v1: 5 records\n5 records replayed in "), replayed.stderr
        found = asyncio.run(runs.records(again, MARKET_RAW))
        twice = tickplant("replay", "--from", "csv", "--file", file, "--into", "again.", "--no-wait")
    finally:
        asyncio.run(admin.delete_topics(again))
    assert [(r.partition, r.timestamp, r.key, r.value, tuple(r.headers)) for r in found] == [
        (r.partition, r.timestamp, r.key, r.value, tuple(r.headers)) for r in RECORDS
    ]
    assert twice.stderr.strip().endswith("market.raw.v1 has 5 records; give --into PREFIX, or make it empty")
    assert tickplant("archive", "export", "market.raw.v1", file, "--until", "2021-01-08T00:00:00.002Z").output == f"{file}: 2 records\n"
    Path(file).write_text("when,what\n")
    wrong = tickplant("replay", "--from", "csv", "--file", file, "--into", "again.")
    assert (wrong.exit_code, wrong.stderr.startswith(f"{file}: line 1: there is no column topic,")) == (1, True)
