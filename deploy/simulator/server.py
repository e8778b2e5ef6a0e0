"""The one port: WebSocket feeds, REST, control and probes, over one exchange.

Invariant: when `running` is left, every connection is closed and the log is in its file.

    async with running(SimulatorSettings(port=0)) as simulator:
        ...  # f"{simulator.ws}/binance", f"{simulator.http}/coingecko"
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from deploy.simulator import faults, files
from deploy.simulator.control import Control
from deploy.simulator.exchange import Exchange
from deploy.simulator.presets import PRESETS
from deploy.simulator.rest import TRANSPORT, Rest
from deploy.simulator.schedule import SECOND
from deploy.simulator.settings import PREFIX, SimulatorSettings
from deploy.simulator.websocket import socket_class
from shared import tasks

BACKLOG = 1024
STOP_SECONDS = 5
STALLED_SECONDS = 10


class StartError(Exception):
    """The simulator cannot start; the message says which setting to change."""


class _Server(uvicorn.Server):
    """uvicorn without signal handlers: the process's own decide when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals alone."""
        yield


class _Http(HttpToolsProtocol):
    """Lets an endpoint reach the socket, to drop it."""

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: self.transport}  # type: ignore[dict-item]


@dataclass(frozen=True)
class Simulator:
    """A running simulator: its exchange, the task of its loop, and the base URLs before a venue's name."""

    exchange: Exchange
    trading: asyncio.Task[None]
    host: str
    port: int

    @property
    def http(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://{self.host}:{self.port}"


def script_of(settings: SimulatorSettings) -> faults.Script:
    """The preset or the file that the settings name; raises `StartError`."""
    if settings.faults in PRESETS:
        return PRESETS[settings.faults]
    path = Path(settings.faults)
    try:
        return faults.parse(path.read_bytes(), path.suffix)
    except OSError as error:
        raise StartError(f"{PREFIX}FAULTS: {settings.faults} is no preset ({', '.join(PRESETS)}) and no file: {error.strerror}") from error
    except faults.FaultScriptError as error:
        raise StartError(f"{PREFIX}FAULTS: {error}") from error


@contextlib.asynccontextmanager
async def running(settings: SimulatorSettings) -> AsyncIterator[Simulator]:
    """A simulator that serves until the block is left; raises `StartError`."""
    script = script_of(settings)
    with contextlib.closing(_listen(settings)) as listener:
        exchange = Exchange(settings, script)
        config = uvicorn.Config(
            _application(exchange),
            http=_Http,
            ws=socket_class(exchange),
            lifespan="off",
            log_level="error",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        server = _Server(config)
        # The socket listens already: who connects before the server accepts waits a moment.
        serving = tasks.start(server.serve(sockets=[listener]))
        trading = tasks.start(exchange.run())
        try:
            yield Simulator(exchange, trading, settings.host, listener.getsockname()[1])
        finally:
            trading.cancel()
            exchange.close()
            server.should_exit = True
            await asyncio.wait([trading, serving])
            exchange.log.close()


def _listen(settings: SimulatorSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        said = f"port {settings.port} of {settings.host} is not to be had ({error.strerror}): set {PREFIX}PORT to a free one"
        raise StartError(said) from error
    listener.listen(BACKLOG)
    return listener


def _application(exchange: Exchange) -> Starlette:
    probes = [Route("/livez", _probe(exchange, "loops")), Route("/readyz", _probe(exchange, "checks"))]
    days = Route("/orderflow/{name}.csv", files.file)
    return Starlette(routes=[*probes, *Control(exchange).routes(), days, Route("/{venue}/{path:path}", Rest(exchange).endpoint)])


def _probe(exchange: Exchange, name: str) -> Callable[[Request], Awaitable[Response]]:
    """200 while the markets' loop turns; there is nothing else to depend on."""

    async def probe(request: Request) -> Response:
        age = (exchange.clock() - exchange.turned_at) / SECOND
        if age > STALLED_SECONDS:
            return JSONResponse({"status": "stalled", name: {"markets": f"no turn for {age:.1f} s"}}, 503)
        return JSONResponse({"status": "ok", name: {"markets": "ok"}})

    return probe
