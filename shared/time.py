"""Times are integer microseconds since 1970-01-01 UTC inside and ISO-8601 with `Z` at the edges; nothing here reads a clock."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from shared.errors import Rejected

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# A millisecond field that holds seconds reads as January 1970: nothing this platform takes is that old.
EARLIEST = 365 * DAY
# The last microsecond of ISO-8601's four digits: asyncpg stores it as infinity and reads it back without a zone.
LATEST = 253_402_300_800 * SECOND - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_USUAL = len("2021-01-08T00:00:00.278123Z")
LONGEST = 64  # characters of a timestamp


def to_datetime(us: int) -> datetime:
    """The aware UTC datetime of `us` microseconds since the epoch."""
    return _EPOCH + timedelta(microseconds=us)


def from_datetime(at: datetime) -> int:
    """Microseconds since the epoch of an aware datetime."""
    return (at - _EPOCH) // _MICROSECOND


def to_iso(us: int) -> str:
    """ISO-8601 with `Z`; the fraction (six digits) only where there is one."""
    return to_datetime(us).isoformat().replace("+00:00", "Z")


def from_iso(text: str, zone: tzinfo = UTC) -> int:
    """Microseconds of an ISO-8601 timestamp (`T` or a blank between date and time); a naive one is read in `zone`.

    Raises `Rejected("bad_timestamp")`. More than six digits of a second are cut, never rounded.
    """
    if len(text) > LONGEST or not text.isascii() or not text.isprintable():
        raise _no_iso(text)
    if len(text) == _USUAL and text[26] == "Z" and text[19] == "." and text[13] == text[16] == ":":
        fraction = text[20:26]
        if fraction.isascii() and fraction.isdigit():
            with suppress(Rejected):  # which names the whole text below
                return _parsed(text[:19], UTC) + int(fraction)
    return _parsed(text, zone)


@lru_cache(maxsize=4096)
def _parsed(text: str, zone: tzinfo) -> int:
    try:
        at = datetime.fromisoformat(text)
        return in_range(from_datetime(at if at.tzinfo else at.replace(tzinfo=zone)), "timestamp", text)
    except (ValueError, OverflowError):
        raise _no_iso(text) from None


def _no_iso(text: str) -> Rejected:
    return Rejected("bad_timestamp", f"timestamp {text[:80]!r} is not ISO-8601, like 2021-01-08T00:00:00.278Z")


def from_ms(ms: int, field: str) -> int:
    """Microseconds of a field of milliseconds; what cannot be milliseconds is `Rejected` with the likely unit."""
    return in_range(ms * 1000, field, ms)


def in_range(us: int, field: str, given: object) -> int:
    """`us` itself, if it lies between 1971 and the year 10000; otherwise `Rejected` naming the field as it was given."""
    if EARLIEST <= us < LATEST:
        return us
    unit = "too small: seconds where milliseconds belong?" if us < EARLIEST else "too large: microseconds where milliseconds belong?"
    raise Rejected("bad_timestamp", f"{field} {repr(given)[:80]} is {unit}")


def from_number(text: str, field: str) -> int:
    """Microseconds of a Unix time in a file, whose unit is told by its size: 10 digits are s, 13 ms, 16 us, 19 ns."""
    whole, _, fraction = text.partition(".")
    if not whole.isascii() or not whole.isdigit() or (fraction and not (fraction.isascii() and fraction.isdigit())):
        raise Rejected("bad_timestamp", f"{field} {text[:80]!r} is neither ISO-8601 nor a Unix time")
    if len(whole) in (9, 10):
        return in_range(int(whole) * SECOND + int(fraction[:6].ljust(6, "0") or 0), field, text)
    if len(whole) in (12, 13):
        return in_range(int(whole) * 1000 + int(fraction[:3].ljust(3, "0") or 0), field, text)
    if len(whole) in (15, 16):
        return in_range(int(whole), field, text)
    if len(whole) in (18, 19):
        return in_range(int(whole) // 1000, field, text)
    raise Rejected("bad_timestamp", f"{field} {text[:80]!r} has {len(whole)} digits; a Unix time has 10 (s), 13 (ms), 16 (us) or 19 (ns)")


def floor(us: int, width: int) -> int:
    """The start of the UTC-aligned window of `width` microseconds that holds `us`."""
    return us - us % width
