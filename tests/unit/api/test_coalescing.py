"""Sharing reads: no answer is older than its request."""

from __future__ import annotations

import asyncio

import pytest

from services.api.coalescing import Coalescing


class Source:
    """A value that can be read slowly: each read returns what the value was when the read began."""

    def __init__(self) -> None:
        self.value = 0
        self.reads = 0
        self.begun = asyncio.Event()
        self.go = asyncio.Event()

    async def read(self) -> int:
        self.reads += 1
        seen = self.value
        self.begun.set()
        await self.go.wait()
        return seen


async def test_who_asks_during_a_read_shares_the_next_one() -> None:
    #  first  |---------|
    #  value        1
    #  second         |~~|------|      waits, then sees 1
    #  third           ~~|------|
    source, shared = Source(), Coalescing[int]()
    first = asyncio.create_task(shared.get("q", source.read))
    await source.begun.wait()
    source.value = 1
    second, third = (asyncio.create_task(shared.get("q", source.read)) for _ in range(2))
    await asyncio.sleep(0)
    source.go.set()
    assert [await first, await second, await third] == [0, 1, 1]
    assert source.reads == 2


async def test_different_questions_are_read_side_by_side() -> None:
    source, shared = Source(), Coalescing[int]()
    tasks = [asyncio.create_task(shared.get(question, source.read)) for question in ("a", "b")]
    await source.begun.wait()
    await asyncio.sleep(0)
    assert source.reads == 2
    source.go.set()
    assert [await task for task in tasks] == [0, 0]


async def test_a_question_asked_again_later_is_read_again() -> None:
    source, shared = Source(), Coalescing[int]()
    source.go.set()
    assert await shared.get("q", source.read) == 0
    source.value = 5
    assert await shared.get("q", source.read) == 5
    assert shared.waiting == 0


async def test_a_fault_reaches_all_who_share_it_and_nobody_else() -> None:
    shared = Coalescing[int]()
    attempts: list[None] = []

    async def read() -> int:
        attempts.append(None)
        await asyncio.sleep(0)
        if len(attempts) == 1:
            raise RuntimeError("down")
        return len(attempts)

    found = await asyncio.gather(*(shared.get("q", read) for _ in range(3)), return_exceptions=True)
    assert [isinstance(answer, RuntimeError) for answer in found] == [True, True, True]
    assert await shared.get("q", read) == 2


async def test_one_who_gives_up_does_not_take_the_answer_from_the_others() -> None:
    source, shared = Source(), Coalescing[int]()
    leaving, staying = (asyncio.create_task(shared.get("q", source.read)) for _ in range(2))
    await source.begun.wait()
    leaving.cancel()
    source.go.set()
    assert await staying == 0
    with pytest.raises(asyncio.CancelledError):
        await leaving
