"""The fields of one event: a JSON object, or a row of a CSV file behind its header line.

Values stay the JSON they came as, digit for digit.
"""

from functools import lru_cache
from typing import Any

import msgspec

from shared.csv_row import fields as cells
from shared.errors import Rejected
from shared.frames import FAULTS, rejected
from shared.storable import LINE

Fields = dict[str, msgspec.Raw]
_fields = msgspec.json.Decoder(Fields).decode
_whole = msgspec.json.Decoder(dict[str, Any]).decode
_string = msgspec.json.Decoder(str).decode
_ABSENT = msgspec.Raw(b"null")


def parse(payload: bytes) -> Fields:
    """The fields by name; raises `Rejected`."""
    if payload.lstrip()[:1] != b"{" and b"\n" in payload:
        return _row(payload)
    try:
        _whole(payload)  # which reads what `Raw` only skips
        return _fields(payload)
    except FAULTS as fault:
        raise rejected("event", fault) from None


def row(payload: bytes) -> bytes:
    """The event as it stands in its file: a CSV row without the header line that was put before it."""
    return payload if payload.lstrip()[:1] == b"{" else payload.partition(b"\n")[2] or payload


def text(fields: Fields, name: str) -> str | None:
    """A field as text without blanks around it; None if absent.

    Strings are what they say, numbers have their own digits, lists and objects say nothing. Raises `Rejected`.
    """
    value = bytes(fields.get(name, _ABSENT))
    if value[:1] == b'"':
        return _string(value).strip()
    if value == b"null":
        return None
    return "" if value[:1] in b"[{" else value.decode()


def header(line: str) -> list[str]:
    """The column names of a CSV file, trimmed and in lower case."""
    return [name.strip().lower() for name in cells(line)]


def _row(payload: bytes) -> Fields:
    try:
        first, _, line = payload.decode("utf-8").partition("\n")
    except UnicodeDecodeError as fault:
        raise Rejected("bad_encoding", f"byte {payload[fault.start]:#04x} at {fault.start} of the row is not UTF-8") from None
    if len(first) > LINE:
        raise Rejected("bad_row", f"the header {first[:120]!r}… has more than {LINE} characters")
    names, values = _names(first), cells(line)
    if len(names) != len(values):
        raise Rejected("bad_row", f"the row has {len(values)} fields, the header {len(names)}")
    return {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in zip(names, values, strict=True)}


@lru_cache(maxsize=64)
def _names(line: str) -> tuple[str, ...]:
    return tuple(header(line))
