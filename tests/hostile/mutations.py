"""Mutations of valid payloads: bytes flipped, JSON values replaced, removed, doubled, nested, and CSV fields likewise."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from tests.hostile import values

# A JSON value behind a colon, a comma or a bracket; text inside strings that looks like one is fair game too.
_VALUE = re.compile(rb'(?<=[:,\[])\s*("(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null)(?!\s*:)')
_FIELD = re.compile(rb'"[A-Za-z_0-9]{1,40}"\s*:\s*("(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null),?')
_OBJECT = re.compile(rb"\{[^{}]*\}")


def mutated(random: Random, payload: bytes) -> bytes:
    """The payload with one to three mutations; one in ten is any bytes instead."""
    if not random.randrange(10):
        return values.blob(random, 200)
    for _ in range(random.randrange(1, 4)):
        payload = random.choice(_WAYS)(random, payload)
    return payload


def row(random: Random, payload: bytes) -> bytes:
    """A CSV payload with some of its fields replaced, removed or doubled."""
    head, _, line = payload.rpartition(b"\n")
    fields = line.split(b",")
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(fields))
        way = random.randrange(6)
        if way < 4:
            fields[at] = values.text(random)
        elif way == 4:
            fields.insert(at, fields[at])
        elif len(fields) > 1:
            del fields[at]
    changed = head + b"\n" + b",".join(fields)
    return changed if random.randrange(6) else mutated(random, changed)


def _replaced(random: Random, payload: bytes) -> bytes:
    return _at(random, payload, _VALUE, lambda found: values.token(random))


def _removed(random: Random, payload: bytes) -> bytes:
    return _at(random, payload, _FIELD, lambda found: b"", group=0)


def _doubled(random: Random, payload: bytes) -> bytes:
    return _at(random, payload, _FIELD, lambda found: found.rstrip(b",") + b"," + found, group=0)


def _nested(random: Random, payload: bytes) -> bytes:
    depth = random.choice((1, 30, 2_000))
    return _at(random, payload, _VALUE, lambda found: b"[" * depth + found + b"]" * depth)


def _repeated(random: Random, payload: bytes) -> bytes:
    times = random.choice((2, 3, 40))
    return _at(random, payload, _OBJECT, lambda found: b",".join([found] * times), group=0)


def _spoiled(random: Random, payload: bytes) -> bytes:
    """A few bytes changed, inserted or removed; or the payload cut, or written twice."""
    way = random.randrange(8)
    if way == 7:
        return payload + payload
    if way == 6:
        return payload[: random.randrange(len(payload) + 1)]
    at = random.randrange(len(payload) + 1)
    return payload[:at] + values.blob(random, 3) + payload[at + random.randrange(3) :]


def _at(random: Random, payload: bytes, pattern: re.Pattern[bytes], change: Callable[[bytes], bytes], group: int = 1) -> bytes:
    spans = [found.span(group) for found in pattern.finditer(payload)]
    if not spans:
        return _spoiled(random, payload)
    start, end = random.choice(spans)
    return payload[:start] + change(payload[start:end]) + payload[end:]


_WAYS = (_replaced, _replaced, _replaced, _replaced, _removed, _doubled, _nested, _repeated, _spoiled)
