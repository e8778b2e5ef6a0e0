"""Flat rows as a table: money as decimal(38, 18), times as microseconds UTC, as the archive has them; Parquet or an Arrow stream.

Invariant: a value that such a column cannot hold is refused, never rounded and never null.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Literal, get_origin

import pyarrow as pa
import pyarrow.parquet as pq

from services.api import answers
from services.api.formats import Column
from services.api.problems import Problem
from shared.archive.columns import MONEY, TIME

Rows = Sequence[Mapping[str, Any]]
_SIMPLE = {str: pa.string(), int: pa.int64(), bool: pa.bool_()}


def parquet(rows: Rows, columns: Sequence[Column]) -> bytes:
    """A Parquet file with one row group."""
    sink = pa.BufferOutputStream()
    pq.write_table(_table(rows, columns), sink, compression="zstd")
    return _bytes(sink)


def arrow(rows: Rows, columns: Sequence[Column]) -> bytes:
    """An Arrow IPC stream."""
    sink, table = pa.BufferOutputStream(), _table(rows, columns)
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return _bytes(sink)


def kind_of(column: Column) -> pa.DataType:
    """The type of a column's values."""
    if column.hint == answers.Money:
        return MONEY
    if column.hint == answers.Time:
        return TIME
    return pa.string() if get_origin(column.hint) is Literal else _SIMPLE[column.hint]


def _table(rows: Rows, columns: Sequence[Column]) -> pa.Table:
    arrays = [_array(column, kind_of(column), [column.of(row) for row in rows]) for column in columns]
    return pa.Table.from_arrays(arrays, names=[column.name for column in columns])


def _array(column: Column, kind: pa.DataType, values: list[Any]) -> pa.Array:
    if kind == TIME:
        return pa.array(values, pa.string()).cast(TIME)
    if kind != MONEY:
        return pa.array(values, kind)
    texts = pa.array(
        [None if value is None else format(value, "f" if isinstance(value, Decimal) else "d") for value in values], pa.string()
    )
    try:
        return texts.cast(MONEY)
    except pa.ArrowInvalid as fault:
        most = f"the {MONEY.precision - MONEY.scale} digits before and {MONEY.scale} behind the point of a table's decimals"
        detail = f"a value of {column.name} has more than {most}; ask for JSON or CSV"
        raise Problem(HTTPStatus.NOT_ACCEPTABLE, detail) from fault


def _bytes(sink: pa.BufferOutputStream) -> bytes:
    held: bytes = sink.getvalue().to_pybytes()
    return held
