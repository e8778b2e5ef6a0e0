"""The control endpoints under `/_control`: faults, rates, bursts, the log and figures.

Invariant: what is asked for has happened when the answer is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from deploy.simulator.exchange import Exchange
from deploy.simulator.faults import FaultScriptError, Script, parse
from deploy.simulator.log import Filter
from deploy.simulator.market import Market
from deploy.simulator.presets import PRESETS
from deploy.simulator.schedule import SECOND

LARGEST_BURST = 100_000_000


class ControlError(Exception):
    """The request cannot be followed; the message says why."""


class Control:
    """The endpoints of one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/_control/faults", _guarded(self.faults), methods=["GET", "POST", "DELETE"]),
            Route("/_control/log", _guarded(self.log)),
            Route("/_control/stats", _guarded(self.stats)),
            Route("/_control/stop", _guarded(self.stop), methods=["POST"]),
            Route("/_control/start", _guarded(self.start), methods=["POST"]),
            Route("/_control/rate", _guarded(self.rate), methods=["POST"]),
            Route("/_control/burst", _guarded(self.burst), methods=["POST"]),
        ]

    async def faults(self, request: Request) -> Response:
        """The script; POST replaces it (JSON, TOML by content type, or `?preset=`), DELETE empties it."""
        if request.method == "DELETE":
            self._exchange.set_faults(PRESETS["none"])
        elif request.method == "POST":
            self._exchange.set_faults(await self._script(request))
        injector = self._exchange.injector
        elapsed = (self._exchange.clock() - injector.start) / SECOND
        return _json({"elapsed": elapsed, "seed": injector.script.seed, "faults": injector.script.faults})

    async def log(self, request: Request) -> Response:
        """JSON lines; `venue symbol kind since` choose among them."""
        query = request.query_params
        symbol = query.get("symbol", "")
        natives = frozenset(market.native for market in self._exchange.select(symbol=symbol)) if symbol else frozenset()
        if symbol and not natives:
            raise ControlError(f"no market {symbol}")
        wanted = Filter(query.get("kind", ""), query.get("venue", ""), natives, _number(query.get("since", "0"), "since"))
        log = self._exchange.log
        complete = log.path is not None or wanted.since > log.forgotten
        headers = {"x-log-complete": str(complete or not log.forgotten).lower(), "x-log-lines": str(log.lines)}
        return StreamingResponse(log.read(wanted), media_type="application/x-ndjson", headers=headers)

    async def stats(self, request: Request) -> Response:
        """What has happened so far."""
        exchange, log = self._exchange, self._exchange.log
        clients = exchange.hub.clients.values()
        return _json(
            {
                "seed": exchange.settings.seed,
                "uptime_seconds": (exchange.clock() - exchange.started) / SECOND,
                "markets": [_market(exchange, market) for market in exchange.select()],
                "connections": [
                    {
                        "connection": client.number,
                        "venue": client.venue.name,
                        "sent": client.sent,
                        "streams": sorted(f"{stream.channel}:{stream.symbol}" for stream in client.joined),
                    }
                    for client in clients
                ],
                "fates": exchange.hub.fates,
                "log": {"lines": log.lines, "forgotten": log.forgotten, "kinds": log.counts, "file": str(log.path or "")},
            }
        )

    async def stop(self, request: Request) -> Response:
        """Stops the growth of the markets chosen by `venue` and `symbol`."""
        self._exchange.set_rate(self._markets(request), 0)
        return await self.stats(request)

    async def start(self, request: Request) -> Response:
        """Lets them go on."""
        self._exchange.set_rate(self._markets(request), None)
        return await self.stats(request)

    async def rate(self, request: Request) -> Response:
        """Sets the trades a second of each chosen market."""
        self._exchange.set_rate(self._markets(request), _positive(request.query_params.get("rate", ""), "rate"))
        return await self.stats(request)

    async def burst(self, request: Request) -> Response:
        """Issues `count` trades over the chosen markets as fast as those who listen read; all of them first with `ahead=true`."""
        markets = self._markets(request)
        count = _number(request.query_params.get("count", ""), "count")
        if not 0 < count <= LARGEST_BURST:
            raise ControlError(f"count is between 1 and {LARGEST_BURST}")
        seconds = await self._exchange.burst(markets, count, ahead=request.query_params.get("ahead") == "true")
        last = {market.key: market.last.id for market in markets}
        return _json({"issued": count, "seconds": seconds, "per_second": round(count / max(seconds, 1e-6)), "last_ids": last})

    async def _script(self, request: Request) -> Script:
        if preset := request.query_params.get("preset"):
            if preset not in PRESETS:
                raise ControlError(f"no preset {preset}: there are {', '.join(PRESETS)}")
            return PRESETS[preset]
        toml = "toml" in request.headers.get("content-type", "")
        return parse(await request.body(), ".toml" if toml else ".json")

    def _markets(self, request: Request) -> list[Market]:
        venue, symbol = (request.query_params.get(name, "") for name in ("venue", "symbol"))
        markets = self._exchange.select(venue, symbol)
        if not markets:
            raise ControlError(f"no market {symbol or '(any)'} at venue {venue or '(any)'}")
        return markets


def _market(exchange: Exchange, market: Market) -> dict[str, Any]:
    return {
        "venue": market.venue,
        "symbol": market.listing.symbol,
        "native": market.native,
        "rate": exchange.rate(market),
        "issued": market.count,
        "first_id": market.first_id,
        "last_id": market.last.id,
        "last_price": market.price(market.last.price).decode(),
    }


def _guarded(endpoint: Callable[[Request], Any]) -> Callable[[Request], Any]:
    """The endpoint, with what it refuses told as a 400."""

    async def guarded(request: Request) -> Response:
        try:
            answer: Response = await endpoint(request)
        except (ControlError, FaultScriptError) as refusal:
            return JSONResponse({"error": str(refusal)}, 400)
        return answer

    return guarded


def _json(document: Any) -> Response:
    return Response(msgspec.json.encode(document), media_type="application/json")


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ControlError(f"{name} is a whole number, not {text!r}")
    return int(text)


def _positive(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ControlError(f"{name} is a number, not {text!r}") from None
    if not 0 < value <= 100_000:
        raise ControlError(f"{name} is above 0 and at most 100000")
    return value
