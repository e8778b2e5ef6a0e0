"""A service's own requests as operational events: the platform measures itself. Telling one never waits and never fails."""

import time
import uuid

import msgspec

from shared.bus.outlet import Outlet
from shared.events import Heartbeat
from shared.partitioning import partition
from shared.records import cloud_event
from shared.time import to_iso
from shared.topics import OPS_RAW

BEAT_SECONDS = 1.0


class Reporter:
    """Tells through an outlet; `beat` says of every service told of that all there was to tell has been handed over."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._epoch = time.time_ns() // 1000
        self._services: set[str] = set()

    def tell(self, service: str, event_type: str, status: int | None, seconds: float) -> None:
        """A request that has just ended; `status` is None where there was no answer."""
        self._services.add(service)
        key = service.encode()
        event = {
            "event_id": uuid.uuid4().hex,
            "timestamp": to_iso(time.time_ns() // 1000),
            "service": service,
            "event_type": event_type,
            "duration_us": round(seconds * 1e6),
            "status_code": status,
            "schema_version": 2,
        }
        self._outlet.offer((OPS_RAW, partition(key, OPS_RAW.partitions), key, msgspec.json.encode(event)))

    def beat(self) -> None:
        """A heartbeat for each service: its minutes can close though it is silent."""
        at = time.time_ns() // 1000
        for service in sorted(self._services):
            key = service.encode()
            headers = cloud_event("heartbeat", source=service, subject=service, event_id=f"{service}-{at}", time_us=at)
            value = msgspec.json.encode(Heartbeat(service, self._epoch))
            self._outlet.offer((OPS_RAW, partition(key, OPS_RAW.partitions), key, value), headers)
