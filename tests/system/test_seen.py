"""What the platform says of itself under load: every metric that a rule or a panel names is there, every panel's SQL has an answer."""

from pathlib import Path

import httpx

from deploy.grafana.model import Sql
from tests.fixtures.servers import Server
from tests.system import seen
from tests.system.services import Services
from tests.system.store import query, until

TOPIC = "market.raw.v1"


def test_every_metric_and_every_row_that_is_asked_for_is_there(
    services: Services, database_url: str, s3: Server, s3_bucket: str, tmp_path: Path
) -> None:
    seen.archived(services, s3.environment, s3_bucket)
    simulator = seen.begin(services, tmp_path)
    httpx.post(f"{simulator}/_control/faults", json=seen.FAULTS).raise_for_status()
    seen.ingest(services, tmp_path)
    seen.push(services, 30, errors=3, untimed=3)
    seen.ask(services)
    until(lambda: sorted(seen.asked() - seen.samples(services).keys()), [], 60, services.logs)
    found = seen.samples(services)
    for name in ("tickplant_stored_total", "tickplant_event_to_queryable_seconds_count", "tickplant_source_received_total"):
        assert sum(sample.value for sample in found[name]) > 0, name
    until(lambda: [where for where, sql in seen.queries(Sql) if not query(database_url, seen.filled(sql))], [], 60, services.logs)
    revoked_partitions_leave_the_gauges(services)


def revoked_partitions_leave_the_gauges(services: Services) -> None:
    """A second transformer takes half of them."""
    assert shown(services, "transformer") == 12
    services.start("transformer-2")
    services.wait_ready("transformer-2")
    until(lambda: (shown(services, "transformer"), shown(services, "transformer-2")), (6, 6), 60, services.logs)
    watermarks = seen.samples(services, ["transformer"]).get("tickplant_watermark_seconds", [])
    assert len({sample.labels["partition"] for sample in watermarks}) <= 6


def shown(services: Services, name: str) -> int:
    """How many partitions' lag a process shows."""
    lags = seen.samples(services, [name]).get("kafka_consumergroup_lag", [])
    return sum(sample.labels["topic"] == TOPIC for sample in lags)
