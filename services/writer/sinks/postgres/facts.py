"""What a batch's facts come to: rows to copy, candles to merge, counts. Pure, so that it is made beside the transaction before.

Invariant: what `gather` says of some ticks depends on those ticks only; it is asked again when some turn out to be known.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from services.writer.batch import Batch, FactKey, LedgerKey, MarkKey, Place, Rejection, collect, counted, ledger_key
from services.writer.expiry import Expired, reject
from services.writer.sinks.postgres import ticks, trading_rows
from services.writer.sinks.postgres.trading_rows import Staged
from shared.aggregations.candles import Key, group, whole
from shared.events import Candle, Origin, Tick, tick_id
from shared.records import Record


@dataclass(slots=True)
class Gathered:
    """Distinct new ticks, by what is stored of them besides themselves."""

    partials: dict[Key, Candle]
    live: set[Key] = field(default_factory=set)  # windows that a live source touched on time
    untold: set[Key] = field(default_factory=set)  # windows of which no live window knows all
    by_run: dict[str, set[Key]] = field(default_factory=dict)
    stored: Counter[LedgerKey] = field(default_factory=Counter)
    late: Counter[LedgerKey] = field(default_factory=Counter)
    newest: list[Tick] = field(default_factory=list)  # of each source, symbol and kind


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch with everything that can be known before its transaction; `gathered` as if all its facts were new."""

    batch: Batch
    rows: list[bytes]
    gathered: Gathered
    trading: Staged | None
    rejected: list[Rejection]


def prepare(polled: Mapping[Place, Sequence[Record]], marks: Mapping[MarkKey, Origin], expired: Expired) -> Prepared:
    """Decodes a batch, given the marks that the one before it leaves, and the days that are no longer kept."""
    batch = collect(polled, marks)
    rejected = [*batch.rejected, *reject(batch, expired)]
    return Prepared(batch, ticks.rows(batch.facts), gather(batch.facts.values()), trading_rows.stage(batch), rejected)


def among(gathered: Gathered, facts: Mapping[FactKey, Tick], new: Collection[FactKey]) -> Gathered:
    """What is left of it when only some facts are new."""
    return gathered if len(new) == len(facts) else gather([tick for fact, tick in facts.items() if fact in new])


def gather(found: Collection[Tick]) -> Gathered:
    """Sorts ticks out by window."""
    windows = group(found)
    gathered = Gathered({window: whole(window, held) for window, held in windows.items()})
    for window, held in windows.items():
        runs = {tick.run for tick in held}
        late = gathered.partials[window].late_count
        if None in runs and (not late or any(tick.run is None and not tick.late for tick in held)):
            gathered.live.add(window)
        if late or runs != {None}:
            gathered.untold.add(window)
        for run in runs:
            if run is not None:
                gathered.by_run.setdefault(run, set()).add(window)
        gathered.stored.update(counted(held))
        if late:
            gathered.late.update(ledger_key(tick) for tick in held if tick.late)
    gathered.newest = [_last(windows[window], gathered.partials[window]) for window in _last_windows(windows)]
    return gathered


def _last_windows(windows: Collection[Key]) -> list[Key]:
    last = {window[:3]: window for window in sorted(windows)}
    return list(last.values())


def _last(held: Sequence[Tick], candle: Candle) -> Tick:
    return next(tick for tick in held if tick_id(tick) == candle.last[2])
