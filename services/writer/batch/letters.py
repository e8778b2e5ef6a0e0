"""Dead letters as the store keeps them."""

from collections.abc import Sequence

import msgspec

from services.writer.batch.contents import Batch, Letter, Place
from services.writer.batch.reading import read
from services.writer.batch.rejections import REASON, SAMPLE
from shared.events import Marker
from shared.records import RUN_HEADER, Record, Row, control_kind, header
from shared.time import from_iso
from shared.topics import DEAD_LETTERS

_OWN = (b"expired", REASON.encode())  # the writer's own, kept when they were rejected
_marker = msgspec.json.Decoder(Marker).decode


def take_letters(batch: Batch, place: Place, records: Sequence[Record]) -> None:
    partition = place[1]
    for record in records:
        if control_kind(record.headers) == "marker":
            if marker := read(batch, place, record, _marker):
                batch.markers.append((marker, place))
        elif header(record.headers, "error_reason") not in _OWN:
            batch.letters.append(_letter(partition, record))


def _letter(partition: int, record: Record) -> Letter:
    def text(name: str, default: str) -> str:
        value = header(record.headers, name)
        return default if value is None else value.decode("utf-8", "replace").replace("\x00", "�")

    given = header(record.headers, RUN_HEADER)
    row = Row.parse(given) if given else None
    received = text("received_at", "")
    return Letter(
        partition,
        record.offset,
        text("origin", f"{DEAD_LETTERS.name}/{partition}/{record.offset}"),
        text("error_source", "unknown"),
        row.run if row else "",
        row.line if row else None,
        text("error_reason", "malformed"),
        text("error_message", ""),
        from_iso(received) if received else record.timestamp * 1000,
        (record.value or b"")[:SAMPLE],
    )
