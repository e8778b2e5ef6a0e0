"""Hostile input of a run: its run fails and says why, the fetcher goes on, the next run is carried out.

Invariant: after each case a good file is ingested by the same fetcher.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import resource
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.fetcher.runner import MOST_ATTEMPTS
from shared import runs as shared_runs
from shared.events import Run
from shared.settings import Kafka
from tests.fixtures import runs

GOOD = b"time,price,size\n1610064000278,5,1\n"
LOCAL = {"allowed_hosts": ["localhost", "127.0.0.1", "0177.0.0.1", "[bad"], "allow_private_addresses": True}
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def orders(path: str, *, number: int = 1) -> Run:
    return runs.requested("orders", shared_runs.OrdersRequest(orders=path), number=number)


def events(path: str, *, number: int = 1) -> Run:
    return runs.requested("events", shared_runs.EventsRequest(path), number=number)


def frames(path: str, *, number: int = 1) -> Run:
    return runs.requested("frames", shared_runs.FramesRequest(path, "binance"), number=number)


async def failed(kafka: Kafka, folder: Path, run: Run, **fetcher: Any) -> Run:
    """The run's end; then a good file goes through the same fetcher."""
    (folder / "good.csv").write_bytes(GOOD)
    good = runs.prices(folder / "good.csv", number=99)
    await runs.ask(kafka, run)
    async with runs.fetching(kafka, folder, **{**LOCAL, **fetcher}):
        last = await runs.ended(kafka, run.run_id)
        await runs.ask(kafka, good)
        assert (await runs.ended(kafka, good.run_id)).status == "published"
    assert last.status == "failed"
    return last


@asynccontextmanager
async def answering(serve: Serve) -> AsyncIterator[str]:
    """A server that answers every connection in its own way."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await serve(reader, writer)
        except ConnectionError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(once, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def redirect(location: str) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()

    return serve


ADDRESSES = {
    "http://[::1": "Invalid IPv6 URL",
    "http://localhost:abc/": "Port could not be cast",
    "http://0177.0.0.1/": "Invalid IPv4 address",
    "http://[v1.a]/": "",
    "http://localhost:99999/": "",
    "http://localhost\x00/": "",
    "http://" + "a" * 300 + "/": "is no host that the fetcher may ask",
    "s3://bucket": "is no address of an object",
    "/srv/a\x00b": "cannot open /srv/a",
    "/srv/" + "a" * 5000: "File name too long",
    "/dev/zero": "outside the folders",
}


@pytest.mark.parametrize("kind", [runs.prices, orders, events, frames], ids=lambda kind: kind.__name__)
async def test_an_address_that_is_none_fails_its_run(kind: Callable[..., Run], kafka_settings: Kafka, tmp_path: Path) -> None:
    asked = {address: kind(address, number=n) for n, address in enumerate(ADDRESSES)}
    await runs.ask(kafka_settings, *asked.values())
    async with runs.fetching(kafka_settings, tmp_path, **LOCAL):
        for address, message in ADDRESSES.items():
            last = await runs.ended(kafka_settings, asked[address].run_id)
            assert last.status == "failed"
            assert message in last.message, (address, last.message)
            assert "\x00" not in last.message
            assert "unexpected" not in last.message


@pytest.mark.parametrize("location", ["http://[bad", "http://localhost:abc/", "http://0177.0.0.1/", "//[", "ftp://x/"])
async def test_a_redirect_to_no_address_fails_its_run(location: str, kafka_settings: Kafka, tmp_path: Path) -> None:
    async with answering(redirect(location)) as base:
        last = await failed(kafka_settings, tmp_path, orders(f"{base}/x"))
    assert last.message.startswith("orders: ")
    assert "unexpected" not in last.message


@contextmanager
def small_disk(most: int) -> Iterator[None]:
    """No file of this process grows beyond `most` bytes: a write fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_fails_the_download_and_nothing_else(
    kafka_settings: Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"1" * 3_000_000)
        await writer.drain()

    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    async with answering(large) as base:
        with small_disk(1_000_000):
            last = await failed(kafka_settings, tmp_path, runs.prices(f"{base}/x"))
    assert last.message == f"cannot keep {base}/x on this disk: File too large"
    assert list(scratch.iterdir()) == []


