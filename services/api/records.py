"""Rows of the store as values, column by column in the order of the statements in `queries`."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec
from asyncpg import Record

from services.api import answers, answers_runs
from services.api.answers import iso, money, number
from shared.aggregations import minutes
from shared.aggregations.candles import fold
from shared.events import Candle, IndexPrice, Quote, ServiceMinute, Tick, Trade
from shared.money import ZERO, quotient
from shared.time import MINUTE, SECOND


def symbol(row: Record) -> answers.Symbol:
    """A row of SYMBOLS."""
    return answers.Symbol(row[0], row[1], row[2], row[3], iso(row[4]))


def latest(row: Record, flags: list[str]) -> answers.Latest:
    """A row of LATEST, with the flags that stand."""
    source, symbol_, kind, native, event_time, received_at, sequence, id_, price, size, bid, ask = row
    times = iso(event_time), iso(received_at)
    return answers.Latest(source, symbol_, kind, native, *times, sequence, id_, number(price), money(size), money(bid), money(ask), flags)


def flag(row: Record) -> answers.Flag:
    """A row of FLAGS."""
    source, symbol_, kind, name, start, since, end, ticks, price, reference, epoch, place, first, index, *last = row
    times = iso(start), iso(since), None if end is None else iso(end)
    origins = (f"{epoch}/{place}/{first}/{index}", f"{last[0]}/{place}/{last[1]}/{last[2]}")
    return answers.Flag(source, symbol_, kind, name, *times, ticks, money(price), money(reference), *origins)


def source(row: Record) -> answers.Source:
    """A row of SOURCES, its gaps as (start, end, reason)."""
    *told, problems, gaps = row
    name, provider, state, at, received, acknowledged, connects, reason = told
    found = [answers.Gap(iso(start), iso(end), why) for start, end, why in gaps or []]
    of_symbols = msgspec.json.decode(problems, type=dict[str, str])
    return answers.Source(name, provider, state, iso(at), received, acknowledged, connects, reason, found, of_symbols)


def hole(row: Record) -> answers.Hole:
    """A row of HOLES."""
    source_, symbol_, kind, first, last, start, end, state, reason, found_at, ended_at, requests, message, _ = row
    ended = None if ended_at is None else iso(ended_at)
    times = iso(start), iso(end)
    return answers.Hole(source_, symbol_, kind, first, last, *times, state, reason, iso(found_at), ended, requests, message)


def throughput(row: Record, width: int) -> answers.Throughput:
    """A row of THROUGHPUT over so many us."""
    group, kind, ticks, late, most = row
    return answers.Throughput(group, kind, ticks, late, number(quotient(Decimal(ticks * SECOND), Decimal(width)) or ZERO), most)


def tick(row: Record) -> answers.Tick:
    """A row of TICKS."""
    (
        source,
        symbol_,
        kind,
        native,
        event_time,
        received_at,
        sequence,
        id_,
        price,
        size,
        side,
        bid,
        ask,
        bid_size,
        ask_size,
        late,
        run_id,
        *at,
    ) = row
    return answers.Tick(
        source,
        symbol_,
        kind,
        native,
        iso(event_time),
        iso(received_at),
        sequence,
        id_,
        money(price),
        money(size),
        side,
        money(bid),
        money(ask),
        money(bid_size),
        money(ask_size),
        late,
        run_id,
        "/".join(map(str, at)),
    )


def daily(row: Record) -> answers.Daily:
    """A row of DAILY."""
    found = dict(zip(answers.Daily.__struct_fields__, row, strict=True))
    for name in ("open", "high", "low", "close", "volume", "vwap", "average_50", "average_200"):
        found[name] = money(found[name])
    found |= {"date": found["date"].isoformat(), "phase_reason": found["phase_reason"] or None, "received_at": iso(found["received_at"])}
    return answers.Daily(**found)


def minute(row: Record) -> Candle:
    """A row of MINUTES."""
    source, symbol_, kind, start, open_, high, low, close, volume, quote, buy, sell, trades, ticks, late, *ends, closed, _ = row
    first, last = (ends[0], ends[1], ends[2]), (ends[3], ends[4], ends[5])
    prices = open_, high, low, close
    volumes = volume, quote, buy, sell
    return Candle(source, symbol_, kind, MINUTE, start, *prices, *volumes, trades, ticks, late, first, last, closed)


def fact(row: Record) -> Tick:
    """A row of TICKS_AS_OF, with what a fold needs."""
    source, symbol_, kind, at, sequence, id_, price, size, side, bid, ask, late = row
    if kind == "trade":
        return Trade(symbol_, "", at, price, size, side, id_, sequence, source, late=late)
    if kind == "quote":
        return Quote(symbol_, "", at, bid, ask, quote_id=id_, sequence=sequence, source=source, late=late)
    return IndexPrice(symbol_, "", at, price, id_, sequence, source, late=late)


def closes(rows: Iterable[Record]) -> dict[str, Decimal]:
    """The price of the one tick per source in TICKS_BEFORE_AS_OF."""
    return {candle.source: candle.close for candle in fold(map(fact, rows)).values()}


def service_minute(row: Record) -> ServiceMinute:
    """A row of METRICS."""
    service, start, requests, latencies, total, statuses, errors, late, buckets, counts, closed = row
    return ServiceMinute(
        service, start, requests, latencies, total, statuses, errors, late, tuple(zip(buckets, counts, strict=True)), closed
    )


def metric(minute: ServiceMinute) -> answers.Metric:
    """A minute as it is answered."""
    p50, p95, p99 = (money(minutes.percentile(minute, percent)) for percent in (50, 95, 99))
    return answers.Metric(
        minute.service,
        iso(minute.start),
        minute.request_count,
        money(minutes.average(minute)),
        minute.status_count,
        minute.error_count,
        money(minutes.error_rate(minute)),
        p50,
        p95,
        p99,
        minute.late_count,
        minute.is_closed,
    )


def reject(row: Record) -> answers_runs.Reject:
    """A row of REJECTS."""
    reason, message, source_, run_id, line, origin, received_at, sample, count, others = row
    shown = sample.decode("utf-8", "backslashreplace")
    values = [answers_runs.RejectedValue(*value) for value in msgspec.json.decode(others, type=list[tuple[int, str]])]
    return answers_runs.Reject(reason, message, source_, run_id or None, line, origin, iso(received_at), shown, count, values)


def run(row: Record) -> answers_runs.Run:
    """A row of RUNS."""
    return answers_runs.Run(**_run(row))


def counted_run(row: Record) -> answers_runs.RunCounts:
    """A row of RUN."""
    result, files, received, stored, duplicate, rejected, late, reasons, counts = row[13:]
    ledger = {"received": received, "stored": stored, "duplicate": duplicate, "rejected": rejected, "late": late}
    by_reason = dict(zip(reasons, counts, strict=True))
    output_files = msgspec.json.decode(files, type=dict[str, str])
    run_result = msgspec.Raw(result.encode())
    return answers_runs.RunCounts(**_run(row), result=run_result, output_files=output_files, **ledger, rejected_by_reason=by_reason)


def _run(row: Record) -> dict[str, Any]:
    found = dict(zip(answers_runs.Run.__struct_fields__, row, strict=False))
    for name in ("requested_at", "updated_at", "finished_at"):
        found[name] = None if found[name] is None else iso(found[name])
    return {**found, "request": msgspec.Raw(found["request"].encode())}
