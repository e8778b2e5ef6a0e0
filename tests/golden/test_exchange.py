"""The exchange's calendar beside another project's: every weekday of 37 years."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from shared import exchange

RECORDED = Path(__file__).parent / "new_york_sessions.txt"
# Trade ended early in a snowstorm: ours has it, the other does not.
APART = {date(1994, 2, 11)}


def recorded() -> dict[date, str]:
    """What the other calendar says of each weekday."""
    found: dict[date, str] = {}
    for line in RECORDED.read_text().splitlines()[1:]:
        year, rest = line.split(" ", 1)
        closed, early = ({date.fromisoformat(f"{year}-{day}") for day in part.split()} for part in rest.split("|"))
        days = (date(int(year), 1, 1) + timedelta(days=n) for n in range(366))
        for day in (day for day in days if day.year == int(year) and day.weekday() < 5):
            found[day] = "holiday" if day in closed else "early_close" if day in early else "regular"
    return found


def test_both_calendars_agree_on_every_weekday() -> None:
    wanted = recorded()
    assert len(wanted) == 9654
    assert {day: exchange.session(day) for day, said in wanted.items() if exchange.session(day) != said} == dict.fromkeys(
        APART, "early_close"
    )
