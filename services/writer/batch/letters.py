"""Dead letters as the store keeps them: one row for each reason for which values of a record were rejected."""

from collections.abc import Iterator, Sequence

import msgspec

from services.writer.batch.contents import Batch, Letter, Place
from services.writer.batch.reading import read
from services.writer.batch.rejections import REASON, SAMPLE
from shared import dead_letters
from shared.dead_letters import DeadLetter
from shared.events import Marker
from shared.records import Record, control_kind, header
from shared.storable import INT64, MESSAGE, NAME, storable
from shared.topics import DEAD_LETTERS

_OWN = ("expired", REASON)  # the writer's own, kept when they were rejected
_ORIGIN = 256
_marker = msgspec.json.Decoder(Marker).decode


def take_letters(batch: Batch, place: Place, records: Sequence[Record]) -> None:
    for record in records:
        if control_kind(record.headers) == "marker":
            if marker := read(batch, place, record, _marker):
                batch.markers.append((marker, place))
        elif (letter := dead_letters.read(record)) is not None and letter.reason not in _OWN:
            batch.letters += _rows(letter)


def _rows(letter: DeadLetter) -> Iterator[Letter]:
    record, row = letter.record, letter.row
    message, sample = storable(letter.message, MESSAGE), (record.value or b"")[:SAMPLE]
    for number, count in enumerate(letter.counts):
        named = [(value.at, value.message) for value in letter.values if value.reason == count.reason]
        yield Letter(
            record.partition,
            record.offset,
            _origin(letter) if number == 0 else f"{storable(letter.record_origin, _ORIGIN)}/{count.first}",
            storable(letter.source, NAME * 2),
            row.run if row else "",
            row.line if row and row.line in INT64 else None,
            storable(count.reason, NAME),
            message if number == 0 or not named else named[0][1],
            letter.received_at,
            sample,
            count.number,
            msgspec.json.encode(named).decode(),
        )


def _origin(letter: DeadLetter) -> str:
    if header(letter.record.headers, "origin"):
        return storable(letter.origin, _ORIGIN)
    return f"{DEAD_LETTERS.name}/{letter.record.partition}/{letter.record.offset}"
