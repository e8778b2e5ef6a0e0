"""Aggregates: one a file, each a pure `fold` of distinct events and a commutative, associative `merge`.

The same functions serve the live window, the store, the reader and the proof.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from shared.aggregations import candles, minutes
from shared.events import Origin


class Fold(Protocol):
    """The growing fold of one window."""

    def extend(self, rows: Sequence[Any], late: int = 0) -> None:
        """Adds rows of distinct events."""

    def partial(self, key: Any, *, closed: bool = False, last_origin: Origin = ...) -> Any:
        """What everything added comes to."""


class Aggregation(Protocol):
    """What an aggregate's file offers. A key is whose it is first and the window's start last; a row is (time, sequence, id, values…)."""

    @property
    def Fold(self) -> type[Fold]:  # noqa: N802 a module's class
        """The growing fold of one window."""

    def key(self, event: Any) -> Any:
        """The window of an event."""

    def closes(self, key: Any) -> int:
        """The watermark at which the window closes, us."""

    def reached(self, event: Any) -> int:
        """The time that its source has reached, us, since it said this."""

    def row(self, event: Any) -> Any:
        """What the fold takes from an event."""

    def fold(self, events: Iterable[Any]) -> dict[Any, Any]:
        """The partials of distinct events, by window."""

    def merge(self, a: Any, b: Any) -> Any:
        """The partial of the events of both, which must share none."""

    def same(self, a: Any, b: Any) -> bool:
        """Whether two partials hold the same values; closing, lateness and origin apart."""

    def given_up(self, window: Any, last_origin: Origin) -> Any:
        """What the stream says of a window that it no longer holds."""


AGGREGATIONS: dict[str, Aggregation] = {"candles": candles, "minutes": minutes}
