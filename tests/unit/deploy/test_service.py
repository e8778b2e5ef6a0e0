"""Readiness as a service tells it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from deploy.local.ports import free_ports
from deploy.local.service import readiness


@contextmanager
def answering(status: int, body: bytes) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the name is the library's
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_ready_is_200() -> None:
    with answering(200, b"") as port:
        assert readiness(port) is None


def test_what_is_missing_is_named_and_what_is_well_is_not() -> None:
    body = json.dumps({"status": "unready", "checks": {"kafka": "ok", "database": "connection refused"}}).encode()
    with answering(503, body) as port:
        assert readiness(port) == "database: connection refused"


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'{"checks": 1}', b'{"checks": {}}'])
def test_an_answer_without_checks_is_told_by_its_status(body: bytes) -> None:
    with answering(503, body) as port:
        assert readiness(port) == "/readyz answered 503"


def test_no_answer_names_the_port() -> None:
    (port,) = free_ports(1)
    assert f"no answer from port {port}" in (readiness(port) or "")
