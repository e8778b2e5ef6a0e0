"""One WebSocket kept open: subscribe, receive, reconnect with growing, jittered pauses; a silent connection is a dead one."""

import asyncio
from collections.abc import Callable

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from services.fetcher.live.lane import Lane
from shared.backoff import delay
from shared.errors import Rejected
from shared.providers import LOGINS, PROVIDERS, STREAMING
from shared.providers.venue import Login
from shared.settings import Source
from shared.telemetry import metrics
from shared.telemetry.logs import log
from shared.topics import RAW_LIMIT

OPEN_SECONDS = 10.0
PING_SECONDS = 15.0
SILENCE_SECONDS = 60.0
GOOD_SECONDS = 30.0  # a connection that lived this long starts the pauses anew


class _Connect(connect):
    """Follows no redirect: the key goes only where the settings say."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """The answer is a fault."""
        return exc


async def run(source: Source, lane: Lane, key: str) -> None:
    """Keeps the source's connection until cancelled; `key` is for a venue that wants one."""
    streaming = STREAMING[source.provider]
    opening = streaming.stream(source.base_url or streaming.WEBSOCKET, source.symbols, source.channels)
    native_symbol = PROVIDERS[source.provider].native_symbol
    attempt, loop = 0, asyncio.get_running_loop()
    while True:
        started = loop.time()
        try:
            async with _Connect(
                opening.url,
                max_size=RAW_LIMIT,
                open_timeout=OPEN_SECONDS,
                ping_interval=PING_SECONDS,
                ping_timeout=PING_SECONDS,
                compression=None,
            ) as socket:
                if source.provider in LOGINS:
                    await _login(socket, LOGINS[source.provider], key)
                for frame in opening.frames:
                    await socket.send(frame, text=True)
                lane.connected(greets=True)
                await _receive(socket, lane, native_symbol, None if opening.may_be_silent else SILENCE_SECONDS)
        except (OSError, WebSocketException, TimeoutError, Rejected) as fault:
            lane.disconnected(f"{type(fault).__name__}: {fault}"[:200])
            log().warning("disconnected", source=source.name, reason=repr(fault), attempt=attempt)
        except asyncio.CancelledError:
            lane.disconnected("closed")
            raise
        metrics.RECONNECTS.labels(source.name).inc()
        attempt = 0 if loop.time() - started > GOOD_SECONDS else attempt + 1
        await asyncio.sleep(delay(attempt, first=0.2, cap=30.0))


async def _login(socket: ClientConnection, venue: Login, key: str) -> None:
    """Says the key and waits for its being good; raises `Rejected` where it is not, and `TimeoutError`."""
    async with asyncio.timeout(OPEN_SECONDS):
        await socket.send(venue.login(key), text=True)
        while not venue.logged_in(await socket.recv(decode=False)):
            pass


def _native(native_symbol: Callable[[bytes], str], payload: bytes) -> str:
    """The frame's symbol; none of a frame that no parser is made for: the transformer rejects it on record."""
    try:
        return native_symbol(payload)
    except (ValueError, RecursionError) as fault:
        log().error("symbol not read", frame=payload[:200], reason=str(fault))
        return ""


async def _receive(socket: ClientConnection, lane: Lane, native_symbol: Callable[[bytes], str], silence: float | None) -> None:
    """Frames until the connection ends; raises `TimeoutError` when nothing comes for too long."""
    take, recv = lane.take, socket.recv
    while True:
        async with asyncio.timeout(silence):
            payload = await recv(decode=False)
        take(_native(native_symbol, payload), payload)
        await lane.room()
