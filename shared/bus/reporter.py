"""A service's own requests as operational events: the platform measures itself. Telling one never waits and never fails."""

import time
import uuid
from itertools import count

import msgspec

from shared.bus.outlet import Outlet
from shared.events import Heartbeat
from shared.partitioning import partition
from shared.records import cloud_event
from shared.topics import OPS_RAW

BEAT_SECONDS = 1.0
_encode = msgspec.json.Encoder().encode


class _Told(msgspec.Struct, frozen=True, gc=False):
    """An event of version 2."""

    event_id: str
    timestamp: int  # us
    service: str
    event_type: str
    duration_us: int
    status_code: int | None
    schema_version: int = 2


class Reporter:
    """Tells through an outlet; `beat` says of every service told of that all there was to tell has been handed over."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._epoch = time.time_ns() // 1000
        self._name, self._numbers = uuid.uuid4().hex, count()
        self._places: dict[str, tuple[int, bytes]] = {}

    def tell(self, service: str, event_type: str, status: int | None, seconds: float) -> None:
        """A request that has just ended; `status` is None where there was no answer."""
        place = self._places.get(service)
        if place is None:
            key = service.encode()
            place = self._places[service] = (partition(key, OPS_RAW.partitions), key)
        event_id, at = f"{self._name}-{next(self._numbers)}", time.time_ns() // 1000
        event = _encode(_Told(event_id, at, service, event_type, round(seconds * 1e6), status))
        self._outlet.offer((OPS_RAW, *place, event))

    def beat(self) -> None:
        """A heartbeat for each service: its minutes can close though it is silent."""
        at = time.time_ns() // 1000
        for service, place in self._places.items():
            headers = cloud_event("heartbeat", source=service, subject=service, event_id=f"{service}-{at}", time_us=at)
            value = msgspec.json.encode(Heartbeat(service, self._epoch))
            self._outlet.offer((OPS_RAW, *place, value), headers)
