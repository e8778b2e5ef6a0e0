"""The endpoints: one module a subject, each with its `ENDPOINTS`; this list is the registry."""

from services.api.protocol import Endpoint
from services.api.routes import (
    candles,
    coverage,
    daily,
    events,
    execution,
    flags,
    ingest,
    latest,
    metrics,
    orders,
    probes,
    push_ticks,
    pushes,
    rejects,
    runs,
    sources,
    symbols,
    throughput,
    ticks,
)

MODULES = (
    latest,
    flags,
    candles,
    daily,
    ticks,
    symbols,
    sources,
    coverage,
    throughput,
    runs,
    events,
    metrics,
    rejects,
    ingest,
    orders,
    execution,
    pushes,
    push_ticks,
    probes,
)
ENDPOINTS: tuple[Endpoint, ...] = tuple(endpoint for module in MODULES for endpoint in module.ENDPOINTS)
