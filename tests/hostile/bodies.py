"""Hostile bodies for every POST endpoint: valid ones with mutations, alone, in arrays and many at once, and what is no JSON at all."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from random import Random

from tests.hostile import mutations, samples, values

Headers = dict[str, str]
VALID: dict[str, tuple[bytes, ...]] = {
    "/ticks": tuple(payload for key, payload in samples.MARKET if key.startswith(b"push")),
    "/events": samples.EVENTS[:2],
    "/orders": ((b'{"order_id":"O1","symbol":"AAPL","side":"buy","quantity":10,"limit_price":"1.5","timestamp":"2026-01-05T14:30:00Z",'
                b'"destination":"XNAS","action":"new"}'),),
    "/trades": ((b'{"trade_id":"T1","order_id":"O1","symbol":"AAPL","side":"buy","exec_quantity":5,"exec_price":1.5,'
                b'"exec_timestamp":"2026-01-05T14:30:01Z","destination":"XNAS"}'),),
    "/quotes": (b'{"symbol":"AAPL","bid":1.49,"ask":"1.51","timestamp":"2026-01-05T14:30:00Z"}',),
    "/ingest": (b'{"orders_url":"/no/such/orders.csv","trades_url":"/no/such.csv","nbbo_url":"/no/such/nbbo.csv","timezone":"UTC"}',),
}  # fmt: skip
# Addresses and paths that a client library may choke on; the same in each of a request's three fields.
ADDRESSES = (
    "http://[::1",
    "http://[bad",
    "http://[v1.a]/x.csv",
    "http://localhost:abc/x.csv",
    "http://localhost:99999/x.csv",
    "http://0177.0.0.1/x.csv",
    "http://2130706433/x.csv",
    "http://127.0.0.1:9/x.csv",
    "http://user:pass@localhost/x.csv",
    "http://xn--/x.csv",
    "http://" + "a" * 300 + ".example/x.csv",
    "http://exa mple/x.csv",
    "http://例え.テスト/x.csv",
    "https://",
    "http:///x.csv",
    "HTTP://LOCALHOST:1/x",
    "ftp://localhost/x.csv",
    "file:///etc/passwd",
    "s3://",
    "s3://bucket",
    "s3://no-such-bucket/../x",
    "s3://" + "b" * 200 + "/x",
    "/dev/zero",
    "/dev/stdin",
    "/proc/self/mem",
    "/",
    "../../../etc/passwd",
    "a" * 2_000,
    "/var/" + "d/" * 900 + "x",
    "\udcff",
    "x\0y",
)
_NO_JSON = (
    b"",
    b" ",
    b"null",
    b"[]",
    b"[null]",
    b"{}",
    b"{}{}",
    b"true",
    b'"x"',
    b"\xef\xbb\xbf{}",
    '{"symbol":"BTC-USD"}'.encode("utf-16"),
    b"\0" * 5_000,
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"[" + b"{}," * 2_000 + b"{}]",
    b'{"a":"' + b"x" * 1_200_000 + b'"}',
    gzip.compress(b"[]"),
    b"a=b&c=d",
)


def bodies(random: Random, path: str, count: int) -> Iterator[tuple[bytes, Headers]]:
    """So many bodies for the endpoint, each with its headers."""
    for number in range(count):
        headers = {"content-type": random.choice(("application/json", "text/plain", "application/json; charset=utf-16", ""))}
        if not random.randrange(8):
            headers["idempotency-key"] = values.blob(random).hex()
        if not random.randrange(8):
            headers["content-encoding"] = random.choice(("gzip", "br", "identity"))
        if number < len(_NO_JSON):
            yield _NO_JSON[number], headers
            continue
        found = [mutations.mutated(random, random.choice(VALID.get(path, (b"{}",)))) for _ in range(random.choice((1, 1, 1, 2, 30)))]
        yield found[0] if len(found) == 1 else b"[" + b",".join(found) + b"]", headers


def good(number: int, at_ms: int) -> dict[str, bytes]:
    """One good body of each endpoint that takes facts, named after `number`."""
    at = b"%d" % at_ms
    return {
        "/ticks": b'{"symbol":"GOOD-USD","time":%b,"price":"100.5","size":"0.5","side":"buy","id":"good-%d"}' % (at, number),
        "/events": b'{"event_id":"good-%d","service":"good","event_type":"request","timestamp":%b,"latency_ms":5,"status_code":200}'
        % (number, at),
        "/orders": b'{"order_id":"good-%d","symbol":"GOOD","side":"buy","quantity":10,"limit_price":"1.5",'
        b'"timestamp":"2026-01-05T14:30:00Z","destination":"XNAS"}' % number,
    }
