"""What a provider says about reaching its venue: values only, the fetcher opens the connections."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Opening:
    """A WebSocket's address and the frames to send once it is open."""

    url: str
    frames: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """How many requests the venue allows in how many seconds without a key."""

    requests: int
    seconds: float


class Streaming(Protocol):
    """A provider with a WebSocket."""

    WEBSOCKET: str

    @property
    def CHANNELS(self) -> tuple[str, ...]:  # noqa: N802 a module's constant
        """What can be subscribed to; trades first."""

    def native(self, symbol: str) -> str:
        """The venue's spelling of a canonical symbol."""

    def stream(self, base: str, symbols: Sequence[str], channels: Sequence[str]) -> Opening:
        """How to receive those channels of those canonical symbols from `base`."""


class Polling(Protocol):
    """A provider that is asked."""

    REST: str
    BUDGET: Budget

    def requests(self, base: str, symbols: Sequence[str]) -> list[str]:
        """The addresses that together give the newest prices of those canonical symbols."""


class Priced(Polling, Protocol):
    """A provider whose newest prices can be part of a snapshot: asked by name, with or without a key."""

    TOGETHER: int  # how many symbols one request may name
    QUOTE: str  # the currency whose prices count as dollars here

    def authorized(self, key: str, base: str) -> dict[str, str]:
        """The headers that carry a key: an address never does."""
