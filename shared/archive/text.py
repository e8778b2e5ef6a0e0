"""Archived records as lines of CSV, from which each comes back byte for byte. Pure.

    topic,partition,offset,timestamp,key,key_as,value,value_as,headers
    market.raw.v1,3,17,1610064000278,binance|BTCUSDT,text,"{""e"":""trade"",…}",text,"[[""run"",""prices-…:2:0""]]"

`timestamp` is in Unix ms. `key_as` and `value_as` say how the bytes are spelled: `text` (UTF-8), `base64` (what is no UTF-8, or holds a
carriage return or a NUL, which readers of CSV treat each in its own way) or `null` (there are none: a tombstone's value). `headers` is a
JSON array of [name, value]; a value that is not spelled as text is {"base64": "…"}.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

from shared.records import Record, Stored

COLUMNS = ("topic", "partition", "offset", "timestamp", "key", "key_as", "value", "value_as", "headers")
NONE = "[]"  # most records have no headers


def row(topic: str, record: Record) -> list[str]:
    """The cells of a record of that topic."""
    headers = [[name, _spelled(value)] for name, value in record.headers]
    told = json.dumps(headers, ensure_ascii=False, separators=(",", ":")) if headers else NONE
    place = topic, str(record.partition), str(record.offset), str(record.timestamp)
    return [*place, *_cells(record.key), *_cells(record.value), told]


def read(cells: Mapping[str, str]) -> tuple[str, Stored]:
    """The topic and the record of cells by their columns; raises `ValueError` for what `row` never made."""
    partition, offset, timestamp = (_number(name, cells[name]) for name in ("partition", "offset", "timestamp"))
    key, value = _bytes("key", cells), _bytes("value", cells)
    return cells["topic"], Stored(partition, offset, timestamp, key, value, _headers(cells["headers"]))


def _cells(data: bytes | None) -> tuple[str, str]:
    if data is None:
        return "", "null"
    text = _text(data)
    return (base64.b64encode(data).decode(), "base64") if text is None else (text, "text")


def _text(data: bytes) -> str | None:
    try:
        return None if b"\r" in data or b"\0" in data else data.decode()
    except UnicodeDecodeError:
        return None


def _spelled(data: bytes | None) -> Any:
    cell, how = _cells(data)
    return {"text": cell, "null": None}.get(how, {"base64": cell})


def _number(name: str, cell: str) -> int:
    digits = cell.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 18):
        raise ValueError(f"{name} {cell[:40]!r} is no whole number")
    return int(cell)


def _bytes(name: str, cells: Mapping[str, str]) -> bytes | None:
    cell, how = cells[name], cells[f"{name}_as"]
    if how == "text":
        return cell.encode()
    if how == "base64":
        return _decoded(name, cell)
    if how != "null" or cell:
        raise ValueError(f"{name}_as {how[:40]!r} is none of text, base64, and null of an empty cell")
    return None


def _decoded(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"{name} {text[:40]!r} is not base64") from None


def _headers(cell: str) -> Sequence[tuple[str, bytes]]:
    if cell == NONE:
        return ()
    try:
        found = json.loads(cell)
        return tuple((_name(name), _value(value)) for name, value in found)
    except (ValueError, TypeError, RecursionError) as fault:
        raise ValueError(f"headers {cell[:80]!r} is no JSON array of [name, value]: {fault}") from None


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError("a name is a string")
    return name


def _value(value: Any) -> Any:
    """Kafka knows headers without a value, which their type here does not tell."""
    match value:
        case None:
            return None
        case str():
            return value.encode()
        case {"base64": str(text), **rest} if not rest:
            return _decoded("a header", text)
    raise TypeError('a value is a string, null or {"base64": …}')
