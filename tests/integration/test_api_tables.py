"""GET /ticks and /candles as CSV, Parquet and Arrow: the rows of the JSON, digit by digit; the recipes of the documentation are run."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uvicorn

from services.api.formats import ARROW, CSV, PARQUET, columns
from services.api.routes import ENDPOINTS
from services.api.tables import kind_of
from shared.time import from_datetime, to_iso
from tests.architecture.sources import ROOT
from tests.fixtures.api import Client, parse, serving, store, trade

TICKS = [
    trade("00:00:01", "39432.480", "0.00000637", name="7"),
    trade("00:00:02.5", "39550.00", "0.000000000000000001", name="8", side="sell", late=True),
    trade("00:00:59.999999", "999999999999999999.999999999999999999", "2", name="9", side=None, source="coinbase"),
    trade("00:02:00", "2", name="10"),
]


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with ISO times, as JSON has it."""
    return {name: to_iso(from_datetime(value)) if hasattr(value, "tzinfo") else value for name, value in row.items()}


def flat(row: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    """A row of JSON with the columns of a table."""
    inner = {f"{name}_{key}": value for name in ("first", "last") if isinstance(row.get(name), dict) for key, value in row[name].items()}
    return {name: {**row, **inner}.get(name) for name in names}


def text(value: Any) -> str:
    """A value as CSV has it."""
    return (
        "" if value is None else str(value).lower() if isinstance(value, bool) else format(value, "f" if isinstance(value, Decimal) else "")
    )


READ: dict[str, Any] = {
    PARQUET: lambda body: pq.read_table(io.BytesIO(body)),
    ARROW: lambda body: pa.ipc.open_stream(body).read_all(),
}


async def paged(api: Client, path: str, accept: str) -> list[httpx.Response]:
    found: list[httpx.Response] = []
    url: str | None = path
    while url:
        found.append(await api.http.get(url, headers={"Accept": accept}))
        assert found[-1].headers["content-type"].partition(";")[0] == accept, found[-1].text
        assert found[-1].headers["vary"] == "Accept"
        url = found[-1].links.get("next", {}).get("url")
    return found


@pytest.mark.parametrize(
    "path", ["/ticks?symbol=BTC-USDT&limit=3", "/candles?symbol=BTC-USDT&limit=2", "/candles?symbol=BTC-USDT&interval=2m"]
)
async def test_every_format_has_the_rows_of_the_json(database_url: str, path: str) -> None:
    await store(database_url, TICKS)
    async with serving(database_url) as api:
        wanted = [row for page in await api.pages(path) for row in page]
        for accept, read in READ.items():
            tables = [read(response.content) for response in await paged(api, path, accept)]
            table = pa.concat_tables(tables)
            assert [plain(row) for row in table.to_pylist()] == [flat(row, table.column_names) for row in wanted]
            types = {field.name: str(field.type) for field in table.schema}
            assert {types[name] for name in types if name in ("price", "size", "open", "vwap", "volume")} == {"decimal128(38, 18)"}
            assert {types[name] for name in types if name in ("event_time", "start", "last_event_time")} == {"timestamp[us, tz=UTC]"}
            assert pl.from_arrow(table).equals(pl.read_parquet(table_file(table)))  # type: ignore[arg-type]
        lines = [line for response in await paged(api, path, CSV) for line in csv.DictReader(io.StringIO(response.text))]
        assert lines == [{name: text(value) for name, value in flat(row, list(lines[0])).items()} for row in wanted]


def table_file(table: pa.Table) -> io.BytesIO:
    file = io.BytesIO()
    pq.write_table(table, file)
    return io.BytesIO(file.getvalue())


async def test_json_where_nothing_else_is_preferred_and_no_rows_are_a_table_too(database_url: str) -> None:
    async with serving(database_url) as api:
        for accept in ("*/*", "application/*;q=0.5, text/html", f"{PARQUET};q=0.5, application/json", "image/png"):
            answer = await api.http.get("/ticks?symbol=BTC-USDT", headers={"Accept": accept})
            assert parse(answer.text) == {"results": [], "next_url": None}, accept
        (empty,) = await paged(api, "/candles?symbol=BTC-USDT", PARQUET)
    table = pq.read_table(io.BytesIO(empty.content))
    assert (table.num_rows, str(table.schema.field("close").type)) == (0, "decimal128(38, 18)")


async def test_a_value_that_does_not_fit_is_refused_not_rounded(database_url: str) -> None:
    tiny = "0.000000000000000001"
    await store(database_url, [trade("00:00:01", tiny, "0.1", name="1")])
    async with serving(database_url) as api:
        answer = await api.http.get("/candles?symbol=BTC-USDT", headers={"Accept": ARROW})
        whole = await api.get("/candles", symbol="BTC-USDT")
    assert (answer.status_code, answer.headers["content-type"]) == (406, "application/problem+json")
    assert answer.json()["detail"].startswith("a value of quote_volume has more than the 20 digits before and 18 behind the point")
    assert whole["results"][0]["quote_volume"] == Decimal(tiny) / 10


def test_every_column_of_an_endpoint_with_tables_has_a_type() -> None:
    tables = [endpoint.row for endpoint in ENDPOINTS if endpoint.formats]
    assert len(tables) >= 3
    for row in tables:
        assert [kind_of(column) for column in columns(row)]


def recipes() -> list[str]:
    """The Python of the documentation's section, block by block."""
    section = (ROOT / "docs" / "api.md").read_text().partition("## Tables")[2].partition("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


async def test_the_recipes_of_the_documentation_run(database_url: str) -> None:
    await store(database_url, [trade(n * 1_000_000 + 1_610_064_000_000_000, "1.5", "2", name=str(n)) for n in range(8)])
    polars, pandas = recipes()
    polars = polars.replace("limit=5000", "limit=3")
    async with serving(database_url) as api:
        server = uvicorn.Server(uvicorn.Config(api.http._transport.app, port=0, log_level="error"))  # type: ignore[attr-defined]
        serve = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 it is a flag
            await asyncio.sleep(0.01)
        address = "http://{}:{}".format(*server.servers[0].sockets[0].getsockname())
        names: dict[str, Any] = {}
        try:
            code = [polars.replace("http://localhost:8000", address), *([pandas] if installed("pandas") else [])]
            await asyncio.to_thread(exec, "\n".join(code), names)
        finally:
            server.should_exit = True
            await serve
    assert names["ticks"].height == 8
    assert names["vwap"].rows() == [("binance", Decimal("1.5"))]
    if installed("pandas"):
        assert names["closes"]["binance"].tolist() == [Decimal("1.5")]


def installed(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None
