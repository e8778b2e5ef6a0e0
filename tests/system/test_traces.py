"""Traces, as an OTLP receiver gets them: what is asked of a venue and what the transformer made of its answer; a request under its caller's
trace, and the run that it asked for under the request's.
"""

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.architecture.sources import ROOT
from tests.system.services import Services
from tests.system.store import until

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
Span = dict[str, str]


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[Span]]]:
    """An address, and the spans that came there."""
    found: list[Span] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
            for resource in request.resource_spans:
                service = resource.resource.attributes[0].value.string_value
                names = {one.key: one.value.string_value for one in resource.resource.attributes}
                found.extend(
                    {
                        "service": names.get("service.name", service),
                        "name": span.name,
                        "trace": span.trace_id.hex(),
                        "span": span.span_id.hex(),
                        "parent": span.parent_span_id.hex(),
                        **{one.key: one.value.string_value for one in span.attributes},
                    }
                    for scope in resource.scope_spans
                    for span in scope.spans
                )
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", found
        server.shutdown()


def test_a_trace_crosses_kafka_and_the_api_continues_its_caller_s(
    services: Services, receiver: tuple[str, list[Span]], tmp_path: Path
) -> None:
    endpoint, spans = receiver
    services.configure(TELEMETRY__OTLP_ENDPOINT=endpoint, SIMULATOR__SYMBOLS="BTC-USD")
    services.start("simulator")
    services.wait_ready("simulator")
    base = f"http://127.0.0.1:{services.ports['simulator']}/coingecko"
    source = {"name": "coingecko-sim", "provider": "coingecko", "symbols": ["BTC-USD"], "interval_seconds": 2.5, "base_url": base}
    services.configure(FETCHER__SOURCES=json.dumps([source]), API__INGEST_WAIT_SECONDS="0.1")
    asked = {"name": "coingecko-sim", "provider": "coingecko", "per_minute": 600, "base_url": base}
    services.configure(SNAPSHOTS__SOURCES=json.dumps([asked]), SNAPSHOTS__INTERVAL_SECONDS="3")
    for name in ("transformer", "fetcher", "api"):
        services.start(name)
    services.wait_ready("api", 60)
    given = {"traceparent": f"00-{TRACE}-{PARENT}-01", "x-request-id": "mine-1"}
    answer = httpx.get(f"http://127.0.0.1:{services.api_port}/latest", headers=given, timeout=20)
    assert answer.headers["x-request-id"] == "mine-1"
    files = {f"{kind}_url": str(shutil.copy(ROOT / "data" / f"{kind}_sample.csv", tmp_path)) for kind in ("orders", "trades", "nbbo")}
    accepted = httpx.post(f"http://127.0.0.1:{services.api_port}/ingest", json=files, headers=given, timeout=20).raise_for_status()
    until(lambda: bool(pairs(spans, "poll") and pairs(spans, "snapshot") and pairs(spans, "run")), True, 60, services.logs)
    poll, transform = pairs(spans, "poll")[0]
    assert (poll["service"], poll["source"]) == ("tickplant-fetcher", "coingecko-sim")
    assert transform["service"] == "tickplant-transformer"
    assert transform["raw"].startswith("market.raw.v1/")
    assert pairs(spans, "snapshot")[0][0]["run_id"].startswith("snapshot-")
    run, marker = pairs(spans, "run")[0]
    assert (run["run_id"], run["trace"], marker["raw"].split("/")[0]) == (accepted.json()["run_id"], TRACE, "trading.raw.v1")
    until(lambda: len(requests(spans)), 2, 60, services.logs)  # each service tells its spans every few seconds
    assert [(one["parent"], one["request_id"]) for one in requests(spans).values()] == [(PARENT, "mine-1")] * 2
    assert run["parent"] in requests(spans)


def requests(spans: list[Span]) -> dict[str, Span]:
    """What the api was asked under the caller's trace."""
    return {one["span"]: one for one in spans if one["trace"] == TRACE and one["service"] == "tickplant-api"}


def pairs(spans: list[Span], name: str) -> list[tuple[Span, Span]]:
    """Spans of that name with the transformer's under them."""
    above = {one["span"]: one for one in spans if one["name"] == name}
    return [(above[one["parent"]], one) for one in spans if one["name"] == "transform" and one["parent"] in above]
