"""Requests over a number of connections to a server on this host: `python -m bench.load PORT CONNECTIONS SECONDS RATE PATHS`.

With RATE 0 each connection asks again as soon as it is answered; otherwise requests come due at that rate, and a latency counts from
when its request was due, so that a stalled server is not spared the requests it kept waiting. PATHS is a file, one path a line, asked in
turn. Prints one line of JSON.
"""

import select
import socket
import sys
import time
from collections import deque
from itertools import cycle
from pathlib import Path

import msgspec

from bench.figures import percentile
from deploy.local.ports import HOST

DRAIN_SECONDS = 5.0


class Answered(msgspec.Struct, frozen=True):
    """What came back; latencies in ms. `errors` are answers other than 200, and requests never answered."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int

    @property
    def rate(self) -> float:
        """Requests answered a second."""
        return self.requests / self.seconds


class Connection:
    """One connection, kept open; at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0.0
        self._held = b""

    def ask(self, path: str, due: float) -> None:
        """Sends a request."""
        self.due, self._held = due, b""
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())

    def read(self) -> tuple[int, bytes] | None:
        """Status and body, once they are whole; waits for no more than one packet."""
        chunk = self.socket.recv(1 << 18)
        if not chunk:
            raise ConnectionError("the server closed the connection")
        self._held += chunk
        head, found, body = self._held.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return None
        return int(head[9:12]), body

    def get(self, path: str) -> tuple[int, bytes]:
        """Asks and waits."""
        self.ask(path, 0.0)
        while (answer := self.read()) is None:
            pass
        return answer


def _length(head: bytes) -> int:
    _, _, after = head.lower().partition(b"content-length:")
    return int(after.split(b"\r\n", 1)[0])


def load(port: int, connections: int, seconds: float, rate: float, paths: list[str]) -> Answered:
    """Asks for `seconds`, then waits for what is under way."""
    idle = deque(Connection(port) for _ in range(connections))
    busy: dict[socket.socket, Connection] = {}
    latencies: list[float] = []
    turn, sent, errors = cycle(paths), 0, 0
    began = now = time.perf_counter()
    end = began + seconds
    while now < end or (busy and now < end + DRAIN_SECONDS):
        while idle and now < end:
            due = began + sent / rate if rate else now
            if due > now:
                break
            connection = idle.popleft()
            connection.ask(next(turn), due)
            busy[connection.socket] = connection
            sent += 1
        pause = began + sent / rate - now if rate and idle and now < end else 0.1
        for ready in select.select(list(busy), [], [], max(0.0, min(pause, 0.1)))[0]:
            answer = busy[ready].read()
            if answer is not None:
                connection = busy.pop(ready)
                latencies.append(time.perf_counter() - connection.due)
                errors += answer[0] != 200
                idle.append(connection)
        now = time.perf_counter()
    ordered = sorted(latencies) or [0.0]
    p50, p99 = (percentile(ordered, share) * 1000 for share in (0.5, 0.99))
    return Answered(len(latencies), min(now, end) - began, p50, p99, errors + len(busy))


def main() -> None:
    """The command line."""
    port, connections, seconds, rate, paths = sys.argv[1:6]
    found = load(int(port), int(connections), float(seconds), float(rate), Path(paths).read_text(encoding="utf-8").split())
    print(msgspec.json.encode(found).decode())


if __name__ == "__main__":
    main()
