"""The venues' REST side: faults first, then the budget, then the venue's own answer; every request logged.

Invariant: one log line a request, whatever became of it.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from deploy.simulator import venue as wire
from deploy.simulator.damage import damage
from deploy.simulator.exchange import Exchange
from deploy.simulator.injector import Hit
from deploy.simulator.limits import Budget
from deploy.simulator.venues import VENUES
from deploy.simulator.websocket import reset

TRANSPORT = "simulator.transport"
RESET = 0


class _Outcome(NamedTuple):
    answer: wire.Answer
    fault: str = ""


class Rest:
    """Answers `/{venue}/{path}`; a caller is a host."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._budgets = {name: Budget(exchange.settings.limit_of(name)) for name in VENUES}

    async def endpoint(self, request: Request) -> Response:
        """One request."""
        name = request.path_params["venue"]
        if name not in VENUES:
            return Response(f"no venue {name}: there are {', '.join(VENUES)}\n", 404)
        began = self._exchange.clock()
        path = "/" + request.path_params["path"]
        asked = wire.Request(
            path,
            dict(request.query_params),
            {key.lower(): value for key, value in request.headers.items()},
            began,
            self._exchange.settings.seed,
        )
        caller = request.client.host if request.client else ""
        outcome = await self._outcome(name, asked, caller)
        self._note(name, asked, caller, outcome)
        if outcome.answer.status == RESET:
            reset(request.scope["extensions"][TRANSPORT])
        status, body, headers = outcome.answer
        kind = {} if status == HTTPStatus.NOT_MODIFIED else {"content-type": "application/json"}
        return Response(body, status or 503, {**kind, **headers})

    async def _outcome(self, name: str, asked: wire.Request, caller: str) -> _Outcome:
        hit = self._exchange.injector.request(name, asked.path, asked.now)
        kind = hit.rule.kind if hit else ""
        if hit is not None and kind == "refuse":
            return _Outcome(wire.Answer(RESET, b""), kind)
        if hit is not None and kind == "slow":
            await asyncio.sleep(hit.rule.delay_ms / 1000)
        if hit is not None and kind == "status":
            return _Outcome(_failure(name, hit), kind)
        answer = self._answer(name, asked._replace(now=self._exchange.clock()), caller)
        if hit is not None and kind == "garbage" and answer.body:
            answer = answer._replace(body=damage(answer.body, hit.rule.how, hit.amount))
        return _Outcome(answer, kind)

    def _answer(self, name: str, asked: wire.Request, caller: str) -> wire.Answer:
        venue = VENUES[name]
        verdict = self._budgets[name].spend(caller, venue.weigh(asked), asked.now)
        answer = venue.limited(verdict.retry_after) if verdict.retry_after else venue.answer(asked, self._exchange.books[name])
        return answer._replace(headers={**answer.headers, **venue.used(verdict)})

    def _note(self, name: str, asked: wire.Request, caller: str, outcome: _Outcome) -> None:
        now, answer = self._exchange.clock(), outcome.answer
        self._exchange.log.note(
            "request",
            name,
            path=asked.path,
            query={key: "***" if "key" in key.lower() else value for key, value in asked.query.items()},
            caller=caller,
            status=answer.status,
            fault=outcome.fault,
            retry_after=int(answer.headers.get("Retry-After", "0")),
            bytes=len(answer.body),
            at=asked.now,
            latency_ms=round((now - asked.now) / 1000, 3),
        )


def _failure(name: str, hit: Hit) -> wire.Answer:
    """A 429 in the venue's own words, another status in none."""
    rule = hit.rule
    if rule.status == HTTPStatus.TOO_MANY_REQUESTS:
        return VENUES[name].limited(rule.retry_after or 1)
    headers = {"Retry-After": str(rule.retry_after)} if rule.retry_after else {}
    return wire.Answer(rule.status, b'{"error":"simulated"}', headers)
