"""HTTP over Postgres as FastAPI's users write it: `python -m bench.peers.web URL PORT`; asyncpg with 8 connections, uvicorn with uvloop.

/latest/X and /candles/X encode rows with msgspec, /json/X has Postgres make the JSON, /model/latest/X and /model/candles/X go through a
pydantic response model. Candles are the newest 100; rows have nine columns, in floats.
"""

import datetime as dt
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import msgspec
import uvicorn
from fastapi import FastAPI, Response
from pydantic import BaseModel

POOL = 8
TABLES = tuple(
    f"CREATE TABLE {name} (symbol text, start timestamptz, open float8, high float8, low float8, close float8, volume float8, vwap float8, "
    f"count bigint, PRIMARY KEY ({key}))"
    for name, key in (("peer_candles", "symbol, start"), ("peer_latest", "symbol"))
)
LATEST = "SELECT symbol, start, open, high, low, close, volume, vwap, count FROM peer_latest WHERE symbol = $1"
CANDLES = """
SELECT symbol, start, open, high, low, close, volume, vwap, count FROM peer_candles WHERE symbol = $1 ORDER BY start DESC LIMIT 100"""
JSON = """
SELECT json_agg(c)::text FROM (
    SELECT symbol, start, open, high, low, close, volume, vwap, count FROM peer_candles WHERE symbol = $1 ORDER BY start DESC LIMIT 100
) c"""


class Candle(BaseModel):
    """The response model."""

    symbol: str
    start: dt.datetime
    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float
    count: int


def application(url: str) -> FastAPI:
    """The five endpoints over one pool."""
    encode = msgspec.json.Encoder().encode
    pools: list[asyncpg.Pool[asyncpg.Record]] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(url, min_size=POOL, max_size=POOL) as pool:
            pools.append(pool)
            yield

    app = FastAPI(lifespan=lifespan)

    def answer(body: bytes | str) -> Response:
        return Response(body, media_type="application/json")

    @app.get("/latest/{symbol}")
    async def latest(symbol: str) -> Response:
        return answer(encode(dict(await pools[0].fetchrow(LATEST, symbol) or {})))

    @app.get("/candles/{symbol}")
    async def candles(symbol: str) -> Response:
        return answer(encode([dict(row) for row in await pools[0].fetch(CANDLES, symbol)]))

    @app.get("/json/{symbol}")
    async def in_postgres(symbol: str) -> Response:
        return answer(await pools[0].fetchval(JSON, symbol))

    @app.get("/model/latest/{symbol}", response_model=Candle)
    async def model_latest(symbol: str) -> Any:
        return dict(await pools[0].fetchrow(LATEST, symbol) or {})

    @app.get("/model/candles/{symbol}", response_model=list[Candle])
    async def model_candles(symbol: str) -> Any:
        return [Candle(**dict(row)) for row in await pools[0].fetch(CANDLES, symbol)]

    return app


if __name__ == "__main__":
    uvicorn.run(
        application(sys.argv[1]),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
