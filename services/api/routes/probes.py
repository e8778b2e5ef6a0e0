"""GET /health, /livez, /readyz: for whoever runs the service."""

from starlette.responses import Response

from services.api.parameters import Given
from services.api.protocol import Context, Endpoint

HEALTH = b'{"status":"ok"}'


async def health(context: Context, given: Given) -> bytes:
    """The process answers; nothing else is asked."""
    return HEALTH


async def livez(context: Context, given: Given) -> Response:
    """200 while the event loop turns."""
    return await context.health.livez()


async def readyz(context: Context, given: Given) -> Response:
    """200 when the store answers; otherwise 503 with what is wrong."""
    return await context.health.readyz()


ENDPOINTS = (
    Endpoint("/health", 'Always {"status":"ok"}', health, listed=False, told=False),
    Endpoint("/livez", "Whether the process is alive", livez, listed=False, told=False),
    Endpoint("/readyz", "Whether each dependency answers", readyz, listed=False, told=False),
)
