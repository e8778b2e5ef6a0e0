"""The endpoints of live sources: which there are, and what is asked for at run time.

A change through any replica goes over the log, so that it reaches the owner, and holds over the settings from then on.
"""

import asyncio
from contextlib import suppress
from typing import Any, Protocol

import msgspec
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.fetcher.live.choice import checked
from services.fetcher.live.lane import now_us
from services.fetcher.live.leases import home
from shared.bus import Log, Producer
from shared.errors import Unavailable
from shared.events import SourceWanted
from shared.frames import FAULTS
from shared.records import cloud_event
from shared.settings import Kafka, Source
from shared.topics import SOURCES

FOLLOW_SECONDS = 10.0


class Listed(Protocol):
    """The sources of this replica."""

    def listed(self) -> list[dict[str, Any]]:
        """Each with its settings and state."""

    def configured(self, name: str) -> bool:
        """Whether the settings name the source."""

    def behind(self, name: str, at: int) -> bool:
        """Whether the source is this replica's, and what was asked for at `at` (us) is still to be done."""


class Port:
    """GET, PUT and DELETE of /sources."""

    def __init__(self, kafka: Kafka, sources: Listed) -> None:
        self._kafka, self._sources = kafka, sources

    def routes(self) -> tuple[Route, ...]:
        """All of them."""
        return (
            Route("/sources", self._list, methods=["GET"]),
            Route("/sources/{name}", self._put, methods=["PUT"]),
            Route("/sources/{name}", self._delete, methods=["DELETE"]),
        )

    async def _list(self, request: Request) -> Response:
        return JSONResponse({"results": self._sources.listed()})

    async def _put(self, request: Request) -> Response:
        try:
            source = checked(Source.model_validate({**await request.json(), "name": request.path_params["name"]}))
        except (ValidationError, ValueError, TypeError) as fault:
            said = "; ".join(f"{e['loc'][0]}: {e['msg']}" for e in fault.errors()) if isinstance(fault, ValidationError) else str(fault)
            return _problem("not a source", 422, said)
        return await self._ask(source.name, source.model_dump(mode="json"), JSONResponse(source.model_dump(), 201))

    async def _delete(self, request: Request) -> Response:
        name = request.path_params["name"]
        try:
            known = await self._known(name)
        except Unavailable as fault:
            return _problem("not available", 503, str(fault))
        return await self._ask(name, None, Response(status_code=204)) if known else _problem("no such source", 404, name)

    async def _known(self, name: str) -> bool:
        """Whether the source is to run, here or elsewhere."""
        async with Log(self._kafka) as reader:
            record = await reader.latest(SOURCES, home(name), _wanted_key(name))
        if record is None or not record.value:
            return self._sources.configured(name)
        try:
            return msgspec.json.decode(record.value, type=SourceWanted).settings is not None
        except FAULTS:
            return self._sources.configured(name)

    async def _ask(self, name: str, settings: dict[str, Any] | None, done: Response) -> Response:
        """Puts the change into the log; its owner follows it."""
        at = now_us()
        value = msgspec.json.encode(SourceWanted(name, at, settings))
        headers = cloud_event("wanted", source=name, subject=name, event_id=f"{name}-wanted-{at}", time_us=at)
        try:
            async with Producer(self._kafka, client_id="fetcher-wanted") as producer:
                producer.add(SOURCES, home(name), _wanted_key(name), value, headers)
                await producer.flush()
        except Unavailable as fault:
            return _problem("not available", 503, str(fault))
        await self._followed(name, at)
        return done

    async def _followed(self, name: str, at: int) -> None:
        """Where this replica is the owner, the change has happened when it is answered; elsewhere it will."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FOLLOW_SECONDS):
                while self._sources.behind(name, at):  # noqa: ASYNC110 a poll of our own
                    await asyncio.sleep(0.05)


def _wanted_key(name: str) -> bytes:
    return f"{name}|wanted".encode()


def _problem(title: str, status: int, detail: str) -> Response:
    return JSONResponse({"title": title, "status": status, "detail": detail}, status, media_type="application/problem+json")
