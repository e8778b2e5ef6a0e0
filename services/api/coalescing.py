"""The same question asked many times at once is read once.

Invariant: an answer was read after its request arrived, so sharing it makes nobody's answer older: who comes while a read
is under way waits for the next one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from shared import tasks

Found = TypeVar("Found")


class _Turn(Generic[Found]):
    """One read, which begins when the one before it has ended."""

    __slots__ = ("begun", "task")

    def __init__(self, before: asyncio.Task[Found] | None, read: Callable[[], Awaitable[Found]]) -> None:
        self.begun = False
        self.task = tasks.start(self._run(before, read), expected=(Exception,))  # raised where it is awaited

    async def _run(self, before: asyncio.Task[Found] | None, read: Callable[[], Awaitable[Found]]) -> Found:
        if before is not None and not before.done():
            await asyncio.wait([before])
        self.begun = True
        return await read()


class Coalescing(Generic[Found]):
    """At most one read under way and one waiting for each question."""

    def __init__(self) -> None:
        self._last: dict[Hashable, _Turn[Found]] = {}

    async def get(self, question: Hashable, read: Callable[[], Awaitable[Found]]) -> Found:
        """What `read` returns or raises; all who share it get the same."""
        turn = self._last.get(question)
        if turn is None or turn.begun:
            turn = self._last[question] = _Turn(None if turn is None else turn.task, read)
            turn.task.add_done_callback(lambda task: self._end(question, task))
        return await asyncio.shield(turn.task)

    @property
    def waiting(self) -> int:
        """Questions with a read under way."""
        return len(self._last)

    def _end(self, question: Hashable, task: asyncio.Task[Found]) -> None:
        if self._last[question].task is task:
            del self._last[question]
        if not task.cancelled():
            task.exception()  # told to whoever still waits; if nobody does, it is no unseen fault
