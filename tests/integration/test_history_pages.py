"""Pages asked of the simulated provider: its budget, its faults, its refusals; and where a successor goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import httpx
import msgspec
import pytest
from pydantic import SecretStr

from deploy.simulator.faults import Rule
from services.fetcher.history import spans
from services.fetcher.history.access import access
from services.fetcher.history.client import Client
from services.fetcher.history.pages import Pages
from services.fetcher.live.bucket import Bucket
from services.fetcher.protocol import Item
from shared.errors import FileFault, Unavailable
from shared.events import Bar, Run
from shared.providers import provider_of
from shared.providers.venue import Budget
from shared.records import Row, control_kind, header
from shared.runs import DailyRequest
from shared.settings import Keys, Polygon, Settings
from tests.fixtures.simulator import Rig, rig

SOURCE = "polygon-daily-sim"
RUN = Run("daily-1", "daily", "running", SOURCE, 1, 1)
WANTED = spans.daily(DailyRequest(["AAPL", "MSFT"], date(2024, 11, 25), date(2024, 12, 6)))  # 209 sessions each


class Asking:
    """Pages of the wanted spans from a simulator, as a run's attempt has them."""

    def __init__(self, base: str, *, run: Run = RUN, budget: Budget | None = None, page: int = 100) -> None:
        settings = Settings(keys=Keys(polygon=SecretStr("secret")), polygon=Polygon(base_url=base, simulated=True, page=page))
        self.stop = asyncio.Event()
        reached = access(SOURCE, settings)
        self.client = Client(SOURCE, reached, Bucket(budget or Budget(10_000, 60)), self.stop)
        self.pages = Pages(run, reached, WANTED, self.client)

    async def items(self, most: int = 1000) -> list[Item]:
        found: list[Item] = []
        async for batch in self.pages.batches():
            found += [item for item in batch if isinstance(item, tuple)]
            if len(found) >= most or not batch:
                break
        return found


@asynccontextmanager
async def provider(**settings: Any) -> AsyncIterator[tuple[Rig, str]]:
    async with rig(limits={"polygon": 10_000}, **settings) as r:
        yield r, f"{r.simulator.http}/polygon"


def bars(items: list[Item]) -> list[Bar]:
    return [bar for item in items for bar in provider_of(SOURCE).parse(item[2]) if isinstance(bar, Bar)]


async def asked(r: Rig) -> list[dict[str, Any]]:
    return await r.log(kind="request", venue="polygon")


async def test_pages_are_rows_untouched_keyed_and_numbered_and_hold_no_key() -> None:
    async with provider() as (r, base):
        asking = Asking(base)
        items = await asking.items()
        log = await asked(r)
    assert [item[1] for item in items] == [b"polygon-daily-sim|AAPL"] * 3 + [b"polygon-daily-sim|MSFT"] * 3
    assert [Row.parse(header(item[3], "run") or b"") for item in items] == [Row("daily-1", n, 0) for n in range(1, 7)]
    assert [len(bars([item])) for item in items] == [100, 100, 9, 100, 100, 9]
    assert asking.pages.partitions == {item[0] for item in items}
    assert len(log) == asking.client.requests == 6
    for item in items:
        told = dict(item[3])
        assert control_kind(item[3]) is None
        assert (told["http_status"], told["attempt"], told["ce_type"]) == (b"200", b"1", b"market.response")
        assert told["url"].startswith(base.encode())
        assert b"secret" not in b"".join(told.values())
    assert all("secret" not in str(line) for line in log)


@pytest.mark.parametrize("done", range(7))
async def test_a_successor_goes_on_behind_the_last_page_whichever_it_was(done: int) -> None:
    async with provider() as (r, base):
        first = Asking(base)
        before = await first.items(done) if done else []
        run = msgspec.structs.replace(RUN, sent=done, **(first.pages.progress() if done else {}))
        await first.client.close()
        second = Asking(base, run=msgspec.json.decode(msgspec.json.encode(run), type=Run))
        after = await second.items()
        log = await asked(r)
    assert len(before) + len(after) == len(log) == 6
    assert [(bar.symbol, bar.event_time) for bar in bars(before + after)] == sorted(
        {(bar.symbol, bar.event_time) for bar in bars(before + after)}
    )
    assert second.pages.progress()["result"] == {"requests": 6, "retries": 0}
    assert [Row.parse(header(item[3], "run") or b"") for item in after] == [Row("daily-1", n, 0) for n in range(done + 1, 7)]


async def test_what_passes_is_asked_again_and_counted() -> None:
    async with provider() as (r, base):
        r.break_with(
            Rule("status", venue="polygon", status=500, by="requests", after=1, count=2),
            Rule("garbage", venue="polygon", how="text", by="requests", after=4, count=1),
            Rule("refuse", venue="polygon", by="requests", after=6, count=1),
            Rule("slow", venue="polygon", delay_ms=50),
        )
        asking = Asking(base)
        items = await asking.items()
        log = await asked(r)
    assert [line["status"] for line in log] == [200, 500, 500, 200, 200, 200, 0, 200, 200, 200]
    assert asking.pages.progress()["result"] == {"requests": 10, "retries": 4}
    whole = [item for item in items if item[2].startswith(b"{")]
    assert (len(items), len(whole), len(bars(whole))) == (7, 6, 418)
    assert [dict(item[3])["attempt"] for item in items] == [b"1", b"3", b"1", b"2", b"2", b"1", b"1"]


