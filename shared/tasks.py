"""Tasks outside a `TaskGroup`: none ends unseen.

Invariant: the end of every task by a fault that nobody expects is logged with its traceback; a loop that nobody waits for is started again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from shared.backoff import delay
from shared.errors import Unavailable

Result = TypeVar("Result")
STEADY_SECONDS = 60.0
LONGEST_PAUSE = 30.0


class Loops(Protocol):
    """Where a loop's restarts are reported."""

    def retrying(self, loop: str, reason: str) -> None: ...


def start(work: Coroutine[Any, Any, Result], *, expected: tuple[type[BaseException], ...] = (Unavailable,)) -> asyncio.Task[Result]:
    """A task that its caller keeps and awaits or cancels; a fault other than the `expected` ones is logged in any case."""

    def ended(task: asyncio.Task[Result]) -> None:
        if not task.cancelled() and (fault := task.exception()) is not None and not isinstance(fault, expected):
            _report(task.get_coro().__qualname__, fault)  # type: ignore[union-attr]

    task = asyncio.create_task(work)
    task.add_done_callback(ended)
    return task


async def kept(health: Loops, loop: str, work: Callable[[], Awaitable[None]], failed: Callable[[str], None] = lambda reason: None) -> None:
    """Runs a loop that is to run until it is cancelled; one that ends, by whatever fault, starts again after a pause.

    `failed` is called with the reason of each end.
    """
    attempt, clock = 0, asyncio.get_running_loop().time
    while True:
        begun = clock()
        try:
            await work()
            reason = "it ended without a fault"
        except Exception as fault:  # noqa: BLE001 whatever ended it, it goes on, and the service is not ready meanwhile
            _report(loop, fault)
            reason = repr(fault)
        failed(reason)
        if clock() - begun > STEADY_SECONDS:
            attempt = 0
        health.retrying(loop, reason)
        await asyncio.sleep(delay(attempt, cap=LONGEST_PAUSE))
        attempt += 1


async def until_stopped(health: Loops, loop: str, work: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event) -> None:
    """Runs a loop that returns once `stop` is set; one that ends by a fault starts again after a pause."""
    attempt = 0
    while not stop.is_set():
        try:
            await work(stop)
            return
        except Exception as fault:  # noqa: BLE001 its siblings in the process go on, and the service is not ready meanwhile
            _report(loop, fault)
            health.retrying(loop, repr(fault))
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), delay(attempt, cap=LONGEST_PAUSE))
        attempt += 1


def _report(what: str, fault: BaseException) -> None:
    from shared.telemetry.logs import log  # only now: the supervisor starts quicker without it

    log().error("a task ended by a fault", task=what, error=repr(fault), exc_info=fault)
