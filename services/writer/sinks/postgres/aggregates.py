"""An aggregate's tables: partials merged where the events are stored, windows refolded, closed by the live stream and by the ends of runs.

Whoever adds an aggregate says its columns, their merge in SQL and its rows (`Table`); the statements are the same for all. Its migration
makes three tables: the aggregate's with `live` and `is_closed`, the one of unfinished runs, and the one of live closings.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any

import asyncpg
import msgspec

from services.writer.sinks.postgres.connection import Connection
from shared.time import from_datetime, to_datetime

Key = tuple[Any, ...]  # the window's start last
_encode = msgspec.json.Encoder(decimal_format="string").encode


@dataclass(frozen=True)
class Table:
    """`key` and `values` map columns to types, `merge` each value to its SQL over the stored row `a` and `excluded`; `start` comes last.

    `row` gives a partial's values, `read` a partial of a row; arrays go in as text.
    """

    name: str
    runs: str
    closings: str
    key: Mapping[str, str]
    values: Mapping[str, str]
    merge: Mapping[str, str]
    row: Callable[[Any], Sequence[Any]]
    read: Callable[[asyncpg.Record], Any]
    identity: Callable[[Any], Key]
    partial: type[msgspec.Struct]

    @cached_property
    def merged(self) -> str:
        """INSERT partials, merging them into what is stored."""
        return f"{self._insert} {', '.join(f'{name} = {sql}' for name, sql in self.merge.items())}, live = coalesce(a.live, excluded.live)"

    @cached_property
    def refolded(self) -> str:
        """INSERT partials in the place of what is stored; what closes the window is left alone."""
        return f"{self._insert} {', '.join(f'{name} = excluded.{name}' for name in self.values)}, live = coalesce(a.live, excluded.live)"

    @cached_property
    def added(self) -> str:
        """INSERT partials where nothing is stored."""
        return self._insert.removesuffix("UPDATE SET") + "NOTHING"

    @cached_property
    def _insert(self) -> str:
        types = {**self.key, **self.values, "live": "text"}
        columns = ", ".join(types)
        given = ", ".join(f"${n}::{'text' if kind.endswith('[]') else kind}[]" for n, kind in enumerate(types.values(), 1))
        taken = ", ".join(f"u.{name}::{kind}" for name, kind in types.items())
        return (
            f"INSERT INTO {self.name} AS a ({columns}) SELECT {taken} FROM unnest({given}) AS u ({columns}) "
            f"ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET"
        )

    def keys(self, first: int = 1) -> str:
        """The keys given as one array a column, as rows `k`."""
        given = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(self.key.values(), first))
        return f"unnest({given}) AS k ({', '.join(self.key)})"

    def of(self, table: str) -> str:
        """The key's columns of a table, as a row."""
        return f"({', '.join(f'{table}.{name}' for name in self.key)})"

    def columns(self, keys: Iterable[Key]) -> list[list[Any]]:
        """The keys, sorted, as `keys` takes them."""
        ordered = sorted(keys)
        return [[(to_datetime(key[n]) if n + 1 == len(self.key) else key[n]) for key in ordered] for n in range(len(self.key))]


async def merge(connection: Connection, table: Table, partials: Iterable[Any], live: set[Key]) -> set[Key]:
    """Merges partials of distinct new events, sorted by key; `live` are those a live event touched on time.

    Returns those of `live` that the stream had given up before: it does not publish what is new in them.
    """
    return await _put(connection, table, table.merged, partials, live)


async def refold(connection: Connection, table: Table, keys: Iterable[Key], folded: Mapping[Key, Any], live: set[Key]) -> None:
    """Replaces the values of windows in which an event was replaced; one that has lost its last event goes."""
    if emptied := [key for key in keys if key not in folded]:
        sql = f"DELETE FROM {table.name} a USING {table.keys()} WHERE {table.of('a')} = {table.of('k')}"
        await connection.execute(sql, *table.columns(emptied))
    if folded:
        await _put(connection, table, table.refolded, folded.values(), live)


async def lock(connection: Connection, table: Table, keys: Iterable[Key], partials: Iterable[Any] = ()) -> None:
    """Waits for other transactions that change the windows: what is read of them, or of their events, afterwards misses nothing.

    Call it before the events of windows are read to be refolded; `partials` of windows that may not be stored yet take their place.
    """
    if given := list(partials):
        await _put(connection, table, table.added, given, set())
    order = ", ".join(f"a.{name}" for name in table.key)
    sql = f"SELECT FROM {table.name} a JOIN {table.keys()} ON {table.of('a')} = {table.of('k')} ORDER BY {order} FOR UPDATE OF a"
    await connection.execute(sql, *table.columns(keys))


async def _put(connection: Connection, table: Table, sql: str, partials: Iterable[Any], live: set[Key]) -> set[Key]:
    rows: list[tuple[Any, ...]] = []
    for key, partial in sorted(((table.identity(partial), partial) for partial in partials), key=itemgetter(0)):
        rows.append((*key[:-1], to_datetime(key[-1]), *table.row(partial), "open" if key in live else None))
    names, returned = ", ".join(table.key), ", ".join(f"a.{name}" for name in table.key)
    ended = f"WITH put AS ({sql} RETURNING {returned}, a.live) SELECT {names} FROM put WHERE live = 'closed'"
    found = await connection.fetch(ended, *(list(column) for column in zip(*rows, strict=True)))
    return {(*row[:-1], from_datetime(row[-1])) for row in map(tuple, found)} & live


