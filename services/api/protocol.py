"""What an endpoint is: a path, what it takes, and a coroutine that answers with the bytes of a JSON document."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from services.api.parameters import Given, Parameter
from services.api.queries import Store
from shared.settings import Api
from shared.telemetry.probes import Health


@dataclass(frozen=True)
class Context:
    """What every endpoint answers from."""

    store: Store
    bounds: Api
    health: Health


Answer = Callable[[Context, Given], Awaitable[bytes | Response]]


@dataclass(frozen=True)
class Endpoint:
    """One GET endpoint; `row` is the struct of its results (or, where `listed` is false, of the whole answer)."""

    path: str
    summary: str
    answer: Answer
    parameters: tuple[Parameter, ...] = ()
    row: Any = None
    listed: bool = True
    description: str = ""

    @property
    def known(self) -> frozenset[str]:
        """The names of its query parameters."""
        return frozenset(parameter.name for parameter in self.parameters if parameter.place == "query")
