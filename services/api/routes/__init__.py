"""The endpoints: one module a subject, each with its `ENDPOINTS`; this list is the registry."""

from services.api.protocol import Endpoint
from services.api.routes import candles, latest, metrics, probes, runs, sources, symbols, ticks

MODULES = (latest, candles, ticks, symbols, sources, runs, metrics, probes)
ENDPOINTS: tuple[Endpoint, ...] = tuple(endpoint for module in MODULES for endpoint in module.ENDPOINTS)
