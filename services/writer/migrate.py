"""Applies the numbered SQL files in order, each once, under an advisory lock, so that replicas may start together.

A file is one transaction, unless it is one statement that commits by itself and may be run again after an interruption.
"""

from pathlib import Path

import asyncpg

from services.writer.sinks.postgres.connection import Connection, limits, quiet

FOLDER = Path(__file__).parent / "migrations"
LOCK_TIMEOUT = "30s"  # for a table that somebody else holds
_LOCK = 7_241_110_001
_BY_ITSELF = "-- Commits by itself."
_APPLIED = "INSERT INTO migrations (name) VALUES ($1)"


async def migrate(url: str, schema: str = "public") -> list[str]:
    """Brings the schema up to date; returns the names applied. Raises `Unavailable`."""
    applied: list[str] = []
    with quiet():
        connection = await asyncpg.connect(url, timeout=10, server_settings=limits())
        try:
            await connection.execute(
                "SET statement_timeout = 0; SET lock_timeout = 0"
            )  # a replica may be migrating, for as long as that takes
            await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
            await connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
            await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
            await connection.execute(f'SET search_path TO "{schema}"')
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
            )
            known = {row["name"] for row in await connection.fetch("SELECT name FROM migrations")}
            for file in sorted(FOLDER.glob("*.sql")):
                if file.stem not in known:
                    await _apply(connection, file.stem, file.read_text())
                    applied.append(file.stem)
        finally:
            await connection.close()
    return applied


async def _apply(connection: Connection, name: str, sql: str) -> None:
    if sql.startswith(_BY_ITSELF):
        await connection.execute(sql)
        await connection.execute(_APPLIED, name)
        return
    async with connection.transaction():
        await connection.execute(sql)
        await connection.execute(_APPLIED, name)
