"""One kind of file each; `READERS` names them as runs do."""

from collections.abc import Callable
from typing import Any

from services.fetcher.protocol import Reader
from services.fetcher.readers import events, frames, prices
from shared import runs
from shared.events import Run

READERS: dict[str, tuple[type[Any], Callable[[Run, Any], Reader]]] = {
    "prices": (runs.PricesRequest, prices.Prices),
    "events": (runs.EventsRequest, events.Events),
    "frames": (runs.FramesRequest, frames.Frames),
}
