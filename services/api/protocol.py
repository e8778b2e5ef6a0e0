"""What an endpoint is: a path, what it takes, and a coroutine that answers with the bytes of a JSON document."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from services.api.parameters import Given, Parameter
from services.api.store import Store
from shared.archive.store import Store as Archive
from shared.bus.outlet import Outlet
from shared.bus.reporter import Reporter
from shared.settings import Api
from shared.telemetry.probes import Health


@dataclass(frozen=True)
class Context:
    """What every endpoint answers from."""

    store: Store
    bounds: Api
    health: Health
    outlet: Outlet | None = None  # towards Kafka; without one nothing can be pushed
    reporter: Reporter | None = None  # of the requests answered; without one they are only measured
    archive: Archive | None = None  # the bucket; without one there is none to list


Answer = Callable[[Context, Given], Awaitable[bytes | Response]]


@dataclass(frozen=True)
class Endpoint:
    """One endpoint; `row` is the struct of its results (or, where `listed` is false, of the whole answer)."""

    path: str
    summary: str
    answer: Answer
    parameters: tuple[Parameter, ...] = ()
    row: Any = None
    listed: bool = True
    description: str = ""
    method: str = "GET"
    body: str = ""  # what a request's body is, where it has one
    formats: bool = False  # answers CSV, Parquet and Arrow too, as the request's Accept says
    told: bool = True  # its requests are operational events

    @property
    def known(self) -> frozenset[str]:
        """The names of its query parameters."""
        return frozenset(parameter.name for parameter in self.parameters if parameter.place == "query")