async def test_an_input_that_raises_anything_ends_its_run_with_the_reason(kafka_settings: Kafka, tmp_path: Path) -> None:
    """The last day of the calendar has no day behind it: not one of the faults that are thought of."""
    request = {"tickers": ["AAPL"], "start": "9999-12-31", "end": "9999-12-31"}
    run = runs.requested("daily", request, source="polygon-daily")
    last = await failed(kafka_settings, tmp_path, run)
    assert last.message.startswith("unexpected OverflowError: "), last.message


async def test_a_record_of_a_run_whose_result_is_none_ends_the_run(kafka_settings: Kafka, tmp_path: Path) -> None:
    request = {"tickers": ["AAPL"], "start": "2024-12-02", "end": "2024-12-02"}
    run = runs.requested("daily", request, source="polygon-daily")
    last = await failed(kafka_settings, tmp_path, msgspec.structs.replace(run, result={"requests": "many"}))
    assert last.message.startswith("the request cannot be read: ")


async def test_an_attempt_is_on_record_before_its_input_is_opened(kafka_settings: Kafka, tmp_path: Path) -> None:
    asked, goes_on = asyncio.Event(), asyncio.Event()

    async def waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await goes_on.wait()
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with answering(waits) as base:
        run = runs.prices(f"{base}/x")
        await runs.ask(kafka_settings, run)
        async with runs.fetching(kafka_settings, tmp_path, **LOCAL):
            await asyncio.wait_for(asked.wait(), runs.PATIENCE)
            newest = (await runs.states(kafka_settings, run.run_id))[-1]
            assert (newest.status, newest.attempts) == ("running", 1)
            goes_on.set()
            assert "404" in (await runs.ended(kafka_settings, run.run_id)).message


async def test_a_run_whose_attempts_all_ended_with_their_process_is_given_up(kafka_settings: Kafka, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(GOOD)
    run = runs.prices(tmp_path / "x.csv")
    begun = Run(run.run_id, run.run_kind, "running", run.source, 1, 1, run.request, attempts=MOST_ATTEMPTS)
    last = await failed(kafka_settings, tmp_path, begun)
    assert last.message == f"given up after {MOST_ATTEMPTS} attempts"


def wide(path: Path) -> None:
    path.write_bytes(GOOD.decode().encode("utf-16-le"))


def bomb(path: Path) -> None:
    path.write_bytes(gzip.compress(GOOD + b"\n" * 3_000_000))


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pipe": (os.mkfifo, "is not a regular file"),
    "a folder": (Path.mkdir, "is not a regular file"),
    "a gzip that unpacks to more than is allowed": (bomb, "unpacks to more than FETCHER__MAX_FILE_BYTES"),
    "wide characters without a mark": (wide, "the file is UTF-16 or UTF-32"),
    "half a gzip": (lambda path: path.write_bytes(gzip.compress(GOOD)[:20]), "the gzip stream is truncated"),
    "nothing in two gzip members": (lambda path: path.write_bytes(gzip.compress(b"") * 2), "the file is empty"),
    "garbage behind a gzip": (lambda path: path.write_bytes(gzip.compress(GOOD) + b"x" * 40), "the gzip stream is corrupt"),
}


@pytest.mark.parametrize("kind", [runs.prices, orders, events], ids=lambda kind: kind.__name__)
async def test_a_file_that_cannot_be_read_fails_its_run(kind: Callable[..., Run], kafka_settings: Kafka, tmp_path: Path) -> None:
    asked = {}
    for n, (name, (make, _)) in enumerate(FILES.items()):
        make(tmp_path / f"{n}.csv")
        asked[name] = kind(str(tmp_path / f"{n}.csv"), number=n)
    await runs.ask(kafka_settings, *asked.values())
    async with runs.fetching(kafka_settings, tmp_path, max_file_bytes=1_000_000):
        for name, (_, message) in FILES.items():
            last = await runs.ended(kafka_settings, asked[name].run_id)
            assert last.status == "failed", name
            assert message in last.message or "header" in last.message, (name, last.message)


async def test_a_file_that_shrinks_while_it_is_read_fails_its_run(kafka_settings: Kafka, tmp_path: Path) -> None:
    path = tmp_path / "shrinks.csv"
    path.write_bytes(GOOD + b"1610064000279,5,1\n" * 3_000_000)
    run = runs.prices(path)
    await runs.ask(kafka_settings, run)
    async with runs.fetching(kafka_settings, tmp_path, in_flight=1000):
        await runs.until(kafka_settings, run.run_id, lambda run: run.sent > 0)
        os.truncate(path, 1000)
        last = await runs.ended(kafka_settings, run.run_id)
    assert last.status == "failed"
    assert "the file changed while it was read" in last.message
