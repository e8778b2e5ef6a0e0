"""The fetcher's own port: `GET /health`, `GET /status`, `POST /fetch`."""

import time
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.fetcher.live.sources import Sources
from services.fetcher.snapshots import breaker as breakers
from services.fetcher.snapshots.asking import Asked
from services.fetcher.snapshots.plan import checked
from services.fetcher.snapshots.schedule import Desk, Taken
from shared.errors import Rejected, Unavailable
from shared.frames import FAULTS
from shared.snapshots import document
from shared.telemetry.probes import Health
from shared.time import to_iso

BODY_BYTES = 64 * 1024
MOST_ASSETS = 500
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Fetch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /fetch; what is left out is as the settings say."""

    assets: list[str] | None = None
    sources: list[str] | None = None


class Port:
    """The endpoints over one desk and the live sources."""

    def __init__(self, desk: Desk, sources: Sources, health: Health) -> None:
        self._desk, self._sources, self._health = desk, sources, health

    def routes(self) -> tuple[Route, ...]:
        """All of them."""
        return (
            Route("/health", self._health.readyz, methods=["GET"]),
            Route("/status", self._status, methods=["GET"]),
            Route("/fetch", self._fetch, methods=["POST"]),
        )

    async def _status(self, request: Request) -> Response:
        """Per source: state, last success, next run, failures, breaker, budget left."""
        asked = [_asked(source, self._desk.next_run) for source in self._desk.sources.values()]
        return JSONResponse({"snapshots": asked, "live": self._sources.status()})

    async def _fetch(self, request: Request) -> Response:
        """Takes a snapshot: 200 with it and its run, 502 where nobody gave a price, 503 where Kafka does not take it."""
        try:
            body = await _bounded(request)
            given = msgspec.json.decode(body, type=Fetch) if body else Fetch()
            assets = checked(given.assets if given.assets is not None else self._desk.assets)
            names = given.sources if given.sources is not None else list(self._desk.sources)
            if unknown := [name for name in names if name not in self._desk.sources]:
                raise ValueError(f"there is no source {', '.join(unknown)[:200]}: choose among {', '.join(self._desk.sources)}")
            if not 0 < len(assets) <= MOST_ASSETS or not names:
                raise ValueError(f"ask for 1 to {MOST_ASSETS} assets, of one source or more")
        except (*FAULTS, Rejected, ValueError) as fault:
            return _problem(422, "not a request for a snapshot", str(fault)[:500])
        try:
            return _answer(await self._desk.take(assets, names))
        except Unavailable as fault:
            return _problem(503, "the snapshot is not on record yet", str(fault))


async def _bounded(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise ValueError(f"the body has more than {BODY_BYTES:,} bytes")
    return bytes(body)


def _answer(taken: Taken) -> Response:
    run, snapshot = taken
    told = {"run_id": run.run_id, "status": run.status, "message": run.message, **document(snapshot)}
    return Response(_encode(told), 502 if run.status == "failed" else 200, media_type="application/json")


def _asked(source: Asked, next_run: int) -> dict[str, Any]:
    now = time.monotonic()
    breaker = source.breaker
    left = max(0.0, breaker.until - now)
    return {
        "source": source.source.name,
        "provider": source.source.provider,
        "state": "ready" if not source.unavailable() else source.unavailable(),
        "last_success": to_iso(source.last_success) if source.last_success else None,
        "last_error": source.last_error,
        "next_run": to_iso(next_run) if next_run else None,
        "failures": breaker.failures,
        "breaker": breakers.said(breaker, now),
        "retry_in_seconds": round(left, 3),
        "budget_left": source.bucket.left,
    }


def _problem(status: int, title: str, detail: str) -> Response:
    return JSONResponse({"title": title, "status": status, "detail": detail}, status, media_type="application/problem+json")
