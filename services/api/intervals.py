"""Candle intervals: any whole number of minutes up to a day, spelled `7m`, `4h`, `1d`; windows are aligned to 1970-01-01T00:00Z."""

import re

from shared.time import DAY, HOUR, MINUTE

EXPECTED = "a whole number of minutes or hours up to one day, like 1m, 5m, 90m, 4h, 1d"
_SPELLED = re.compile(r"([1-9][0-9]{0,3})([mhd])")
_UNITS = {"m": MINUTE, "h": HOUR, "d": DAY}


def width(text: str) -> int:
    """Microseconds of an interval; raises `ValueError`."""
    spelled = _SPELLED.fullmatch(text)
    found = int(spelled[1]) * _UNITS[spelled[2]] if spelled else 0
    if not 0 < found <= DAY:
        raise ValueError(f"is not {EXPECTED}")
    return found


def name(width_us: int) -> str:
    """The shortest spelling: `1h`, never `60m`."""
    for unit in ("d", "h", "m"):
        if width_us % _UNITS[unit] == 0:
            return f"{width_us // _UNITS[unit]}{unit}"
    raise ValueError(f"{width_us} us is not a whole number of minutes")


def ceiling(us: int, width_us: int) -> int:
    """The first window start at or after `us`."""
    return -(-us // width_us) * width_us
