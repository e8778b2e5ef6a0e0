"""The columns of an archived record, the same in every tier; silver and gold add the fields of their events, typed. Pure.

Key, value, headers and timestamp are the record's own, so any topic can be replayed from its objects byte for byte. Money is
decimal(38, 18): a number that does not fit it is null there and whole in `value`.
"""

import typing
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from types import UnionType
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from shared import events
from shared.frames import FAULTS
from shared.records import Record
from shared.topics import Topic

MONEY = pa.decimal128(38, 18)
TIME = pa.timestamp("us", tz="UTC")
HEADERS = pa.list_(pa.struct([("name", pa.string()), ("value", pa.binary())]))
RECORD = pa.schema(
    [
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("timestamp", pa.timestamp("ms", tz="UTC"), nullable=False),
        pa.field("key", pa.binary()),
        pa.field("value", pa.binary()),
        pa.field("headers", HEADERS, nullable=False),
    ]
)
TIMES = frozenset({"event_time", "received_at", "start", "quote_time", "action_time"})
_SIMPLE = {str: pa.string(), int: pa.int64(), bool: pa.bool_(), Decimal: MONEY}
_JSON = {MONEY: pa.string(), TIME: pa.int64()}


@cache
def fields(topic: Topic) -> pa.Schema:
    """The typed fields of the topic's events, in the order of their structs; none in bronze."""
    found: dict[str, pa.DataType] = {}
    if topic.tier == "bronze":
        return pa.schema([])
    for name in topic.value.split(", "):
        struct: Any = getattr(events, name)
        tag = struct.__struct_config__.tag_field
        hints = typing.get_type_hints(struct)
        for field in [tag, *struct.__struct_fields__]:
            kind = pa.string() if field == tag else _kind(field, hints[field])
            if kind is not None and field not in RECORD.names:
                found.setdefault(field, kind)
    return pa.schema(list(found.items()))


def _kind(name: str, hint: Any) -> pa.DataType | None:
    """The type of a field; None for what only `value` has."""
    options = [option for option in typing.get_args(hint) if option is not type(None)]
    if typing.get_origin(hint) in (typing.Union, UnionType):
        return _kind(name, options[0])
    if typing.get_origin(hint) is typing.Literal:
        return pa.string()
    if name in TIMES and hint is int:
        return TIME
    if hint is events.Origin:
        return pa.list_(pa.int64())
    if name == "latencies":
        return pa.list_(pa.list_(pa.int64()))
    return _SIMPLE.get(hint)


@cache
def schema(topic: Topic) -> pa.Schema:
    """All columns of the topic's objects."""
    return pa.schema([*RECORD, *fields(topic)])


def batch(topic: Topic, records: Sequence[Record]) -> pa.RecordBatch:
    """Records of one partition, in offset order, as rows of their topic's objects."""
    values = [record.value for record in records]
    arrays = [
        pa.array([record.partition for record in records], pa.int32()),
        pa.array([record.offset for record in records], pa.int64()),
        pa.array([record.timestamp for record in records], pa.int64()).cast(RECORD.field("timestamp").type),
        pa.array([record.key for record in records], pa.binary()),
        pa.array(values, pa.binary()),
        _headers(records),
    ]
    return pa.RecordBatch.from_arrays(arrays + _typed(topic, values), schema=schema(topic))


def _headers(records: Sequence[Record]) -> pa.Array:
    names: list[str] = []
    values: list[bytes] = []
    ends = [0] * (len(records) + 1)
    if any(record.headers for record in records):
        for number, record in enumerate(records, 1):
            for name, value in record.headers:
                names.append(name)
                values.append(value)
            ends[number] = len(names)
    inner = pa.StructArray.from_arrays([pa.array(names, pa.string()), pa.array(values, pa.binary())], fields=list(HEADERS.value_type))
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), inner, type=HEADERS)


def _typed(topic: Topic, values: Sequence[bytes | None]) -> list[pa.Array]:
    wanted = fields(topic)
    if not len(wanted):
        return []
    read = pa.schema([(field.name, _JSON.get(field.type, field.type)) for field in wanted])
    data = b"\n".join(value or b"{}" for value in values) + b"\n"
    parse = pj.ParseOptions(explicit_schema=read, unexpected_field_behavior="ignore")
    try:
        table = pj.read_json(pa.py_buffer(data), pj.ReadOptions(use_threads=False, block_size=len(data) + 1), parse)
    except pa.ArrowInvalid:
        table = _one_by_one(read, values)
    if table.num_rows != len(values):
        table = _one_by_one(read, values)
    return [_cast(table.column(field.name).combine_chunks(), field.type) for field in wanted]


def _one_by_one(read: pa.Schema, values: Sequence[bytes | None]) -> pa.Table:
    """What is no JSON of these fields is null in all of them."""
    rows: list[dict[str, Any]] = []
    for value in values:
        try:
            row = msgspec.json.decode(value or b"{}")
            pa.Table.from_pylist([row], schema=read)
        except (*FAULTS, pa.ArrowException, TypeError, AttributeError, OverflowError):
            row = {}
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=read)


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if kind == pa.bool_():
        return pc.fill_null(column, False)  # the default of every flag, left out on the wire
    if kind != MONEY:
        return column.cast(kind)
    try:
        return column.cast(MONEY)
    except pa.ArrowInvalid:
        return pa.array([_fitting(value) for value in column.to_pylist()], MONEY)


def _fitting(value: str | None) -> Decimal | None:
    if value is None:
        return None
    try:
        fits: Decimal = pa.scalar(Decimal(value), MONEY).as_py()
    except (pa.ArrowInvalid, ArithmeticError):
        return None
    return fits
