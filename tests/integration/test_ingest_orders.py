"""POST /ingest: the sample files as a user sends them, twice, and what is wrong with files and addresses."""

from __future__ import annotations

import asyncio
import csv
import gzip
import shutil
import threading
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from deploy.simulator import orderflow
from shared.archive.store import Store
from shared.settings import Kafka
from tests.architecture.sources import ROOT
from tests.fixtures import archive, desk, execution
from tests.fixtures.servers import Server
from tests.system.services import Services

SAMPLES = {name: ROOT / "data" / f"{name}_sample.csv" for name in ("orders", "trades", "nbbo")}


@pytest.fixture
def services(kafka_settings: Kafka, database_url: str, tmp_path: Path, s3: Server, s3_bucket: str) -> Iterator[Services]:
    (tmp_path / "data").mkdir()
    for path in SAMPLES.values():
        shutil.copy(path, tmp_path / "data")
    with desk.running(
        kafka_settings,
        database_url,
        tmp_path,
        FETCHER__ALLOWED_FOLDERS=str(tmp_path / "data"),
        FETCHER__ALLOWED_HOSTS="localhost",
        FETCHER__ALLOW_PRIVATE_ADDRESSES="true",
        FETCHER__ALLOWED_BUCKETS=s3_bucket,
        **{**s3.environment, "S3__BUCKET": s3_bucket},
    ) as found:
        yield found


def post(services: Services, paths: dict[str, Any], **headers: str) -> httpx.Response:
    body = {f"{name}_url": str(path) for name, path in paths.items()}
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(f"http://127.0.0.1:{services.api_port}/ingest", json=body, headers=sent, timeout=40)


