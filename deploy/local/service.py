"""A service as the supervisor runs it: the command a container runs too, found ready by its own `/readyz`.

Invariant: a service gets everything it must know by its environment.
"""

from __future__ import annotations

import http.client
import json
import sys
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from deploy.local.part import Command
from deploy.local.ports import HOST

# Longer than the service's own limit for its checks.
PROBE_TIMEOUT = 5.0


@dataclass(frozen=True)
class Service:
    """`python -m arguments…` with `variables`; its probes are on `port`."""

    name: str
    arguments: tuple[str, ...]
    port: int
    variables: dict[str, str]

    def prepare(self) -> Command:
        return Command((sys.executable, "-m", *self.arguments), env={**self.variables, "TELEMETRY__PORT": str(self.port)})

    def probe(self) -> str | None:
        return readiness(self.port)

    def environment(self) -> dict[str, str]:
        return {}


def readiness(port: int) -> str | None:
    """What `/readyz` on this port says is missing; None when nothing is."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PROBE_TIMEOUT)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        return f"no answer from port {port}: {error}"
    finally:
        connection.close()
    return None if response.status == HTTPStatus.OK else _missing(response.status, body)


def _missing(status: int, body: bytes) -> str:
    """The failing checks of a body `{"checks": {"kafka": "ok", "database": "connection refused"}}`."""
    try:
        document: Any = json.loads(body)
        checks = {name: said for name, said in document["checks"].items() if said != "ok"}
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"/readyz answered {status}"
    return ", ".join(f"{name}: {said}" for name, said in checks.items()) or f"/readyz answered {status}"
