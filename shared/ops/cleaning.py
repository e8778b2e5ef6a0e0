"""An event's fields checked and made uniform. Rejected, in this order: no event_id, no service, no event_type, no or a bad timestamp.

Kept, with the field null and named in `nulled`: a latency below zero or no number, a status below 100 or no integer, an empty user_id.
"""

from decimal import Decimal

from shared import money
from shared.errors import Reason, Rejected
from shared.events import ServiceEvent
from shared.money import EXACT
from shared.ops import times
from shared.ops.payloads import Fields, text
from shared.ops.versions import LATENCY, read

REQUIRED: tuple[tuple[str, Reason], ...] = (
    ("event_id", "missing_event_id"),
    ("service", "missing_service"),
    ("event_type", "missing_event_type"),
)
UNKNOWN = "unknown"
_LONGEST = 256
_STATUS = range(100, 2**31)


def service(fields: Fields) -> str:
    """Whose event it is, `unknown` where it does not say: the key of its record and of its counts."""
    try:
        return name(fields, "service") or UNKNOWN
    except Rejected:
        return UNKNOWN


def clean(fields: Fields) -> ServiceEvent:
    """The event, without its envelope; raises `Rejected`."""
    given = read(fields)
    event_id, owner, kind = (name(given.fields, field) for field, _ in REQUIRED)
    for value, (field, reason) in zip((event_id, owner, kind), REQUIRED, strict=True):
        if not value:
            raise Rejected(reason, f"the event has no {field}")
    stamp = text(given.fields, "timestamp")
    if not stamp:
        raise Rejected("missing_timestamp", "the event has no timestamp")
    at = times.parse(stamp)
    nulled: list[str] = []
    field, units = LATENCY[given.known]
    latency = _latency(text(given.fields, field), field, units, nulled)
    status = _status(text(given.fields, "status_code"), nulled)
    user = name(given.fields, "user_id")
    if not user and text(given.fields, "user_id") is not None:
        nulled.append("user_id")
    region = name(given.fields, "region") or None
    return ServiceEvent(event_id, owner, kind, at, stamp, latency, status, user or None, region, given.declared, given.extra, tuple(nulled))


def name(fields: Fields, field: str) -> str:
    """A field that names something, trimmed and in lower case; empty where there is none. Raises `Rejected` for what no column holds."""
    value = (text(fields, field) or "").lower()
    if len(value) > _LONGEST or not value.isprintable():
        raise Rejected("malformed", f"{field} {value[:80]!r} is longer than {_LONGEST} characters or not printable")
    return value


def _latency(given: str | None, field: str, units: int, nulled: list[str]) -> Decimal | None:
    """Milliseconds, exactly."""
    if given is None:
        return None
    try:
        value = money.not_negative(given)
        if units > 1:
            value = money.not_negative(str(EXACT.divide(value, Decimal(units))))
        return value
    except ValueError:
        nulled.append(field)
        return None


def _status(given: str | None, nulled: list[str]) -> int | None:
    if given is None:
        return None
    try:
        value = money.amount(given)
    except ValueError:
        value = Decimal(0)
    if value != value.to_integral_value() or int(value) not in _STATUS:
        nulled.append("status_code")
        return None
    return int(value)
