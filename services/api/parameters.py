"""What a request's query says: each reader takes the text and returns a value, or raises `Invalid` with the parameter's name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, get_args
from urllib.parse import parse_qsl

from services.api import intervals, pages
from services.api.problems import Invalid
from shared import symbols
from shared.errors import Rejected
from shared.events import Kind
from shared.time import DAY, LATEST, from_datetime

KINDS: tuple[Kind, ...] = get_args(Kind)
DEFAULT_LIMIT = 100
TIME = "an ISO-8601 time like 2021-01-08T00:00:00Z (UTC where it names no zone) or Unix milliseconds"
_MAX_FIELDS = 32
_MILLISECONDS = re.compile(r"[0-9]{11,15}")
_LAST = LATEST - DAY
Choice = TypeVar("Choice", bound=str)
Position = TypeVar("Position")


@dataclass(frozen=True)
class Parameter:
    """One parameter as the documentation shows it."""

    name: str
    description: str
    schema: Mapping[str, Any]
    example: str | None = None
    required: bool = False
    place: str = "query"


class Given:
    """The parameters of one request, read by name; a name that the endpoint does not have, or has twice, is refused."""

    __slots__ = ("_values", "accept", "body", "idempotency_key", "pairs", "path", "path_values")

    def __init__(
        self,
        path: str,
        query: bytes,
        known: frozenset[str],
        path_values: Mapping[str, str],
        accept: bytes = b"",
        body: bytes = b"",
        idempotency_key: bytes = b"",
    ) -> None:
        self.path = path
        self.path_values = path_values
        self.accept, self.body, self.idempotency_key = accept, body, idempotency_key
        self.pairs = _pairs(query)
        self._values: dict[str, str] = {}
        for name, value in self.pairs:
            if name not in known:
                raise Invalid(name[:80] or "query", f"is not a parameter of {path}; it takes {', '.join(sorted(known)) or 'none'}")
            if name in self._values:
                raise Invalid(name, "is given more than once")
            self._values[name] = value

    def has(self, name: str) -> bool:
        """Whether the request names it."""
        return name in self._values

    def text(self, name: str) -> str | None:
        """Up to 128 printable characters."""
        value = self._values.get(name)
        return None if value is None else printable(name, value)

    def symbol(self, name: str = "symbol") -> str | None:
        """A symbol in its canonical spelling."""
        value = self._values.get(name)
        if value is None:
            return None
        try:
            return symbols.canonical(value)
        except Rejected as fault:
            raise Invalid(name, fault.message) from None

    def choice(self, name: str, choices: tuple[Choice, ...]) -> Choice | None:
        """One of `choices`."""
        value = self._values.get(name)
        for choice in choices:
            if value == choice:
                return choice
        if value is None:
            return None
        raise Invalid(name, f"{value[:80]!r} is not one of {', '.join(choices)}")

    def time(self, name: str) -> int | None:
        """A time in microseconds."""
        value = self._values.get(name)
        return None if value is None else moment(name, value)

    def interval(self, name: str, default: int) -> int:
        """A candle's interval in microseconds."""
        value = self._values.get(name)
        try:
            return default if value is None else intervals.width(value)
        except ValueError as fault:
            raise Invalid(name, f"{str(value)[:80]!r} {fault}") from None

    def limit(self, most: int, name: str = "limit", *, default: int = DEFAULT_LIMIT) -> int:
        """Rows of a page: 1 to `most`."""
        value = self._values.get(name)
        if value is None:
            return min(default, most)
        if value.isascii() and value.isdigit() and len(value) < 10 and 1 <= int(value) <= most:
            return int(value)
        raise Invalid(name, f"{value[:80]!r} is not a whole number from 1 to {most}")

    def cursor(self, scope: str, kind: type[Position], name: str = "cursor") -> Position | None:
        """The position that a cursor of this query stands for."""
        value = self._values.get(name)
        try:
            return None if value is None else pages.decode(scope, value, kind)
        except ValueError as fault:
            raise Invalid(name, f"{str(value)[:80]!r} {fault}") from None


def printable(name: str, value: str) -> str:
    """The value itself, if it is text that a name can be."""
    if not value or len(value) > 128 or not value.isprintable() or "\ufffd" in value:
        raise Invalid(name, f"{value[:80]!r} is not 1 to 128 printable characters")
    return value


def moment(name: str, value: str) -> int:
    """Microseconds of a time; what is left of a `+` that was not escaped is read as the `+` of a zone."""
    if _MILLISECONDS.fullmatch(value):
        us = int(value) * 1000
    else:
        try:
            at = datetime.fromisoformat(value.replace(" ", "+") if "T" in value else value)
            us = from_datetime(at if at.tzinfo else at.replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            raise Invalid(name, f"{value[:80]!r} is not {TIME}") from None
    if not 0 <= us < _LAST:
        raise Invalid(name, f"{value[:80]!r} is not between 1970 and 9999")
    return us


def span(given: Given) -> tuple[int | None, int | None]:
    """`from` and `to`, in order."""
    start, end = given.time("from"), given.time("to")
    if start is not None and end is not None and start > end:
        raise Invalid("from", "lies after to; expected from <= to")
    return start, end


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise Invalid("query", f"has more than {_MAX_FIELDS} parameters") from None


SOURCE = Parameter("source", "Who said it", {"type": "string"}, "binance")
SYMBOL = Parameter("symbol", "Canonical symbol; any case, `/` and `_` are read as `-`", {"type": "string"}, "BTC-USDT")
SYMBOL_REQUIRED = Parameter(SYMBOL.name, SYMBOL.description, SYMBOL.schema, SYMBOL.example, required=True)
KIND = Parameter("kind", "Kind of tick", {"type": "string", "enum": list(KINDS)}, "trade")
FROM = Parameter("from", f"The first moment, included: {TIME}", {"type": "string"}, "2021-01-08T00:00:00Z")
TO = Parameter("to", "The first moment that is not included", {"type": "string"}, "2021-01-09T00:00:00Z")
LIMIT = Parameter("limit", f"Rows of a page, {DEFAULT_LIMIT} where it is not given", {"type": "integer", "minimum": 1}, "100")
CURSOR = Parameter("cursor", "Where the page starts: as `next_url` of the page before has it", {"type": "string"})