async def test_retry_after_is_kept_to_the_second() -> None:
    async with provider() as (r, base):
        r.break_with(Rule("status", venue="polygon", status=429, retry_after=2, by="requests", after=1, count=1))
        await Asking(base).items(3)
        log = await asked(r)
    assert [line["status"] for line in log[:3]] == [200, 429, 200]
    assert 2_000_000 <= log[2]["at"] - log[1]["at"] < 4_000_000


async def test_a_provider_that_says_when_to_come_back_is_not_given_up() -> None:
    async with provider() as (r, base):
        r.break_with(Rule("status", venue="polygon", status=429, retry_after=1, by="requests", count=5))
        items = await Asking(base).items(1)
    assert dict(items[0][3])["attempt"] == b"6"


async def test_the_rate_stays_under_the_budget() -> None:
    async with provider() as (r, base):
        await Asking(base, budget=Budget(2, 0.5)).items()
        times = [line["at"] for line in await asked(r)]
    assert all(later - earlier >= 450_000 for earlier, later in zip(times, times[2:], strict=False))


async def test_a_provider_that_does_not_recover_is_unavailable() -> None:
    async with provider() as (r, base):
        r.break_with(Rule("status", venue="polygon", status=503))
        asking = Asking(base)
        with pytest.raises(Unavailable, match="it answers 503, 4 times"):
            await asking.items()
    assert asking.pages.progress()["result"] == {"requests": 4, "retries": 3}


@pytest.mark.parametrize(
    ("status", "message"), [(401, "refuses the key .401.: set POLYGON_API_KEY"), (403, "refuses the key"), (404, "answers 404")]
)
async def test_what_asking_again_cannot_help_is_a_fault(status: int, message: str) -> None:
    async with provider() as (r, base):
        r.break_with(Rule("status", venue="polygon", status=status))
        asking = Asking(base)
        with pytest.raises(FileFault, match=message) as fault:
            await asking.items()
    assert "secret" not in str(fault.value)
    assert asking.client.requests == 1


async def test_a_run_that_is_to_be_left_waits_for_nothing() -> None:
    async with provider() as (r, base):
        r.break_with(Rule("status", venue="polygon", status=429, retry_after=60))
        for budget in (None, Budget(1, 60)):
            asking = Asking(base, budget=budget)
            began = time.monotonic()
            asyncio.get_running_loop().call_later(0.5, asking.stop.set)
            await asking.items()
            assert time.monotonic() - began < 10


async def test_the_key_does_not_follow_a_next_url_to_another_host() -> None:
    """Another host is another port here: a server that would hear of the key."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        body = b'{"status":"OK","ticker":"AAPL","results":[],"next_url":"http://127.0.0.1:%d/v2/evil"}' % other
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(b"elsewhere")
        writer.close()

    elsewhere = await asyncio.start_server(redirect, "127.0.0.1", 0)
    other = elsewhere.sockets[0].getsockname()[1]
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with elsewhere, server:
        asking = Asking(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(FileFault, match="the next page is at another place"):
            await asking.items()
    assert len(heard) == 1
    assert b"authorization: bearer secret" in heard[0].lower()


@pytest.mark.parametrize(
    ("cursors", "times", "message"),
    [
        (lambda n: "same", lambda n: n, "is one that was asked for before"),
        (lambda n: f"c{n % 3}", lambda n: n, "is one that was asked for before"),
        (lambda n: f"c{n}", lambda n: 0, "bring nothing newer"),
        (lambda n: f"c{n}", lambda n: None, "bring nothing newer"),
        (lambda n: f"c{n}", lambda n: 40_000 + n, "bring nothing newer"),
    ],
    ids=["itself", "a circle", "the same bars", "no bars", "beyond the end"],
)
async def test_pages_without_an_end_fail_the_run(cursors: Callable[[int], str], times: Callable[[int], int | None], message: str) -> None:
    """`times` are days behind the first one asked for."""
    asked = 0

    async def endless(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        day = times(asked)
        bar = {"t": WANTED[0].start // 1000 + day * 86_400_000 if day is not None else 0, "o": 1, "h": 1, "l": 1, "c": 1, "v": 1}
        results = [] if day is None else [bar]
        following = f"http://provider.example/v2/x?cursor={cursors(asked)}"
        return httpx.Response(200, json={"status": "OK", "ticker": "AAPL", "results": results, "next_url": following})

    asking = Asking("http://provider.example")
    asking.client._http = httpx.AsyncClient(transport=httpx.MockTransport(endless))
    with pytest.raises(FileFault, match=message):
        await asking.items()
    assert asked < 12


async def test_a_redirect_is_not_followed() -> None:
    async def moved(request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"location": "http://elsewhere.example/"})

    asking = Asking("http://provider.example")
    asking.client._http = httpx.AsyncClient(transport=httpx.MockTransport(moved), follow_redirects=False)
    with pytest.raises(FileFault, match="answers 302"):
        await asking.items()
