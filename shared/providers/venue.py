"""What a provider says about reaching its venue: values only, the fetcher opens the connections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.errors import Rejected
from shared.events import Fact


@dataclass(frozen=True, slots=True)
class Opening:
    """A WebSocket's address and the frames to send once it is open; `may_be_silent`: then only pings tell that it lives."""

    url: str
    frames: tuple[bytes, ...] = ()
    may_be_silent: bool = False


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


class Login(Protocol):
    """A provider whose WebSocket wants a key first."""

    def login(self, key: str) -> bytes:
        """The first frame."""

    def authorized(self, key: str, base: str) -> dict[str, str]:
        """The headers that carry the key where its past is asked for: an address never does."""

    def logged_in(self, payload: bytes) -> bool:
        """Whether this frame says that the key is good; False for other frames. Raises `Rejected` where it says that it is not."""


class Polling(Protocol):
    """A provider that is asked."""

    REST: str
    BUDGET: Budget

    def requests(self, base: str, symbols: Sequence[str]) -> list[str]:
        """The addresses that together give the newest prices of those canonical symbols."""


class Priced(Polling, Protocol):
    """A provider whose newest prices can be part of a snapshot: asked by name, with or without a key."""

    QUOTE: str  # the currency whose prices count as dollars here

    def native(self, symbol: str) -> str:
        """The venue's name of a canonical symbol."""

    def together(self, count: int) -> int:
        """How many symbols one request names where `count` are wanted; each is named alone where one that is unknown fails the others."""

    def authorized(self, key: str, base: str) -> dict[str, str]:
        """The headers that carry a key: an address never does."""


class History(Protocol):
    """A provider that can be asked for the past, page by page. An address never holds a key."""

    REST: str
    BUDGET: Budget
    PAGE: int  # the largest page it gives

    def native(self, symbol: str) -> str:
        """The venue's spelling of a canonical symbol."""

    def authorized(self, key: str, base: str) -> Mapping[str, str]:
        """The headers that carry a key."""

    def first(self, base: str, symbol: str, start: int, end: int, limit: int) -> str:
        """The address of the first page of a canonical symbol's past in [start, end), us."""

    def parse(self, payload: bytes) -> Sequence[Fact | Rejected]:
        """The values of a page. Raises `Rejected`."""

    def following(self, asked: str, payload: bytes) -> str | None:
        """The address of the page behind the one asked for; None where it was the last. Raises `Rejected` where the payload is no page."""
