"""What services did, and their minutes."""

from decimal import Decimal

import msgspec

from shared.events.origin import NOWHERE, Origin
from shared.storable import Int32, Int64, Micros


class ServiceEvent(msgspec.Struct, frozen=True, tag_field="kind", tag="service_event", omit_defaults=True):
    """Something that a service did for somebody. `nulled` names the fields that were given and could not be used."""

    event_id: str
    service: str
    event_type: str
    event_time: Micros  # us
    timestamp: str  # as it was given
    latency_ms: Decimal | None = None
    status_code: Int32 | None = None
    user_id: str | None = None
    region: str | None = None
    schema_version: Int32 = 1  # as it was given
    extra: dict[str, msgspec.Raw] = {}  # fields that its version does not have, as JSON
    nulled: tuple[str, ...] = ()
    received_at: Micros = 0  # us
    origin: Origin = NOWHERE
    late: bool = False
    run: str | None = None

    @property
    def source(self) -> str:
        """Who said it."""
        return self.service


class ServiceMinute(msgspec.Struct, frozen=True, tag_field="kind_of", tag="service_minute", omit_defaults=True):
    """What a service did in [start, start + 1 minute), with what its merge needs.

    `latencies` is a histogram: (bucket, count), by bucket. `revision` is the number of distinct events; of two minutes the one with the
    greater (revision, is_closed, from_store) holds.
    """

    service: str
    start: Micros  # us
    request_count: Int64
    latency_count: Int64
    latency_sum: Decimal  # ms
    status_count: Int64
    error_count: Int64
    late_count: Int64
    latencies: tuple[tuple[Int32, Int64], ...]
    is_closed: bool = False
    from_store: bool = False
    last_origin: Origin = NOWHERE

    @property
    def revision(self) -> int:
        """Grows with every distinct event."""
        return self.request_count


class MinuteGivenUp(msgspec.Struct, frozen=True, tag_field="kind_of", tag="minute_given_up"):
    """A live window that the stream no longer holds: the store closes it once the events up to `last_origin` are in."""

    service: str
    start: Micros
    last_origin: Origin
