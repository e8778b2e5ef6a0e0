"""The endpoints: one module a subject, each with its `ENDPOINTS`; this list is the registry."""

from services.api.protocol import Endpoint
from services.api.routes import candles, events, latest, metrics, orders, probes, rejects, runs, sources, symbols, ticks

MODULES = (latest, candles, ticks, symbols, sources, runs, events, metrics, rejects, orders, probes)
ENDPOINTS: tuple[Endpoint, ...] = tuple(endpoint for module in MODULES for endpoint in module.ENDPOINTS)
