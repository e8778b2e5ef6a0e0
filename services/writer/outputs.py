"""Writes the files of finished runs: CSV and Parquet in a folder of the run's own, and the plain names that lead to the latest.

A run's files are written once its end is stored, by whichever writer finds them missing; a writer that dies leaves them to the next.
Where a bucket is set they are done once they are there too, as `outputs/<run_id>/…`.
"""

import asyncio
import csv
from collections.abc import Sequence
from contextlib import ExitStack
from decimal import ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from services.writer import tables
from services.writer.beside import keep, named
from services.writer.sinks.postgres import outputs
from services.writer.sinks.postgres.connection import Connection
from services.writer.sinks.postgres.pieces import piece
from services.writer.tables import Table
from shared.archive.store import Store
from shared.archive.views import Views, uri
from shared.settings import Settings
from shared.telemetry.logs import log
from shared.telemetry.probes import Health

KINDS = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
_MONEY = pa.decimal128(38, 18)
_PLACES, _ROUNDED = Decimal("1e-18"), Context(prec=60, rounding=ROUND_HALF_EVEN)
_LARGEST = Decimal("1e20")  # what has more digits before the point is null in Parquet; the CSV has it


class Outputs:
    """Runs beside the writer in every replica."""

    def __init__(self, settings: Settings, health: Health) -> None:
        self._database, self._folder, self._health = settings.database, settings.writer.output_folder, health
        self._s3, self._views = settings.s3, Views(settings.database.schema_name)

    async def run(self, stop: asyncio.Event) -> None:
        """Writes until `stop`; waits out what is unavailable."""
        await keep(self._database, self._health, "outputs", "files of runs", self._one, stop)

    async def _one(self, connection: Connection) -> bool:
        async with connection.transaction(isolation="repeatable_read"):
            run = await outputs.wanted(connection)
            if run is None:
                return False
            with piece(run):
                folder = self._folder / named(run)
                folder.mkdir(parents=True, exist_ok=True)
                fills = await self._write(connection, outputs.FILLS, tables.FILLS, run, folder)
                summary = await self._write(connection, outputs.SUMMARY, tables.SUMMARY, run, folder)
                paths = [str(self._folder / f"{table.name}.csv") for table in (tables.FILLS, tables.SUMMARY)]
                uris = await self._copied(run, folder) if self._s3.bucket else [None, None]
                await outputs.done(connection, run, (fills, summary), (paths[0], paths[1]), (uris[0], uris[1]))
        log().info("files of a run written", run_id=run, fills=fills, summary=summary)
        return True

    async def _copied(self, run: str, folder: Path) -> list[str | None]:
        """Puts the run's files into S3; the addresses of the CSVs."""
        uris: list[str | None] = []
        async with Store(self._s3) as store:
            for table in (tables.FILLS, tables.SUMMARY):
                for suffix, kind in KINDS.items():
                    name = f"{table.name}.{suffix}"
                    await store.upload(self._views.output(run, name), folder / name, kind)
                    self._health.beat("outputs")
                uris.append(uri(store.bucket, self._views.output(run, f"{table.name}.csv")))
        return uris

    async def _write(self, connection: Connection, sql: str, table: Table, run: str, folder: Path) -> int:
        """Both files of a table, under their names only once they are whole; returns how many rows they have."""
        count = 0
        with _Files(folder, table) as files:
            async for rows in outputs.read(connection, sql, run):
                self._health.beat("outputs")
                await asyncio.to_thread(files.add, [table.row(dict(row)) for row in rows])
                count += len(rows)
        for suffix in KINDS:
            name = f"{table.name}.{suffix}"
            (folder / f".{name}").replace(folder / name)
            _point(self._folder / name, Path(run) / name)
        return count


class _Files:
    """A table's CSV and Parquet, being written."""

    def __init__(self, folder: Path, table: Table) -> None:
        self._folder, self._table = folder, table
        self._schema = pa.schema([(name, _MONEY if name in table.numbers else pa.string()) for name in table.columns])
        self._stack = ExitStack()

    def __enter__(self) -> "_Files":
        text = self._stack.enter_context((self._folder / f".{self._table.name}.csv").open("w", newline="", encoding="utf-8"))
        self._csv = csv.writer(text, lineterminator="\n")
        self._csv.writerow(self._table.columns)
        path = self._folder / f".{self._table.name}.parquet"
        self._parquet = self._stack.enter_context(pq.ParquetWriter(path, self._schema, compression="zstd"))
        return self

    def add(self, rows: Sequence[tables.Values]) -> None:
        """More rows."""
        self._csv.writerows(rows)
        columns = [
            [_decimal(value) for value in column] if name in self._table.numbers else list(column)
            for name, column in zip(self._table.columns, zip(*rows, strict=True), strict=True)
        ]
        arrays = [pa.array(values, type=kind.type) for values, kind in zip(columns, self._schema, strict=True)]
        self._parquet.write_batch(pa.record_batch(arrays, schema=self._schema))

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()


def _decimal(value: str | None) -> Any:
    if value is None or (found := Decimal(value)).copy_abs() >= _LARGEST:
        return None
    return found.quantize(_PLACES, context=_ROUNDED)


def _point(name: Path, target: Path) -> None:
    """The plain name leads to the target, at once."""
    link = name.with_name(f".{name.name}.link")
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    link.replace(name)
