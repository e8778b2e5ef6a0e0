"""The texts of a row's columns as values; what cannot be used is `Rejected`. Texts come without blanks around them. Pure."""

from datetime import tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import get_args

from shared.errors import Reason, Rejected
from shared.events import Action, Side
from shared.money import positive
from shared.symbols import canonical
from shared.time import from_iso, from_number

_ACTIONS: dict[str, Action] = {"": "new", **{name: name for name in get_args(Action)}}
_SIDES: dict[str, Side] = {"buy": "buy", "b": "buy", "sell": "sell", "s": "sell", "sell_short": "sell", "ss": "sell"}
_LONGEST = 128


@lru_cache(maxsize=8192)
def symbol(text: str) -> str:
    """A canonical symbol."""
    return canonical(text or given(text, "symbol"))


def moment(text: str, zone: tzinfo) -> int:
    """A time in us: ISO-8601, read in `zone` where it names none, or Unix time whose unit its digits tell."""
    if len(text) == 27 and text[26] == "Z" and text[16] == ":" and text[19] == "." and text.isascii():
        within = text[17:19] + text[20:26]
        if within.isdigit() and within < "6":
            return _minute(text[:16]) + int(within)
    return from_number(text, "timestamp") if text.isdigit() else from_iso(text, zone)


@lru_cache(maxsize=4096)
def _minute(text: str) -> int:
    """The start of a minute in UTC: most times of a file share theirs with many others."""
    return from_iso(f"{text}:00Z")


def time(text: str, field: str, zone: tzinfo) -> int:
    """A `moment` that is not left out; the fault names the field."""
    try:
        return moment(text or given(text, field), zone)
    except Rejected as fault:
        raise Rejected(fault.reason, fault.message.replace("timestamp", field, 1)) from None


def action(text: str) -> Action:
    """What a row does to its id; `new` where it does not say."""
    found = _ACTIONS.get(text.lower())
    if found is None:
        raise Rejected("bad_row", f"action {text.lower()[:40]!r} is none of {', '.join(filter(None, _ACTIONS))}")
    return found


def no_action(text: str) -> None:
    """A quote has nothing but `new`."""
    if text.lower() not in ("", "new"):
        raise Rejected("bad_row", f"action {text[:40]!r}: a quote has no id by which it could be corrected")


def given(text: str, field: str) -> str:
    """The text, which may not be left out."""
    if not text:
        raise Rejected("missing_field", f"the row has no {field}")
    return text


def name(text: str, field: str) -> str:
    """An id."""
    if len(text or given(text, field)) > _LONGEST or not text.isprintable():
        raise Rejected("malformed", f"{field} {text[:80]!r} is longer than {_LONGEST} characters or not printable")
    return text


def place(text: str) -> str:
    """A destination; it may be left out."""
    if len(text) > _LONGEST or not text.isprintable():
        raise Rejected("malformed", f"destination {text[:80]!r} is longer than {_LONGEST} characters or not printable")
    return text


def side(text: str) -> Side:
    """Buy or sell."""
    found = _SIDES.get(text.lower())
    if found is None:
        raise Rejected("bad_side", f"side {given(text, 'side')[:40]!r} is none of {', '.join(_SIDES)}")
    return found


def number(text: str, field: str, reason: Reason) -> Decimal:
    """A price or a quantity above zero."""
    try:
        return positive(text or given(text, field))
    except ValueError as fault:
        raise Rejected(reason, f"{field} {text[:80]!r} {fault}") from None
