"""Traces by OpenTelemetry, where `TELEMETRY__OTLP_ENDPOINT` says where to; without it nothing of it is imported and a span costs nothing.

A trace crosses Kafka in the W3C header `traceparent`, on records that carry headers anyway. High-rate streams carry none: there the
origin is what ties stages together.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

HEADER = "traceparent"
Headers = Sequence[tuple[str, bytes]]
SECONDS_MS = 1_000  # spans leave at least so often
_provider: "TracerProvider | None" = None
_tracer: "Tracer | None" = None
_NOTHING: AbstractContextManager[object] = nullcontext()


def configure(service: str, endpoint: str) -> None:
    """Sends the process's spans to `endpoint`, an OTLP receiver over HTTP; an empty one turns traces off."""
    global _provider, _tracer
    close()
    if not endpoint:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    _provider = TracerProvider(resource=Resource.create({"service.name": f"tickplant-{service}"}))
    exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + "/v1/traces")
    _provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=SECONDS_MS))
    _tracer = _provider.get_tracer("tickplant")


def close() -> None:
    """Sends what is left."""
    global _provider, _tracer
    provider, _provider, _tracer = _provider, None, None
    if provider is not None:
        provider.shutdown()


def on() -> bool:
    """Whether anybody wants traces."""
    return _tracer is not None


def span(name: str, parent: bytes | None = None, **attributes: str | int) -> AbstractContextManager[object]:
    """What runs inside is the span; `parent` is a `traceparent`, otherwise the span around is it."""
    if _tracer is None:
        return _NOTHING
    return _tracer.start_as_current_span(name, context=_context(parent), attributes=attributes)


def tell(name: str, parent: bytes, begun_ns: int, **attributes: str | int) -> None:
    """A span that has just ended; it began at `begun_ns` since 1970."""
    if _tracer is not None:
        _tracer.start_span(name, context=_context(parent), attributes=attributes, start_time=begun_ns).end()


def headers() -> Headers:
    """The header that takes the current span along with a record; none without a span."""
    if _tracer is None:
        return ()
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return [(HEADER, carrier[HEADER].encode())] if HEADER in carrier else ()


def _context(parent: bytes | None) -> "Context | None":
    """The context that a header names; None, and so the current one, for none."""
    if not parent:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({HEADER: parent.decode("latin-1")})
