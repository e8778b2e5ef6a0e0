"""Every error as RFC 9457 `application/problem+json`.

Invariant: a bad parameter is named, and nothing of the inside is told.
"""

from http import HTTPStatus
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shared.errors import Unavailable
from shared.telemetry import logs

RETRY_AFTER_SECONDS = 2
MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer that is an error; `parameter` is the name of the parameter at fault, where one is."""

    def __init__(self, status: HTTPStatus, detail: str, *, parameter: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.parameter = parameter


class Invalid(Problem):
    """A parameter that cannot be used: 422, with what was given and what is expected."""

    def __init__(self, parameter: str, fault: str) -> None:
        super().__init__(HTTPStatus.UNPROCESSABLE_ENTITY, f"{parameter}: {fault}", parameter=parameter)


def missing(what: str) -> Problem:
    """404 for a thing that is not stored."""
    return Problem(HTTPStatus.NOT_FOUND, what)


def answer(fault: Exception, method: str, path: str, request_id: str = "") -> Response:
    """The answer that an exception is; what nobody foresaw is logged whole and told as nothing but a fault."""
    match fault:
        case Problem():
            return _document(fault, path)
        case HTTPException():
            detail = f"{method} {path[:200]} is not served here; /docs lists what is"
            return _document(Problem(HTTPStatus(fault.status_code), detail), path, dict(fault.headers or {}))
        case Unavailable():
            logs.log().warning("unavailable", path=path, request_id=request_id, error=str(fault))
            return _document(Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(fault)), path, {"Retry-After": str(RETRY_AFTER_SECONDS)})
        case _:
            logs.log().error("fault", path=path, request_id=request_id, error=repr(fault), exc_info=fault)
            return _document(Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "a fault in the service; its log says which"), path)


def _document(problem: Problem, instance: str, headers: dict[str, str] | None = None) -> Response:
    """The problem document; `instance` is the path that was asked."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "detail": problem.detail,
        "instance": instance,
    }
    if problem.parameter is not None:
        document["parameter"] = problem.parameter
    return Response(msgspec.json.encode(document), problem.status.value, headers, MEDIA_TYPE)


async def _on(request: Request, fault: Exception) -> Response:
    return answer(fault, request.method, request.url.path)


HANDLERS: dict[int | type[Exception], Any] = {HTTPException: _on, Exception: _on}
