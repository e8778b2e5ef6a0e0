"""Files in S3 as a run's input: only of allowed buckets, whole and bounded."""

import pytest

from services.fetcher import objects
from shared.archive.store import Store
from shared.errors import FileFault
from shared.settings import Fetcher
from tests.fixtures import archive
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
