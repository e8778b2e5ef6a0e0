"""Where a market stands in its cycle, told from the 50- and 200-day averages of its closes and from how they move. Pure and exact.

|                                          | the averages rise | they do not    |
|------------------------------------------|-------------------|----------------|
| the 50-day average is above the 200-day  | markup            | distribution   |
| it is at or below it                     | accumulation      | markdown       |

They rise where the sum of their two slopes is above zero; a slope is an average less the one of the session before. A day's phase is a
function of 201 closes, those of the day and of the 200 sessions before it, and of nothing else: whatever range is asked for, it is the
same. Multiplying all of them by one factor, as a split does, changes nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, localcontext
from typing import Literal, NamedTuple

from shared.money import EXACT, quotient

Phase = Literal["accumulation", "markup", "distribution", "markdown"]
SHORT, LONG = 50, 200


class Standing(NamedTuple):
    """A day's phase and averages; or, where there is none, why not."""

    phase: Phase | None
    reason: str = ""
    short: Decimal | None = None  # of the last 50 sessions, 12 places
    long: Decimal | None = None  # of the last 200


def standing(day: date, before: Sequence[date], closes: Mapping[date, Decimal]) -> Standing:
    """The phase of a day with a close, given the 200 sessions before it and the closes that are known.

    A session without a close (trade was halted) repeats the one before it; the first of the 200 must have its own.
    """
    window = before[-LONG:]
    if len(window) < LONG or window[0] not in closes:
        known = sum(session in closes for session in window)
        return Standing(None, f"{known} of the {LONG} sessions before have a close, and not the first of them")
    held: list[Decimal] = []
    for session in (*window, day):
        held.append(closes.get(session, held[-1] if held else closes[window[0]]))
    with localcontext(EXACT):
        short, long = sum(held[-SHORT:]), sum(held[-LONG:])
        above = short * (LONG // SHORT) > long
        rising = (held[-1] - held[-1 - SHORT]) * (LONG // SHORT) + held[-1] - held[-1 - LONG] > 0
    phase: Phase = ("markup" if rising else "distribution") if above else ("accumulation" if rising else "markdown")
    return Standing(phase, "", quotient(Decimal(short), Decimal(SHORT)), quotient(Decimal(long), Decimal(LONG)))
