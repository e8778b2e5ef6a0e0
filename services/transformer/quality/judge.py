"""One step of a symbol: a live tick is tested, what is remembered moves on, and flags are raised, grow and end.

Invariant: the same ticks in the same order give the same flags; every flagged tick lies in an episode between its `first` and `last`.
"""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from services.transformer.quality import doubts
from services.transformer.quality.rules import Rules
from services.transformer.quality.state import Market, Stream
from shared.aggregations.candles import row
from shared.events import Flag, FlagName, Tick
from shared.time import SECOND

LEARNED = 64  # a step weighs 1/64 of the usual one; a pause is forgotten by 1/64 a tick
Doubt = tuple[FlagName, Decimal | None]


def judge(market: Market, tick: Tick, rules: Rules) -> list[Flag]:
    """Takes the tick; returns the flags that were raised, have doubled or have ended."""
    told: list[Flag] = []
    at, price = tick.received_at, row(tick)[3]
    if at > market.log_time:
        market.spoken += min(at - market.log_time, rules.peer_age)
        market.log_time = at
    kinds = market.streams.setdefault(tick.source, {})
    stream = kinds.get(tick.kind)
    if stream is None:
        stream = kinds[tick.kind] = Stream(tick.event_time, at, price, heard=market.spoken)
    stream.count += 1
    for heard in kinds.values():
        told += _heard(heard, market.spoken, at, rules)
    if tick.event_time >= stream.event_time - rules.disorder:  # what is older was told of before, or is history
        told += _test(market, stream, tick, price, rules)
    stream.received_at, stream.newest = max(stream.received_at, at), tick.origin
    if market.spoken - market.checked >= SECOND:
        market.checked = market.spoken
        told += _silent(market, rules)
    return told


def forget(market: Market, log_time: int, rules: Rules) -> list[Flag]:
    """Drops the streams that were silent for too long; their flags end with them."""
    told: list[Flag] = []
    for source, kinds in list(market.streams.items()):
        for kind, stream in list(kinds.items()):
            if log_time - stream.received_at > rules.forget:
                told += [msgspec.structs.replace(flag, end=log_time) for flag in stream.standing.values()]
                del kinds[kind]
        if not kinds:
            del market.streams[source]
    return told


def _heard(stream: Stream, spoken: int, at: int, rules: Rules) -> list[Flag]:
    """The source's silence is over, and teaches how long it usually is."""
    pause, ended = min(spoken - stream.heard, 2 * doubts.patience(stream, rules)), stream.standing.pop("stale", None)
    if ended:  # an outage teaches little; a source that is always slow is learned after a few
        pause = stream.longest + (pause - stream.longest) // 4
    stream.longest = max(pause, stream.longest - stream.longest // LEARNED)
    stream.heard = spoken
    return [msgspec.structs.replace(ended, end=at)] if ended else []


def _test(market: Market, stream: Stream, tick: Tick, price: Decimal, rules: Rules) -> Iterator[Flag]:
    at, peers = tick.received_at, _peers(market, tick, rules)
    others = [peer.reference for peer in peers]
    around = doubts.median(others) if others else None
    jumped = doubts.spike(stream, price, at, [peer.price for peer in peers], rules)
    if price != stream.price:
        stream.price, stream.since, stream.same, stream.base = price, at, 0, None
    stream.same += 1
    if stream.base is None:
        stream.base = around
    stuck = stream.standing.get("frozen")
    unmoved = stuck.reference if stuck and stream.same > 1 else doubts.frozen(stream, price, at, around, rules)
    _move(stream, price, jumped is not None, rules)
    stream.event_time = max(stream.event_time, tick.event_time)
    median = doubts.diverging(price, others, rules)
    stream.apart = 0 if median is None else stream.apart or at
    found: tuple[Doubt, ...] = (
        ("crossed", doubts.crossed(tick)),
        ("diverging", median if at - stream.apart >= rules.divergence else None),
        ("frozen", unmoved),
        ("spike", jumped),
    )
    for name, reference in found:
        if reference is not None:
            yield from _raise(stream, name, reference, tick, price)
        elif ended := stream.standing.pop(name, None):
            yield msgspec.structs.replace(ended, end=at)


def _peers(market: Market, tick: Tick, rules: Rules) -> list[Stream]:
    """The newest stream of each other source that speaks of the same moment."""
    found = []
    for source, kinds in market.streams.items():
        if source != tick.source and kinds:
            newest = max(kinds.values(), key=_received) if len(kinds) > 1 else next(iter(kinds.values()))
            if abs(newest.event_time - tick.event_time) <= rules.peer_age:
                found.append(newest)
    return found


def _received(stream: Stream) -> int:
    return stream.received_at


def _move(stream: Stream, price: Decimal, jumped: bool, rules: Rules) -> None:
    """A spike is held back until it has come often enough; any other price is the new reference."""
    if jumped:
        stream.suspects = 1 if not stream.suspects or doubts.apart(price, stream.suspect, rules.spike_bps) else stream.suspects + 1
        stream.suspect = price
        return
    usual = min(doubts.step(price, stream.reference), 100_000_000)
    stream.typical += (usual - stream.typical) // LEARNED
    stream.reference, stream.suspects = price, 0


def _raise(stream: Stream, name: FlagName, reference: Decimal, tick: Tick, price: Decimal) -> Iterator[Flag]:
    """A new episode, or one tick more; told when it begins and whenever its ticks have doubled."""
    known = stream.standing.get(name)
    if known is None:
        since = {"frozen": stream.since, "diverging": stream.apart}.get(name, tick.received_at)
        start = (tick.source, tick.symbol, tick.kind, name, tick.received_at, since)
        flag = Flag(*start, 1, price, reference, tick.origin, tick.origin)
    else:
        flag = msgspec.structs.replace(known, ticks=known.ticks + 1, last=tick.origin)
    stream.standing[name] = flag
    if flag.ticks & (flag.ticks - 1) == 0:
        yield flag


def _silent(market: Market, rules: Rules) -> Iterator[Flag]:
    """Raises `stale` for the sources of which nothing was heard while others spoke."""
    for source, kinds in market.streams.items():
        if not all(doubts.stale(stream, market.spoken, rules) for stream in kinds.values()):
            continue
        for kind, stream in kinds.items():
            if "stale" not in stream.standing:
                times = (market.log_time, stream.received_at)
                flag = Flag(source, market.symbol, kind, "stale", *times, 0, stream.price, None, stream.newest, stream.newest)
                stream.standing["stale"] = flag
                yield flag
