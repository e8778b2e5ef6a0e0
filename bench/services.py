"""The platform's own services as measured processes: the commands that `make up` and the containers run.

Invariant: a service gets all it must know by its environment; nothing of it is imported here.
"""

import sys
import time
from datetime import datetime

import msgspec

from bench.faults import Fault
from bench.process import Process
from bench.session import Session
from deploy.local.ports import free_ports
from deploy.local.service import readiness
from shared.settings import Kafka

COMMANDS = {
    "fetcher": ("services.fetcher",),
    "transformer": ("services.transformer",),
    "bare transformer": ("bench.bare", "services.transformer"),
    "writer": ("services.writer", "--sink", "postgres"),
    "archiver": ("services.writer", "--sink", "s3"),
    "api": ("services.api",),
}


class Service:
    """A running service; `port` has its probes."""

    def __init__(self, session: Session, name: str, *, kafka: Kafka | None = None, database_url: str = "", **variables: str) -> None:
        reached = kafka or session.kafka
        (self.port,) = free_ports(1)
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": reached.bootstrap_servers,
            "KAFKA__TOPIC_PREFIX": reached.topic_prefix,
            "DATABASE_URL": database_url or session.database_url,
            "TELEMETRY__PORT": str(self.port),
            "SNAPSHOTS__INTERVAL_SECONDS": "0",
            **variables,
        }
        self.process: Process = session.start(name, sys.executable, "-m", *COMMANDS[name], **environment)

    def said(self, event: str, seconds: float = 60) -> float:
        """When it logged the event first, in Unix seconds by its own clock."""
        line = self.process.until_line(f'"{event}"', seconds)
        return datetime.fromisoformat(msgspec.json.decode(line)["timestamp"]).timestamp()

    def ready(self, seconds: float = 60) -> None:
        """Until /readyz says so."""
        deadline = time.monotonic() + seconds
        reason = readiness(self.port)
        while reason is not None:
            if not self.process.running or time.monotonic() > deadline:
                self.process.kill()
                raise Fault(f"not ready: {reason}: {self.process.output[-1500:]}")
            time.sleep(0.05)
            reason = readiness(self.port)
