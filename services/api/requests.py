"""A request's name: the caller's own or one of ours, in the answer's headers and in the log. Pure but for the first part of ours."""

import re
import secrets
from itertools import count

from starlette.responses import Response

HEADER = b"x-request-id"
_GIVEN = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_ours, _numbers = secrets.token_hex(4), count(1)


def identify(given: bytes) -> str:
    """What the caller calls it, if that can stand in a log; else `9f1c2ab3-17`, unique in this process."""
    return given.decode() if _GIVEN.fullmatch(given) else f"{_ours}-{next(_numbers)}"


def named(response: Response, request_id: str) -> Response:
    """The answer with its name. One answer may be that of many requests, so it is not changed itself."""
    own = Response.__new__(type(response))
    own.__dict__.update(response.__dict__)  # what copy.copy comes to, at a tenth of its cost
    own.raw_headers = [*response.raw_headers, (HEADER, request_id.encode())]
    return own
