"""Operational events, and the ends of windows that the transformer told."""

from collections.abc import Sequence

import msgspec

from services.writer.batch.contents import Batch, Place, ledger_key
from services.writer.batch.reading import decoded, news, read
from shared.events import CandleRecord, GivenUp, MinuteGivenUp, MinuteRecord, Origin, ServiceEvent, ServiceRecord
from shared.records import Record

_candle = msgspec.json.Decoder(CandleRecord).decode
_services = msgspec.json.Decoder(list[ServiceRecord]).decode
_service = msgspec.json.Decoder(ServiceRecord).decode
_minute = msgspec.json.Decoder(MinuteRecord).decode


def take_closings(batch: Batch, place: Place, records: Sequence[Record]) -> None:
    """Live windows' ends; open windows and what the store itself published are of no concern here."""
    for record in records:
        event = read(batch, place, record, _candle) if record.value else None
        if isinstance(event, GivenUp) or (event is not None and event.is_closed and not event.from_store):
            batch.closings.append((event, place[1]))


def take_minute_closings(batch: Batch, place: Place, records: Sequence[Record]) -> None:
    """Likewise, of operational events."""
    for record in records:
        event = read(batch, place, record, _minute) if record.value else None
        if isinstance(event, MinuteGivenUp) or (event is not None and event.is_closed and not event.from_store):
            batch.minute_closings.append((event, place[1]))


def take_service_events(batch: Batch, place: Place, records: Sequence[Record]) -> None:
    """Distinct operational events by their ids."""
    for event in news(batch, place, decoded(batch, place, records, _services, _service)):
        known = batch.events.setdefault(event.event_id, event)
        if known is not event:
            kept, dropped = (event, known) if first(event) <= first(known) else (known, event)
            batch.events[event.event_id] = kept
            batch.duplicates[ledger_key(dropped)] += 1


def first(event: ServiceEvent) -> tuple[int, Origin]:
    """Of several copies of an operational event the least holds: the first in the log."""
    return event.received_at, event.origin
