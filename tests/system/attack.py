"""Hostile input at every way in of a running stack: requests, files and addresses, and records of every topic.

Invariant: what is hostile is only ever sent; whether the stack took or refused it is not looked at here.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import httpx
import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from shared import runs
from shared.events import Run
from shared.settings import Kafka
from shared.topics import CHECKPOINTS, DEAD_LETTERS, RUNS, STATE, Topic
from tests.hostile import bodies, records, samples, values
from tests.hostile.records import Hostile, NoText

Placed = tuple[Topic, int, Hostile]
_REQUESTS: tuple[tuple[str, Callable[[str], object]], ...] = (
    ("prices", lambda path: runs.PricesRequest(path, "BTC-USDT")),
    ("frames", lambda path: runs.FramesRequest(path, "binance")),
    ("events", runs.EventsRequest),
    ("orders", lambda path: runs.OrdersRequest(path, path, path)),
)


class Attack:
    """One seed's hostile input against the api at `base` and the broker."""

    def __init__(self, base: str, kafka: Kafka, seed: int) -> None:
        self._base, self._kafka = base, kafka
        self._random = Random(seed)
        self._runs = self._letters = 0
        self.answers: dict[int, int] = {}

    def endpoints(self) -> list[str]:
        """Every path of the OpenAPI document that takes a POST."""
        paths = httpx.get(f"{self._base}/openapi.json", timeout=10).json()["paths"]
        return [path for path, methods in paths.items() if "post" in methods]

    def post(self, path: str, count: int) -> None:
        """So many hostile bodies to one endpoint; counts the answers by their status."""
        with httpx.Client(timeout=30) as client:
            for body, headers in bodies.bodies(self._random, path, count):
                self._send(client, path, body, headers)

    def address(self, number: int, more: Sequence[str] = ()) -> None:
        """POST /ingest of one of the hostile addresses."""
        known = (*bodies.ADDRESSES, *more)
        fields = dict.fromkeys(("orders_url", "trades_url", "nbbo_url"), known[number % len(known)])
        with httpx.Client(timeout=30) as client:
            self._send(client, "/ingest", json.dumps(fields).encode(), {})

    def _send(self, client: httpx.Client, path: str, body: bytes, headers: dict[str, str]) -> None:
        status = client.post(self._base + path, content=body, headers=headers).status_code
        self.answers[status] = self.answers.get(status, 0) + 1

    def asked(self, paths: Iterable[str | Path]) -> list[Placed]:
        """A run of each kind for each path, as the operator's command publishes it, as records."""
        return [self._asked(kind, msgspec.to_builtins(make(str(path)))) for path in paths for kind, make in _REQUESTS]

    def _asked(self, kind: str, request: dict[str, object]) -> Placed:
        self._runs += 1
        now = time.time_ns() // 1000
        run = Run(f"{kind}-20260105T143000-{self._runs:06x}", kind, "requested", "binance", now, now, request)  # type: ignore[arg-type]
        partition, key, value, headers = runs.record(run)
        return RUNS, partition, Hostile(key, value, tuple(headers), now // 1000)

    def raw(self, count: int) -> list[Placed]:
        """Hostile records of the raw topics."""
        now = int(time.time() * 1000)
        found = []
        for topic in samples.RAW.values():
            found += [(topic, self._random.randrange(topic.partitions), records.raw(self._random, topic, now)) for _ in range(count)]
            unnamed = Hostile(b"key", b"{}", ((NoText("name"), b"x"),), now)
            found.append((topic, self._random.randrange(topic.partitions), unnamed))
        return found

    def derived(self, count: int) -> list[Placed]:
        """Records of the derived and state topics that are no events: nobody has received them, so the ledger could not balance them."""
        now, random = int(time.time() * 1000), self._random
        found: list[Placed] = []
        for topic, events in samples.DERIVED.items():
            for _ in range(count):
                value = samples.encode(random.choice(events))
                broken = random.choice((value[: len(value) // 2], value + b"]", b"[" + value + b"]", values.blob(random, 300), b"\0", b""))
                found.append((topic, random.randrange(topic.partitions), Hostile(values.blob(random), broken, (), now)))
        for topic in STATE:
            found += [(topic, random.randrange(topic.partitions), records.derived(random, topic, now)) for _ in range(count)]
        for _ in range(count):
            self._letters += 1
            letter = records.derived(random, DEAD_LETTERS, now)
            origin = ("origin", b"fetcher/forged/%d" % self._letters)  # which is counted as received there
            headers = tuple(origin if name == "origin" else (name, value) for name, value in letter.headers)
            found.append((DEAD_LETTERS, random.randrange(DEAD_LETTERS.partitions), letter._replace(headers=headers)))
        return found

    def checkpoints(self, keys: Sequence[bytes]) -> list[Placed]:
        """Junk under the keys of the transformer's own checkpoints, in the partitions they are about."""
        now = int(time.time() * 1000)
        return [(CHECKPOINTS, n % CHECKPOINTS.partitions, Hostile(key, values.blob(self._random), (), now)) for n, key in enumerate(keys)]

    def publish(self, placed: Sequence[Placed]) -> int:
        """Sends the records one by one; what the broker refuses is left out. Returns how many it took."""
        return asyncio.run(self._publish(placed))

    async def _publish(self, placed: Sequence[Placed]) -> int:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._kafka.bootstrap_servers, acks=1, max_request_size=11 * 1024 * 1024, max_batch_size=1_000_000
        )
        await producer.start()
        try:
            sent = []
            for topic, partition, record in placed:
                name = self._kafka.topic_prefix + topic.name
                sent.append(await producer.send_batch(_batch(producer, record), name, partition=partition))
            return sum(not isinstance(outcome, BaseException) for outcome in await asyncio.gather(*sent, return_exceptions=True))
        finally:
            await producer.stop()


def _batch(producer: AIOKafkaProducer, record: Hostile) -> Any:
    """The record as a batch of its own; headers whose names are no text are written as other clients than Python's do."""
    batch = producer.create_batch()
    if any(isinstance(name, NoText) for name, _ in record.headers):
        batch._builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, 0, 1_000_000)
    batch.append(timestamp=record.timestamp, key=record.key, value=record.value, headers=list(record.headers))
    return batch


class _Answers(BaseHTTPRequestHandler):
    """A web server that one should not have asked; the path says how it answers."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answers."""
        self.wfile.write(_ANSWERS[self.path.strip("/").partition(".")[0]])
        self.close_connection = True

    do_HEAD = do_GET  # noqa: N815 the server's name

    def log_message(self, *_: object) -> None:
        """Keeps quiet."""


_OK = b"HTTP/1.1 200 OK\r\n"
_ANSWERS = {
    "bad-redirect": b"HTTP/1.1 302 Found\r\nLocation: http://[bad\r\nContent-Length: 0\r\n\r\n",
    "no-redirect": b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
    "loop": b"HTTP/1.1 302 Found\r\nLocation: /loop.csv\r\nContent-Length: 0\r\n\r\n",
    "file": b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
    "garbage": b"\0\xff\xfe no http at all",
    "empty": b"",
    "short": _OK + b"Content-Length: 1000\r\n\r\norder_id",
    "negative": _OK + b"Content-Length: -5\r\n\r\nx",
    "huge": _OK + b"Content-Length: 99999999999999999999\r\n\r\nx",
    "chunks": _OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n",
    "gzip": _OK + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
    "nul": b"HTTP/1.1 404 n\0t\r\nContent-Length: 5\r\n\r\nn\0\xff\xfeo",
    "gone": b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n",
    "headers": _OK + b"X: " + b"y" * 200_000 + b"\r\nContent-Length: 0\r\n\r\n",
}


@contextmanager
def web() -> Iterator[list[str]]:
    """Runs the web server; yields its addresses."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield [f"http://127.0.0.1:{server.server_port}/{name}.csv" for name in _ANSWERS]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
