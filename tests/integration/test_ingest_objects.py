"""Files in S3 as a run's input: only of allowed buckets, whole and bounded."""

import gzip
import tempfile
from pathlib import Path

import pytest

from services.fetcher import objects
from shared.archive.store import Store
from shared.errors import FileFault
from shared.settings import Fetcher, Kafka
from tests.fixtures import archive, runs
from tests.fixtures.servers import Server


async def test_an_object_of_an_allowed_bucket_is_fetched_whole(s3: Server, s3_bucket: str) -> None:
    s3_settings = archive.settings(s3.environment, s3_bucket)
    body = b"order_id,symbol\n" * 200_000
    async with Store(s3_settings) as store:
        await store.put("day/orders.csv", body)
    settings = Fetcher(allowed_buckets=[s3_bucket])
    url = f"s3://{s3_bucket}/day/orders.csv"
    found = await objects.fetch(url, settings, s3_settings.model_copy(update={"bucket": "archive"}))
    try:
        assert found.path.read_bytes() == body
        assert found.identity["size"] == len(body)
    finally:
        found.path.unlink()
    faults = {
        url + "x": (settings, "there is no such object"),
        url: (Fetcher(), "is no bucket that the fetcher may read"),
        f"s3://{s3_bucket}": (settings, "is no address of an object"),
        f"S3://{s3_bucket}/day/orders.csv": (Fetcher(allowed_buckets=[s3_bucket], max_file_bytes=1000), "has more than"),
    }
    for given, (allowing, said) in faults.items():
        with pytest.raises(FileFault, match=said):
            await objects.fetch(given, allowing, s3_settings)


async def test_a_price_file_in_a_bucket_is_read_like_one_in_a_folder(
    kafka_settings: Kafka, s3: Server, s3_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    s3_settings = archive.settings(s3.environment, s3_bucket)
    async with Store(s3_settings) as store:
        await store.put("day/trades.csv.gz", gzip.compress(b"time,price\n1610064000278,5\n1610064000279,6\n"))
    asked = [
        runs.prices(f"s3://{bucket}/day/{name}", number=number)
        for number, (bucket, name) in enumerate([(s3_bucket, "trades.csv.gz"), (s3_bucket, "none.csv"), ("another", "trades.csv.gz")])
    ]
    await runs.ask(kafka_settings, *asked)
    async with runs.fetching(kafka_settings, tmp_path, s3=s3_settings, allowed_buckets=[s3_bucket]):
        read, absent, forbidden = [await runs.ended(kafka_settings, run.run_id) for run in asked]
    assert (read.status, read.sent, read.bytes_total) == ("published", 2, read.bytes_read)
    assert [value.splitlines()[1] for _, _, value, _ in await runs.rows(kafka_settings) if value] == [
        b"1610064000278,5",
        b"1610064000279,6",
    ]
    assert absent.message == f"cannot fetch s3://{s3_bucket}/day/none.csv: there is no such object"
    assert forbidden.message == f"another is no bucket that the fetcher may read ({s3_bucket}); add it to FETCHER__ALLOWED_BUCKETS"
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240 nothing else runs
