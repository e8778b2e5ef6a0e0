"""One tick followed through all logs: acknowledged by the fetcher's broker, transformed, stored, served, under one origin."""

import json
from typing import Any

import httpx

from tests.system.services import Services
from tests.system.store import until

STAGES = {"fetcher": "acknowledged", "transformer": "transformed", "writer": "stored"}


def test_a_tick_s_origin_leads_through_every_log_to_the_api(services: Services) -> None:
    services.configure(SIMULATOR__RATE="20", SIMULATOR__SYMBOLS="BTC-USD", TELEMETRY__FOLLOW_EVERY="25")
    services.start("simulator")
    services.wait_ready("simulator")
    source = {"name": "kraken-sim", "provider": "kraken", "symbols": ["BTC-USD"], "channels": ["trade"]}
    source["base_url"] = f"ws://127.0.0.1:{services.ports['simulator']}/kraken"
    services.configure(FETCHER__SOURCES=json.dumps([source]))
    for name in (*STAGES, "api"):
        services.start(name)
    services.wait_ready("api", 60)
    until(lambda: bool(followed(services)), True, 90, services.logs)
    stored = followed(services)[0][-1]
    found = httpx.get(f"http://127.0.0.1:{services.api_port}/ticks?symbol=BTC-USD&source=kraken-sim", timeout=20).json()["results"]
    assert stored["id"] in [row["id"] for row in found]


def followed(services: Services) -> list[list[dict[str, Any]]]:
    """The lines of each record that all stages have told of, in their order."""
    told: dict[str, list[dict[str, Any]]] = {}
    for name, event in STAGES.items():
        for line in services.log(name).splitlines():
            document = json.loads(line)
            if document["event"] == event:
                told.setdefault(document["raw"], []).append(document)
    return [lines for lines in told.values() if [line["event"] for line in lines] == list(STAGES.values())]