def rows(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_sample_files_come_to_files_that_agree_with_polars_and_a_second_time_are_the_same(services: Services, tmp_path: Path) -> None:
    wanted = execution.summaries(*([path] for path in SAMPLES.values()))
    paths = {name: tmp_path / "data" / path.name for name, path in SAMPLES.items()}
    response = post(services, paths)
    assert response.status_code == 200, response.text + services.logs()
    answer = response.json()
    assert answer["status"] == "ok"
    found = rows(answer["output_files"]["summary"])
    assert {row["order_id"] for row in found} == set(wanted)
    for row in found:
        order = wanted[row["order_id"]]
        numbers = {name: Decimal(row[name]) if row[name] else None for name in order if name != "order_id"}
        assert numbers == {name: value for name, value in order.items() if name != "order_id"}
    fills = rows(answer["output_files"]["fills"])
    counted = execution.priced([SAMPLES["trades"]], [SAMPLES["nbbo"]])
    assert answer["rows"] == {"fills": len(fills), "summary": len(found)} == {"fills": len(counted), "summary": len(wanted)}
    parquet = pl.read_parquet(answer["output_files"]["fills"].replace(".csv", ".parquet"))
    assert parquet["pi_dollars"].sum() == sum(map(execution.improvement, counted))
    again = post(services, paths, idempotency_key="one").json()
    assert again["rows"] == answer["rows"]
    assert again["run_id"] != answer["run_id"]
    assert rows(again["output_files"]["fills"]) == fills
    assert post(services, paths, idempotency_key="one").json() == again
    other = post(services, {**paths, "nbbo": paths["orders"]}, idempotency_key="one")
    assert other.status_code == 409
    run = httpx.get(f"http://127.0.0.1:{services.api_port}/runs/{again['run_id']}").json()
    assert (run["stored"], run["duplicate"], run["rejected"]) == (0, run["received"], 0)


def faults(tmp_path: Path) -> dict[str, tuple[dict[str, Any], str]]:
    """What is wrong with one of the files, and what is said of it."""
    data = tmp_path / "data"
    good = {name: data / path.name for name, path in SAMPLES.items()}
    (data / "headerless.csv").write_text("".join(good["orders"].read_text().splitlines(keepends=True)[1:]))
    (data / "cut.csv.gz").write_bytes(gzip.compress(good["nbbo"].read_bytes())[:-2000])
    (data / "empty.csv").write_bytes(b"")
    (tmp_path / "outside.csv").write_bytes(good["orders"].read_bytes())
    (data / "link.csv").symlink_to(tmp_path / "outside.csv")
    return {
        "missing header": ({**good, "orders": data / "headerless.csv"}, "orders: line 1: 'O-0000001,"),
        "wrong header": ({**good, "nbbo": good["trades"]}, "it looks like a file of trades"),
        "truncated gzip": ({**good, "nbbo": data / "cut.csv.gz"}, "the gzip stream is truncated"),
        "empty": ({**good, "trades": data / "empty.csv"}, "trades: the file is empty"),
        "not there": ({**good, "trades": data / "none.csv"}, "No such file or directory"),
        "outside": ({**good, "orders": tmp_path / "outside.csv"}, "is outside the folders the fetcher may read"),
        "outside by a link": ({**good, "orders": data / "link.csv"}, "is outside the folders the fetcher may read"),
        "unreachable": ({**good, "orders": "http://localhost:9/orders.csv"}, "orders: cannot fetch http://localhost:9/orders.csv"),
        "another host": ({**good, "orders": "https://example.com/orders.csv"}, "example.com is no host that the fetcher may ask"),
        "another scheme": ({**good, "orders": "ftp://localhost/orders.csv"}, "No such file or directory"),
    }


def test_what_is_wrong_with_a_file_fails_the_run_with_its_reason(services: Services, tmp_path: Path) -> None:
    for what, (paths, said) in faults(tmp_path).items():
        response = post(services, paths)
        assert response.status_code == 422, f"{what}: {response.text}"
        assert said in response.json()["detail"], what


async def put(s3: Server, bucket: str, key: str, body: bytes) -> None:
    async with Store(archive.settings(s3.environment, bucket)) as store:
        await store.put(key, body)


async def get(s3: Server, bucket: str, key: str) -> bytes:
    async with Store(archive.settings(s3.environment, bucket)) as store:
        return await store.get(key)


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder; `/away` leads to another host."""

    def do_GET(self) -> None:
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "http://elsewhere.test/orders.csv")
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the base class's name
        """Silence."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    found = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path / "data")))
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield f"http://localhost:{found.server_address[1]}"
    found.shutdown()


def test_files_are_fetched_from_allowed_hosts_and_buckets_and_no_redirect_leads_elsewhere(
    services: Services, server: str, s3: Server, s3_bucket: str
) -> None:
    asyncio.run(put(s3, s3_bucket, "in/nbbo.csv", SAMPLES["nbbo"].read_bytes()))
    urls = {name: f"{server}/{path.name}" for name, path in SAMPLES.items()} | {"nbbo": f"s3://{s3_bucket}/in/nbbo.csv"}
    answer = post(services, urls)
    assert answer.status_code == 200, answer.text
    run_id, files = answer.json()["run_id"], answer.json()["output_files"]
    for name, plain in (("fills", "fills_normalized"), ("summary", "order_summary")):
        assert files[f"{name}_uri"] == f"s3://{s3_bucket}/outputs/{run_id}/{plain}.csv"
        for local in (Path(files[name]), Path(files[name]).with_suffix(".parquet")):
            assert asyncio.run(get(s3, s3_bucket, f"outputs/{run_id}/{local.name}")) == local.read_bytes()
    known = httpx.get(f"http://127.0.0.1:{services.api_port}/runs/{run_id}").json()["output_files"]
    assert known.items() >= files.items()
    gone = post(services, {**urls, "nbbo": f"s3://{s3_bucket}/in/none.csv"})
    assert gone.json()["detail"].endswith(f"failed: nbbo: cannot fetch s3://{s3_bucket}/in/none.csv: there is no such object")
    away = post(services, {**urls, "orders": f"{server}/away"})
    assert (away.status_code, "elsewhere.test is no host that the fetcher may ask" in away.json()["detail"]) == (422, True)
    missing = post(services, {**urls, "orders": f"{server}/none.csv"})
    assert "it answers 404" in missing.json()["detail"]
    services.stop("fetcher")
    services.configure(FETCHER__ALLOW_PRIVATE_ADDRESSES="false")
    services.start("fetcher")
    refused = post(services, urls)
    assert (refused.status_code, "an internal address" in refused.json()["detail"]) == (422, True)


def test_the_simulated_exchange_serves_a_day_of_orders_that_can_be_ingested_by_address(services: Services, tmp_path: Path) -> None:
    services.start("simulator")
    services.wait_ready("simulator")
    day = f"http://localhost:{services.ports['simulator']}/orderflow"
    answer = post(services, {name: f"{day}/{name}.csv?orders=30&seed=5" for name in SAMPLES})
    assert answer.status_code == 200, answer.text
    paths = orderflow.write(tmp_path, orderflow.generate(5, 30))
    wanted = execution.summaries(*([path] for path in paths.values()))
    assert desk.summaries(services, wanted) == wanted
    assert httpx.get(f"{day}/fills.csv").status_code == 404
    assert [httpx.get(f"{day}/nbbo.csv?orders={count}").status_code for count in ("none", "0")] == [422, 422]