async def hold(connection: Connection, table: Table, run: str, keys: Iterable[Key]) -> None:
    """An unfinished run has touched these windows."""
    names = ", ".join(table.key)
    sql = f"INSERT INTO {table.runs} (run, {names}) SELECT $1, k.* FROM {table.keys(2)} ORDER BY k.* ON CONFLICT DO NOTHING"
    await connection.execute(sql, run, *table.columns(keys))


async def release(connection: Connection, table: Table, run: str, most: int) -> list[Key]:
    """Some of the windows that a run, which has ended, no longer holds open; all of them when they are fewer than `most`."""
    some = f"SELECT ctid FROM {table.runs} WHERE run = $1 LIMIT $2"
    sql = f"DELETE FROM {table.runs} WHERE ctid = ANY(ARRAY({some})) RETURNING {', '.join(table.key)}"
    rows = await connection.fetch(sql, run, most)
    return [(*row[:-1], from_datetime(row[-1])) for row in map(tuple, rows)]


async def reclose(connection: Connection, table: Table, keys: Iterable[Key]) -> None:
    """Settles whether the windows are closed: no live one on them is open, and no unfinished run has touched them."""
    sql = (
        f"UPDATE {table.name} a SET is_closed = NOT a.is_closed FROM {table.keys()} WHERE {table.of('a')} = {table.of('k')} "
        f"AND a.is_closed = (a.live IS NOT DISTINCT FROM 'open' "
        f"OR EXISTS (SELECT FROM {table.runs} r WHERE {table.of('r')} = {table.of('a')}))"
    )
    await connection.execute(sql, *table.columns(keys))


async def read(connection: Connection, table: Table, keys: Iterable[Key]) -> list[Any]:
    """The stored partials, in key order, marked as the store's own."""
    order = ", ".join(f"a.{name}" for name in table.key)
    sql = f"SELECT a.* FROM {table.name} a JOIN {table.keys()} ON {table.of('a')} = {table.of('k')} ORDER BY {order}"
    return [table.read(found) for found in await connection.fetch(sql, *table.columns(keys))]


async def wait(connection: Connection, table: Table, cluster: str, closings: Iterable[tuple[Any, int]]) -> None:
    """Keeps the ends of live windows, each with the partition of its events, until the events up to its last origin are stored."""
    place = ("epoch", "raw_offset", "raw_index")
    columns = ("cluster", *table.key, "partition", "raw_partition", *place, "partial")
    newer = f"({', '.join(f'excluded.{name}' for name in place)}) >= ({', '.join(f'c.{name}' for name in place)})"
    sql = (
        f"INSERT INTO {table.closings} AS c ({', '.join(columns)}) VALUES ({', '.join(f'${n}' for n in range(1, len(columns) + 1))}) "
        f"ON CONFLICT (cluster, {', '.join(table.key)}) DO UPDATE SET "
        f"{', '.join(f'{name} = excluded.{name}' for name in columns[1 + len(table.key) :])} WHERE {newer}"
    )
    rows: list[tuple[Any, ...]] = []
    for event, partition in closings:
        at, key = event.last_origin, table.identity(event)
        value = _encode(event).decode() if isinstance(event, table.partial) else None
        rows.append((cluster, *key[:-1], to_datetime(key[-1]), partition, at.partition, at.epoch, at.offset, at.index, value))
    await connection.executemany(sql, sorted(rows, key=itemgetter(*range(1, 1 + len(table.key)))))


async def due(connection: Connection, table: Table, cluster: str, topic: str, partitions: Sequence[int]) -> dict[Key, Any | None]:
    """Takes the closings whose events are stored; None for windows that the stream gave up."""
    sql = (
        f"DELETE FROM {table.closings} c USING marks m WHERE c.cluster = $1 AND c.partition = ANY($2) AND m.cluster = c.cluster "
        f"AND m.topic = $3 AND m.partition = c.partition AND m.raw_partition = c.raw_partition "
        f"AND (m.epoch, m.raw_offset, m.raw_index) >= (c.epoch, c.raw_offset, c.raw_index) "
        f"RETURNING {', '.join(f'c.{name}' for name in table.key)}, c.partial"
    )
    found: dict[Key, Any | None] = {}
    for *names, start, value in await connection.fetch(sql, cluster, partitions, topic):
        found[*names, from_datetime(start)] = msgspec.json.decode(value, type=table.partial) if value is not None else None
    return found


async def close_live(connection: Connection, table: Table, keys: Iterable[Key]) -> None:
    """The live windows have ended."""
    sql = f"UPDATE {table.name} a SET live = 'closed' FROM {table.keys()} WHERE {table.of('a')} = {table.of('k')}"
    await connection.execute(sql, *table.columns(keys))
