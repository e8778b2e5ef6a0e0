"""A store under hostile records: one sink on a real database for all examples; what a log of derived records leaves in it.

Invariant: `write` takes a batch as the writer does; whatever the records, it returns with every position at its log's end or raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from services.writer.batch import Place
from services.writer.halving import Halving
from services.writer.sinks.postgres import PostgresSink, proofs
from services.writer.sinks.postgres.connection import connect
from shared.records import Record
from shared.settings import Settings

Log = Mapping[Place, Sequence[Record]]
_POSITIONS = "SELECT topic, partition, next_offset FROM offsets"
_SINCE = datetime(1, 1, 1, tzinfo=UTC)


class Store:
    """A sink and a session of its own to look at what it stored."""

    def __init__(self, configured: Settings) -> None:
        self._settings = configured
        self._runner = asyncio.Runner()
        self._sink = PostgresSink(configured)

    def __enter__(self) -> Store:
        self._runner.run(self._open())
        return self

    def __exit__(self, *fault: object) -> None:
        self._runner.run(self._sink.close())
        self._runner.run(self._session.close())
        self._runner.close()

    async def _open(self) -> None:
        database = self._settings.database
        self._session = await connect(database.url.get_secret_value(), database.schema_name)

    def positions(self) -> dict[Place, int]:
        """The stored positions, where what is written next begins."""
        return {(str(topic), int(str(number))): int(str(at)) for topic, number, at in self.rows(_POSITIONS)}

    def write(self, log: Log) -> None:
        """Stores everything in the log, which begins at the stored positions."""
        self._runner.run(self._write(log))

    async def _write(self, log: Log) -> None:
        await self._sink.connect()
        self._sink.forget(log)
        await self._sink.positions({place: (records[0].offset, records[-1].offset + 1) for place, records in log.items()})
        assert await Halving(self._sink, 10_000).store(log, lambda: True)

    def rows(self, sql: str, *arguments: object) -> list[tuple[object, ...]]:
        """The rows of one statement."""
        return [tuple(row) for row in self._runner.run(self._session.fetch(sql, *arguments))]

    def behind(self, log: Log) -> dict[Place, tuple[int, int]]:
        """The partitions whose stored position is not the end of the log: position and end."""
        stored = self.positions()
        ends = {place: records[-1].offset + 1 for place, records in log.items()}
        return {place: (stored.get(place, -1), end) for place, end in ends.items() if stored.get(place) != end}

    def unbalanced(self, names: Collection[str]) -> dict[str, list[tuple[str, str]]]:
        """The proofs of these names that do not balance."""
        return self._runner.run(self._unbalanced(names))

    async def _unbalanced(self, names: Collection[str]) -> dict[str, list[tuple[str, str]]]:
        async with proofs.snapshot(self._session):
            found = {proof.name: await proofs.faults(self._session, proof, _SINCE, 60) for proof in proofs.PROOFS if proof.name in names}
        return {name: wrong for name, wrong in found.items() if wrong}
