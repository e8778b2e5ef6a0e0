"""The application: every endpoint of the registry, every error as a problem.

A GET of an exact path is answered before the framework's router, which costs more than such an answer does; the router has
the rest: paths with a variable, HEAD, the documentation, and what is not served.
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from time import perf_counter
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from services.api import bodies, document, problems, requests
from services.api.coalescing import Coalescing
from services.api.parameters import Given
from services.api.protocol import Context, Endpoint
from services.api.routes import ENDPOINTS
from shared.errors import Unavailable
from shared.telemetry import traces
from shared.telemetry.logs import log
from shared.telemetry.metrics import HTTP_SECONDS, HTTP_TIMEOUTS

REQUEST_SECONDS = 25.0
Answer = Callable[[Scope, Receive], Awaitable[Response]]
SERVICE = "tickplant-api"


class Application(FastAPI):
    """FastAPI with the document that the endpoints give, and a short way to the endpoints themselves."""

    def __init__(self, context: Context) -> None:
        super().__init__(title="Tickplant", version=document.VERSION, docs_url=None, redoc_url=None, exception_handlers=problems.HANDLERS)
        shared = Coalescing[bytes | Response]()
        answers = [(endpoint, answering(endpoint, context, shared)) for endpoint in ENDPOINTS]
        routes = [Route(endpoint.path, _handler(answer), methods=[endpoint.method]) for endpoint, answer in answers]
        self.router.routes[:0] = [*routes, Route("/docs", _docs, methods=["GET"])]
        self._exact = {endpoint.path: answer for endpoint, answer in answers if endpoint.method == "GET" and "{" not in endpoint.path}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        answer = self._exact.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        if answer is None:
            await super().__call__(scope, receive, send)
        else:
            await (await answer(scope, receive))(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        if self.openapi_schema is None:
            self.openapi_schema = document.openapi(ENDPOINTS)
        return self.openapi_schema


def answering(endpoint: Endpoint, context: Context, shared: Coalescing[bytes | Response]) -> Answer:
    """Reads the parameters and answers within the deadline, once for all who ask the same; measures each request."""
    known = endpoint.known
    served, late = HTTP_SECONDS.labels(endpoint.path, "2xx"), HTTP_TIMEOUTS.labels(endpoint.path)
    event_type = f"{endpoint.method} {endpoint.path}".lower()
    reporter = context.reporter if endpoint.told else None

    async def read(scope: Scope, accept: bytes, body: bytes) -> bytes | Response:
        key = bodies.header(scope, b"idempotency-key") if body else b""
        given = Given(scope["path"], scope["query_string"], known, scope.get("path_params", {}), accept, body, key)
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                return await endpoint.answer(context, given)
        except TimeoutError as fault:
            late.inc()
            raise Unavailable(f"the answer took longer than {REQUEST_SECONDS:g} s; ask for less at a time") from fault

    async def answer(scope: Scope, receive: Receive) -> Response:
        started = perf_counter()
        request_id = requests.identify(bodies.header(scope, requests.HEADER))
        with traces.span(event_type, bodies.header(scope, b"traceparent"), request_id=request_id):
            response = requests.named(await respond(scope, receive, request_id), request_id)
        seconds = perf_counter() - started
        if response.status_code < HTTPStatus.MULTIPLE_CHOICES:
            served.observe(seconds)
        else:
            HTTP_SECONDS.labels(endpoint.path, f"{response.status_code // 100}xx").observe(seconds)
        if reporter is not None:
            reporter.tell(SERVICE, event_type, response.status_code, seconds)
        log().debug("answered", request_id=request_id, what=event_type, status=response.status_code, seconds=seconds)
        return response

    async def respond(scope: Scope, receive: Receive, request_id: str) -> Response:
        accept = bodies.header(scope, b"accept") if endpoint.formats else b""
        try:
            if endpoint.method == "GET":
                found = await shared.get((scope["path"], scope["query_string"], accept), lambda: read(scope, accept, b""))
            else:
                found = await read(scope, accept, await bodies.read(scope, receive, context.bounds.max_body_bytes))
        except Exception as fault:  # noqa: BLE001 whatever it is, the answer is a problem and the log has the fault
            return problems.answer(fault, scope["method"], scope["path"], request_id)
        return found if isinstance(found, Response) else Response(found, media_type="application/json")

    return answer


def _handler(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        return await answer(request.scope, request.receive)

    return handle


async def _docs(request: Request) -> Response:
    return HTMLResponse(document.page(ENDPOINTS))
