"""The archive and the ledger as the api and the command tell of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from deploy.local.settings import inherited
from services.api.app import Application
from services.api.protocol import Context
from services.api.store import connect
from shared import settings
from shared.archive import layout, parquet
from shared.archive.store import Store
from shared.records import Stored
from shared.telemetry.probes import Health
from shared.topics import MARKET_RAW
from tests.fixtures import archive, databases
from tests.fixtures.servers import Server

AT = 1_767_600_000_000


@pytest.fixture
def bucket(s3: Server, s3_bucket: str) -> settings.S3:
    return archive.settings(s3.environment, s3_bucket)


async def filled(bucket: settings.S3) -> list[str]:
    """Three objects of one chain, and something that is none of the archive's."""
    place, keys = layout.place("c", "", MARKET_RAW, 0), []
    async with Store(bucket) as store:
        await store.put("secret.txt", b"secret")
        for first in (0, 10, 20):
            writer = parquet.Writer(MARKET_RAW, first)
            writer.add([Stored(0, first + n, AT, b"k", b"%d" % (first + n), ()) for n in range(10)])
            body, span = writer.finish()
            keys.append(place.key("2026-01-05T08", first))
            assert await store.create(keys[-1], body, span.metadata())
    return keys


async def asked(url: str, bucket: settings.S3, *paths: str) -> list[httpx.Response]:
    store = await connect(settings.Database(url=SecretStr(url)))
    async with Store(bucket) as objects:
        app = Application(Context(store, settings.Api(), Health(), archive=objects))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
            found = [await client.get(path) for path in paths]
    await store.close()
    return found


async def test_objects_are_listed_by_pages_and_fetched_without_keys(database_url: str, bucket: settings.S3) -> None:
    keys = await filled(bucket)
    first, wrong, gone = await asked(
        database_url, bucket, "/archive?prefix=c/bronze/&limit=2", "/archive/download?key=secret.txt", f"/archive/download?key={keys[0]}x"
    )
    page = first.json()
    assert [row["key"] for row in page["results"]] == keys[:2]
    assert page["results"][0] | {"stored_at": "", "size": 0} == {
        "key": keys[0], "cluster": "c", "tier": "bronze", "topic": "market.raw.v1", "partition": 0, "first": 0, "hour": "2026-01-05T08",
        "size": 0, "stored_at": "", "url": page["results"][0]["url"],
    }  # fmt: skip
    rest, download = await asked(database_url, bucket, page["next_url"], page["results"][1]["url"])
    assert ([row["key"] for row in rest.json()["results"]], rest.json()["next_url"]) == (keys[2:], None)
    assert download.status_code == 307
    async with httpx.AsyncClient() as client:
        body = (await client.get(download.headers["location"])).content
    assert [record.value for group in parquet.read(body) for record in group] == [b"%d" % n for n in range(10, 20)]
    assert (wrong.status_code, gone.status_code) == (404, 404)


async def test_the_ledger_says_what_became_of_what_came_in(database_url: str, bucket: settings.S3) -> None:
    hour = "2026-01-05T08:00:00Z"
    databases.execute(
        database_url,
        f"INSERT INTO tallies VALUES ('c', 'market.raw.v1', 0, 1, 0, 'binance', '', '{hour}', 9, 7, 1, 0)",
        f"INSERT INTO ledger (source, run, hour, stored, duplicate, rejected) VALUES ('binance', '', '{hour}', 5, 1, 1)",
        f"INSERT INTO ledger (source, run, hour, stored) VALUES ('kraken', 'r', '{hour}', 2)",
    )
    (answer, of_run) = await asked(database_url, bucket, "/ledger", "/ledger?run=r")
    rows: list[dict[str, Any]] = answer.json()["results"]
    assert [(r["source"], r["run"], r["received"], r["stored"], r["duplicate"], r["rejected"], r["balanced"]) for r in rows] == [
        ("binance", None, 7, 5, 1, 1, True),
        ("kraken", "r", 0, 2, 0, 0, False),
    ]
    assert [row["source"] for row in of_run.json()["results"]] == ["kraken"]


async def test_the_command_brings_back_an_object_and_overwrites_none(
    bucket: settings.S3, s3: Server, s3_bucket: str, tmp_path: Path
) -> None:
    keys = await filled(bucket)
    environment = {**inherited(), **s3.environment, "S3__BUCKET": s3_bucket, "TICKPLANT_HOME": str(tmp_path)}

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "services.cli", "archive", *arguments]
        return subprocess.run(line, env=environment, capture_output=True, text=True, check=False)

    before = command("head", keys[1]).stdout
    assert command("get", keys[1], "--to", str(tmp_path / "object")).returncode == 0
    refused = command("put", str(tmp_path / "object"), keys[1])
    assert (refused.returncode, "never overwritten" in refused.stderr) == (1, True)
    async with Store(bucket) as store:
        await store.delete(keys[1])
    assert command("get", keys[1]).returncode == 1
    assert command("put", str(tmp_path / "object"), keys[1]).returncode == 0
    assert command("head", keys[1]).stdout == before
    assert "3 objects, 30 records" in command("list", "c/").stdout
    assert json.dumps(before).count("sha256") == 1
