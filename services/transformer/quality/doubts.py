"""The tests of one tick: each returns what the price was held against where it fails, None where nothing is wrong. Pure."""

from collections.abc import Sequence
from decimal import Context, Decimal

from services.transformer.quality.rules import Rules
from services.transformer.quality.state import Stream
from shared.events import Quote, Tick
from shared.money import EXACT

BPS = Decimal(10_000)
HALF = Decimal("0.5")
PARTS = Decimal(1_000_000_000)
_STEPS = Context(prec=100)


def crossed(tick: Tick) -> Decimal | None:
    """A bid above the ask."""
    return tick.ask if isinstance(tick, Quote) and tick.bid > tick.ask else None


def diverging(price: Decimal, others: Sequence[Decimal], rules: Rules) -> Decimal | None:
    """Further than `divergence_bps` from the median of all sources, the tick's own among them: one wrong source cannot move it far."""
    if len(others) + 1 < rules.divergence_sources:
        return None
    middle = median([price, *others])
    return middle if apart(price, middle, rules.divergence_bps) else None


def spike(stream: Stream, price: Decimal, at: int, others: Sequence[Decimal], rules: Rules) -> Decimal | None:
    """A jump to where no other source is: further than `spike_bps` and than `spike_factor` usual steps from the last sound price.

    After `spike_ticks` ticks in agreement it is the new level; after a silence of `spike_age` any price is.
    """
    reference = stream.reference
    if not apart(price, reference, rules.spike_bps) or at - stream.received_at > rules.spike_age:
        return None
    if step(price, reference) <= rules.spike_factor * stream.typical:
        return None
    if any(distance(other, price) < distance(other, reference) for other in others):
        return None
    agreeing = stream.suspects if not apart(price, stream.suspect, rules.spike_bps) else 0
    return reference if agreeing < rules.spike_ticks else None


def frozen(stream: Stream, price: Decimal, at: int, around: Decimal | None, rules: Rules) -> Decimal | None:
    """The same price again and again for `frozen` us, while what the other sources say has moved away, by `frozen_bps`."""
    if stream.same < rules.frozen_ticks or at - stream.since < rules.frozen or stream.base is None or around is None:
        return None
    return around if apart(around, stream.base, rules.frozen_bps) and apart(around, price, rules.frozen_bps) else None


def stale(stream: Stream, spoken: int, rules: Rules) -> bool:
    """Silent, while others speak, for `stale` us and for `stale_factor` times its longest pause of late."""
    return stream.count >= rules.stale_ticks and spoken - stream.heard > patience(stream, rules)


def patience(stream: Stream, rules: Rules) -> int:
    """How long a stream may be silent, in us."""
    return max(rules.stale, rules.stale_factor * stream.longest)


def median(prices: Sequence[Decimal]) -> Decimal:
    """The middle one, or the mid of the two in the middle."""
    found = sorted(prices)
    middle = len(found) // 2
    return found[middle] if len(found) % 2 else EXACT.multiply(EXACT.add(found[middle - 1], found[middle]), HALF)


def apart(price: Decimal, reference: Decimal, bps: int) -> bool:
    """Whether they differ by more than so many bps of the reference."""
    return EXACT.multiply(distance(price, reference), BPS) > EXACT.multiply(reference, bps)


def step(price: Decimal, reference: Decimal) -> int:
    """How far the price is from the reference, in 1e-9 of the reference."""
    return int(_STEPS.divide_int(EXACT.multiply(distance(price, reference), PARTS), reference))


def distance(price: Decimal, reference: Decimal) -> Decimal:
    """How far they are apart, exactly."""
    return EXACT.abs(EXACT.subtract(price, reference))
