"""What is asked of a source for some assets, what its response gives, and what a failure means for it. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from http import HTTPStatus
from typing import NamedTuple

from shared import assets
from shared.errors import Rejected
from shared.events import IndexPrice
from shared.providers import PRICED, PROVIDERS
from shared.snapshots import USDT_AS_USD
from shared.symbols import canonical

PAUSE_SECONDS = 60.0  # after a 429 that does not say how long


class Ask(NamedTuple):
    """One request and the assets it is for: what they are called here and the symbol of each at the venue."""

    url: str
    symbols: Mapping[str, str]


class Refused(Exception):
    """What came was not what was asked for. `fault`: of the source, not of the request; `wait`: seconds that it asks for."""

    def __init__(self, said: str, *, fault: bool, wait: float | None = None, again: bool = False) -> None:
        super().__init__(said)
        self.fault, self.wait, self.again = fault, wait, again


def checked(names: Sequence[str]) -> list[str]:
    """The assets, each once; raises `Rejected` for what can be no asset."""
    for name in names:
        canonical(f"{assets.ticker(name)}-USD")
    return list(dict.fromkeys(names))


def asks(provider: str, base_url: str, wanted: Sequence[str]) -> list[Ask]:
    """The requests for those assets, as many in one as the venue takes."""
    venue = PRICED[provider]
    found: list[Ask] = []
    step = venue.together(len(wanted))
    for at in range(0, len(wanted), step):
        symbols = {asset: f"{assets.ticker(asset)}-{venue.QUOTE}" for asset in wanted[at : at + step]}
        found += [Ask(url, symbols) for url in venue.requests(base_url or venue.REST, list(symbols.values()))]
    return found


def flags(provider: str) -> list[str]:
    """What is to be said of every price of a source."""
    return [USDT_AS_USD] if PRICED[provider].QUOTE == "USDT" else []


def prices(provider: str, body: bytes, ask: Ask) -> dict[str, Decimal]:
    """The prices of the assets asked for; raises `Refused` where the body is none of the venue's, or has none of them."""
    try:
        values = list(PROVIDERS[provider].parse(body))
    except Rejected as rejection:
        raise Refused(f"{rejection.reason}: {rejection.message}"[:200], fault=True, again=True) from None
    told = {value.symbol: value.price for value in values if isinstance(value, IndexPrice)}
    found = {asset: told[symbol] for asset, symbol in ask.symbols.items() if symbol in told}
    if found:
        return found
    if faults := [value for value in values if isinstance(value, Rejected)]:
        raise Refused(f"{faults[0].reason}: {faults[0].message}"[:200], fault=True, again=True)
    raise Refused(f"no price of {', '.join(ask.symbols)}"[:200], fault=False)


def refusal(status: int, wait: float | None) -> Refused:
    """What a status other than 200 means: a pause asked for, a fault of the venue, or of what it was asked."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Refused("status 429", fault=False, wait=PAUSE_SECONDS if wait is None else wait)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Refused(f"status {status}", fault=True, wait=wait, again=wait is None)
    asked = status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)
    return Refused(f"status {status}", fault=not asked, wait=wait)
