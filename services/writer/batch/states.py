"""What holds of runs, sources and doubts: the last that was said."""

from collections.abc import Sequence

import msgspec

from services.writer.batch.contents import Batch, Place
from services.writer.batch.reading import read
from shared import runs
from shared.events import Flag, Hole, Run, SourceRecord, SourceState
from shared.records import Record
from shared.runs import newest

_flag = msgspec.json.Decoder(Flag).decode
_source = msgspec.json.Decoder(SourceRecord).decode
_CANCEL = runs.CANCEL.encode()
_run = msgspec.json.Decoder(Run).decode


def take_runs(batch: Batch, place: Place, records: Sequence[Record]) -> None:
    for record in records:
        if (record.key or b"").endswith(_CANCEL):
            continue  # the fetcher's concern: the run's end comes as a Run
        if record.value and (run := read(batch, place, record, _run)):
            known = batch.runs.get(run.run_id, run)
            batch.runs[run.run_id] = msgspec.structs.replace(newest(run, known), result=run.result or known.result)


def take_sources(batch: Batch, place: Place, records: Sequence[Record]) -> None:
    for record in records:
        event = read(batch, place, record, _source) if record.value else None
        if isinstance(event, SourceState):
            batch.sources.append(event)
        elif isinstance(event, Hole):
            batch.holes[event.source, event.symbol, event.kind, event.first or event.start] = event


def take_flags(batch: Batch, place: Place, records: Sequence[Record]) -> None:
    """The state of each episode that holds; an older one read again changes nothing."""
    for record in records:
        if record.value and (flag := read(batch, place, record, _flag)):
            key = flag.source, flag.symbol, flag.kind, flag.flag, flag.first
            known = batch.flags.get(key)
            if known is None or (known.end is None and (flag.end is not None or flag.ticks > known.ticks)):
                batch.flags[key] = flag
