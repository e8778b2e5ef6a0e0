"""The application: every endpoint of the registry as a route, every error as a problem.

Answers are bytes made by the endpoints themselves; no model validation runs between them and the socket.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from services.api import document, problems
from services.api.coalescing import Coalescing
from services.api.parameters import Given
from services.api.protocol import Context, Endpoint
from services.api.routes import ENDPOINTS
from shared.errors import Unavailable
from shared.telemetry.metrics import HTTP_SECONDS

REQUEST_SECONDS = 25.0
Handler = Callable[[Request], Awaitable[Response]]
Shared = Coalescing[bytes | Response]


class Application(FastAPI):
    """FastAPI with the document that the endpoints give."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        if self.openapi_schema is None:
            self.openapi_schema = document.openapi(ENDPOINTS)
        return self.openapi_schema


def build(context: Context) -> FastAPI:
    """The application over `context`."""
    app = Application(title="Tickplant", version=document.VERSION, docs_url=None, redoc_url=None, exception_handlers=problems.HANDLERS)
    shared = Shared()
    routes = [Route(endpoint.path, handler(endpoint, context, shared), methods=["GET"]) for endpoint in ENDPOINTS]
    app.router.routes[:0] = [*routes, Route("/docs", _docs, methods=["GET"])]
    return app


def handler(endpoint: Endpoint, context: Context, shared: Shared) -> Handler:
    """Reads the parameters, answers within the deadline, and measures."""
    known = endpoint.known
    served = HTTP_SECONDS.labels(endpoint.path, "2xx")

    async def answer(given: Given) -> bytes | Response:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                return await endpoint.answer(context, given)
        except TimeoutError as fault:
            raise Unavailable(f"the answer took longer than {REQUEST_SECONDS:g} s; ask for less at a time") from fault

    async def handle(request: Request) -> Response:
        started, scope = perf_counter(), request.scope
        try:
            given = Given(scope["path"], scope["query_string"], known, scope["path_params"])
            found = await shared.get((scope["path"], scope["query_string"]), lambda: answer(given))
        except Exception as fault:
            HTTP_SECONDS.labels(endpoint.path, _class(fault)).observe(perf_counter() - started)
            raise
        served.observe(perf_counter() - started)
        return found if isinstance(found, Response) else Response(found, media_type="application/json")

    return handle


def _class(fault: Exception) -> str:
    return "4xx" if isinstance(fault, problems.Problem) else "5xx"


async def _docs(request: Request) -> Response:
    return HTMLResponse(document.page(ENDPOINTS))
