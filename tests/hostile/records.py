"""Hostile records: of raw topics, control records among them, of derived and state topics, and dead letters; and good ones."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import NamedTuple

import msgspec

from shared.events import Closed, Connection, Heartbeat, Marker, Origin, Trade
from shared.records import TAPE_PAGE, Row, cloud_event
from shared.time import SECOND
from shared.topics import CHECKPOINTS, DEAD_LETTERS, MARKET_RAW, OPS_RAW, SKIPS, TRADING_RAW, Topic
from tests.hostile import mutations, samples, values

Headers = tuple[tuple[str, bytes], ...]
_CONTROLS = ("heartbeat", "closed", "connection", "marker", "nonsense", "")


class Hostile(NamedTuple):
    """A record that is not in a log yet; `timestamp` in milliseconds."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int


class NoText(str):
    """The name of a header, which is written as bytes that are not UTF-8."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """The bytes."""
        return b"\xff\xfe" + super().encode(encoding, errors)


def raw(random: Random, topic: Topic, now_ms: int) -> Hostile:
    """A hostile record of a raw topic, one in eight a control record."""
    at = values.stamp(random, now_ms)
    if not random.randrange(8):
        return _control(random, topic, at)
    key: bytes | None
    key, value, headers = _DATA[topic.name](random)
    if not random.randrange(12):
        key = random.choice((None, b"", values.blob(random), b"binance|" + values.text(random), values.text(random)))
    if not random.randrange(12):
        headers = _headers(random)
    return Hostile(key, random.choice((None, b"")) if not random.randrange(30) else value, headers, at)


def derived(random: Random, topic: Topic, now_ms: int) -> Hostile:
    """A hostile record of a derived or state topic: a valid event with mutations, or a dead letter of anything."""
    at = values.stamp(random, now_ms)
    if topic is DEAD_LETTERS:
        return _letter(random, at)
    if topic is CHECKPOINTS:
        return Hostile(b"transformer|market.raw.v1|3", mutations.mutated(random, samples.CHECKPOINT), (), at)
    if topic is SKIPS:
        return Hostile(b"market.raw.v1|3|1000000000000", mutations.mutated(random, samples.SKIP), (), at)
    event = random.choice(samples.DERIVED[topic])
    value = mutations.mutated(random, samples.encode(event))
    key = values.text(random) if not random.randrange(6) else b"key"
    return Hostile(key, None if not random.randrange(30) else value, () if random.randrange(12) else _headers(random), at)


def _market(random: Random) -> tuple[bytes, bytes, Headers]:
    way = random.randrange(8)
    if way < 5:
        key, payload = random.choice(samples.MARKET)
        payload = mutations.mutated(random, payload)
        if way == 4:
            return key, b"%d.%06d: " % (samples.AT // SECOND, random.randrange(10**6)) + payload, _row("frames-1", random)
        return key, payload, ()
    if way < 7:
        return b"file|BTC-USDT", mutations.row(random, random.choice(samples.PRICES)), _row("prices-1", random)
    key, payload = random.choice(samples.PAGES)
    return key, mutations.mutated(random, payload), (("ce_type", TAPE_PAGE),)


def _trading(random: Random) -> tuple[bytes, bytes, Headers]:
    payload = mutations.row(random, random.choice(samples.TRADING))
    return b"AAPL", payload, _row("orders-1", random) if random.randrange(2) else ()


def _events(random: Random) -> tuple[bytes, bytes, Headers]:
    payload = random.choice(samples.EVENTS)
    payload = mutations.row(random, payload) if b"\n" in payload else mutations.mutated(random, payload)
    return b"checkout", payload, _row("events-1", random) if not random.randrange(3) else ()


_DATA = {MARKET_RAW.name: _market, TRADING_RAW.name: _trading, OPS_RAW.name: _events}


def _row(run: str, random: Random) -> Headers:
    return (Row(run, random.randrange(1, 100), 0).header(),)


def _headers(random: Random) -> Headers:
    names = ("run", "ce_type", "origin", "error_reason", "error_source", "received_at", "attempts", "traceparent", "x\0y", "é" * 300, "")
    return tuple((random.choice(names), values.text(random)) for _ in range(random.randrange(1, 4)))


def _control(random: Random, topic: Topic, at: int) -> Hostile:
    kind = random.choice(_CONTROLS)
    epoch = random.choice(values.INTEGERS)
    source = random.choice(("binance", "push", "other"))
    event: object = Heartbeat(source, epoch)
    if kind == "closed":
        event = Closed(source, epoch)
    elif kind == "connection":
        event = Connection(source, epoch, random.choice(("connected", "disconnected", "gap")), "why")
    elif kind == "marker":
        event = Marker("prices-1", topic.name, [0, 3], random.choice(("finished", "aborted")), source, 7, "m")
    value = msgspec.json.encode(event) if _fits(epoch) else b'{"source":"%b","epoch":%d}' % (source.encode(), epoch)
    headers = cloud_event(kind, source=source, subject=source, event_id="1", time_us=samples.AT)
    return Hostile(source.encode(), mutations.mutated(random, value) if random.randrange(2) else value, tuple(headers), at)


def _fits(number: int) -> bool:
    return -(2**63) <= number < 2**64


def _letter(random: Random, at: int) -> Hostile:
    origin = b"market.raw.v1/1/3/%d/0" % random.randrange(1000)
    headers = [
        ("error_reason", b"malformed"),
        ("error_message", b"a message"),
        ("error_source", b"binance"),
        ("received_at", b"2026-01-05T14:30:00Z"),
        ("origin", origin),
        ("attempts", b"1"),
        ("run", b"prices-1:3:0"),
    ]
    for _ in range(random.randrange(1, 4)):
        at_header = random.randrange(len(headers))
        headers[at_header] = (headers[at_header][0], values.text(random))
    return Hostile(values.blob(random), values.blob(random, 2_000), tuple(headers), at)


def good(topic: Topic, number: int, at_ms: int) -> Hostile:
    """A good live record of a raw topic; its id, order or event is named after `number`."""
    if topic is MARKET_RAW:
        frame = {"e": "trade", "E": at_ms, "s": "GOODUSDT", "t": number, "p": "100.5", "q": "0.5", "T": at_ms, "m": True}
        return Hostile(b"binance|GOODUSDT", msgspec.json.encode(frame), (), at_ms)
    if topic is OPS_RAW:
        event = {
            "event_id": f"good-{number}",
            "service": "good",
            "event_type": "request",
            "timestamp": at_ms,
            "latency_ms": 5,
            "status_code": 200,
        }
        return Hostile(b"good", msgspec.json.encode(event), (), at_ms)
    header, _, _ = samples.TRADING[0].partition(b"\n")
    return Hostile(b"GOOD", header + b"\ngood-%d,GOOD,buy,10,1.5,2026-01-05T14:30:00.000000Z,XNAS" % number, (), at_ms)


def good_tick(number: int, partition: int, offset: int) -> Trade:
    """A good event of market.ticks.v1, from a raw partition."""
    origin = Origin(1, partition, offset)
    price, size = Decimal("100.5"), Decimal("0.5")
    return Trade("GOOD-USDT", "GOODUSDT", samples.AT, price, size, "sell", str(number), number, "binance", samples.AT, origin)
