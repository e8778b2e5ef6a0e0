"""Timestamps of operational events: ISO-8601, Unix time, dates with slashes, the format of mail and HTTP; UTC where no zone is named."""

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

from shared.errors import Rejected
from shared.time import LONGEST, from_datetime, from_iso, from_number, in_range

_ZONE = re.compile(r"\s*(?:UTC|GMT|Z)$|\s+(?=[+-]\d\d:?\d\d$)")
_SLASHES = re.compile(r"(\d{4})/(\d\d)/(\d\d)(?=$|[ T])")
_MAIL = re.compile(r"(?:[A-Z]{3}, )?(\d{1,2}) ([A-Z]{3}) (\d{4}) (\d\d):(\d\d):(\d\d)(?:\+00:00|([+-])(\d\d):?(\d\d))")
_MONTHS = {name: n for n, name in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)}
EXPECTED = "2026-01-23T11:32:14Z, 2026/01/23 11:32:14, Fri, 23 Jan 2026 11:32:14 GMT, or a Unix time in s, ms, us or ns"


def parse(text: str) -> int:
    """Microseconds of a timestamp in any of the accepted formats; raises `Rejected("bad_timestamp")`."""
    if len(text) > LONGEST:
        raise Rejected("bad_timestamp", f"timestamp {text[:80]!r}… has more than {LONGEST} characters")
    return _parsed(text)


@lru_cache(maxsize=16384)
def _parsed(text: str) -> int:
    spelled = text.strip().upper()
    if spelled.replace(".", "", 1).isdigit():
        return from_number(spelled, "timestamp")
    spelled = _ZONE.sub(lambda found: "+00:00" if found[0].strip() else "", spelled)
    try:
        return _mail(spelled) if _MAIL.fullmatch(spelled) else from_iso(_SLASHES.sub(r"\1-\2-\3", spelled))
    except (Rejected, ValueError, KeyError, OverflowError):
        raise Rejected("bad_timestamp", f"timestamp {text[:80]!r} is none of: {EXPECTED}") from None


def _mail(text: str) -> int:
    found = _MAIL.fullmatch(text)
    assert found is not None, "the caller has matched it"
    day, month, year, hour, minute, second, sign, ahead, minutes = found.groups()
    offset = timedelta(hours=int(ahead), minutes=int(minutes)) if sign else timedelta(0)
    zone = timezone(-offset if sign == "-" else offset) if sign else UTC
    at = datetime(int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second), tzinfo=zone)
    return in_range(from_datetime(at), "timestamp", text)
