"""The WebSocket side of the port: handshakes and incoming frames by the `websockets` library, outgoing ones as they come.

Invariant: one socket, one client; however the socket ends, the exchange hears of it once.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from http import HTTPStatus
from typing import Any, ClassVar, cast
from urllib.parse import parse_qsl, urlsplit

import uvicorn
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from deploy.simulator.client import Client
from deploy.simulator.exchange import Exchange
from deploy.simulator.venues import VENUES

HIGH_WATER = 1 << 20
GOODBYE_SECONDS = 5.0
LARGEST_MESSAGE = 1 << 20


def reset(transport: asyncio.Transport) -> None:
    """Ends a TCP connection as a crash does: with a reset, what is unsent lost."""
    if (sock := transport.get_extra_info("socket")) is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class Socket(asyncio.Protocol):
    """One connection, made by uvicorn when a request asks to become a WebSocket."""

    exchange: ClassVar[Exchange]

    def __init__(self, config: uvicorn.Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        self._connections: set[Any] = server_state.connections
        self._protocol = ServerProtocol(max_size=LARGEST_MESSAGE)
        self._client: Client | None = None
        self._parts: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is ours."""
        self._connections.add(self)
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)

    def data_received(self, data: bytes) -> None:
        """Drives the protocol, and hands messages to the exchange."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._handshake(event)
            elif isinstance(event, Frame):
                self._frame(event)
        self._write_control()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed, by either side."""
        self._connections.discard(self)
        if self._client is not None:
            self.exchange.disconnected(self._client)

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        if self._client is not None:
            self._client.paused = True

    def resume_writing(self) -> None:
        """It has caught up."""
        if self._client is not None:
            self._client.paused = False
            self.exchange.hub.resumed()

    def shutdown(self) -> None:
        """uvicorn stops."""
        self.close(1001, "going away")

    def write(self, data: bytes) -> int:
        """Sends frames; how many bytes are unsent."""
        if not self._transport.is_closing():
            self._transport.write(data)
        return self._transport.get_write_buffer_size()

    def ping(self) -> None:
        """Asks whether the client lives."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_ping(b"")
            self._write_control()

    def close(self, code: int, reason: str) -> None:
        """Says goodbye; a client that does not answer is cut off."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
            self._write_control()
            asyncio.get_running_loop().call_later(GOODBYE_SECONDS, self._transport.abort)
        elif self._protocol.state is State.CONNECTING:
            self._transport.close()

    def abort(self) -> None:
        """Resets the connection, once what was written has left for the kernel."""
        asyncio.get_running_loop().call_soon(reset, self._transport)

    def _handshake(self, request: Request) -> None:
        parts = urlsplit(request.path)
        name, _, path = parts.path.lstrip("/").partition("/")
        venue = VENUES.get(name)
        if venue is not None and self.exchange.injector.refuses(name, self.exchange.clock()):
            self.exchange.log.note("fault", name, event="refused", path=parts.path, at=self.exchange.clock())
            reset(self._transport)
            return
        response = self._protocol.accept(request)
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            self._client = self.exchange.connect(venue, self, path, dict(parse_qsl(parts.query))) if venue else None
            if self._client is None:
                response = self._protocol.reject(HTTPStatus.NOT_FOUND, "no such feed\n")
        self._protocol.send_response(response)
        self._write_control()
        self.exchange.hub.flush()

    def _frame(self, frame: Frame) -> None:
        if self._client is None:
            return
        self._client.heard_at = self.exchange.clock()
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._parts.append(bytes(frame.data))
            if frame.fin:
                message = b"".join(self._parts)
                self._parts.clear()
                self.exchange.receive(self._client, message)

    def _write_control(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()
        if self._protocol.close_expected() and self._protocol.state is State.CLOSED:
            self._transport.close()


def socket_class(exchange: Exchange) -> type[Socket]:
    """The class that uvicorn makes connections of this exchange with."""
    return type("ExchangeSocket", (Socket,), {"exchange": exchange})
