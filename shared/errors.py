"""The two kinds of failure: `Rejected` data, which no retry can help, and an `Unavailable` world, which one can."""

from typing import Literal

Reason = Literal[
    "malformed",
    "unknown_type",
    "unknown_source",
    "unknown_symbol",
    "missing_field",
    "missing_event_id",
    "missing_service",
    "missing_event_type",
    "missing_timestamp",
    "bad_price",
    "bad_size",
    "bad_side",
    "bad_timestamp",
    "future_event_time",
    "bad_encoding",
    "too_large",
    "expired",
    "unstorable",
    "skipped",  # by an operator
    "bad_row",
    "exception",  # the code that read it raised something else than a rejection: its traceback is in the log
]


class Rejected(Exception):
    """A value that cannot be used: dead-letter it with `reason` and a message that names field and value."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason: Reason = reason
        self.message = message[:500]
        self.trade: tuple[str, int, int] | None = None

    def of_trade(self, native: str, number: int, at: int = 0) -> "Rejected":
        """The fault, which names the trade that is rejected: the venue's symbol, its id, and its time in us where that is known."""
        self.trade = (native, number, at)
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rejected) and (self.reason, self.message) == (other.reason, other.message)

    def __hash__(self) -> int:
        return hash((self.reason, self.message))


class Unavailable(Exception):
    """A dependency does not answer: pause, back off, try again, commit nothing."""


class FileFault(Exception):
    """A file that cannot be ingested at all; the message says what is wrong, where, and what to do."""
