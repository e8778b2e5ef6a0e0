"""Every venue's `parse`: frames into ticks on one core, by the processor's time, so that a busy machine changes little.

A frame is a message as the venue sends it, with one event; `polygon bars` is the frame of a minute's end, with a hundred.
"""

from collections.abc import Callable, Iterable, Sequence
from os import getloadavg
from time import process_time

from bench import goals
from bench.figures import Sample
from bench.goals import Goal
from bench.session import Session
from bench.table import Row
from shared.providers import PROVIDERS, TRADE_ROWS

FRAMES = {
    "binance": b'{"e":"trade","E":1672515782136,"s":"BTCUSDT","t":12345,"p":"16850.01","q":"0.01","T":1672515782136,"m":true,"M":true}',
    "coinbase": b'{"type":"match","trade_id":10,"maker_order_id":"ac928c66-ca53-498f-9c13-a110027a60e8",'
    b'"taker_order_id":"132fb6ae-456b-4654-b4e0-d681ac05cea1","side":"sell","size":"5.23512","price":"400.23","product_id":"BTC-USD",'
    b'"sequence":50,"time":"2014-11-07T08:19:27.028459Z"}',
    "kraken": b'{"channel":"trade","type":"update","data":[{"symbol":"MATIC/USD","side":"sell","price":0.5117,"qty":40.0,'
    b'"ord_type":"market","trade_id":4665906,"timestamp":"2023-09-25T07:49:37.708706Z"}]}',
    "polygon": b'[{"ev":"T","sym":"MSFT","x":4,"i":"12345","z":3,"p":114.125,"s":100,"c":[0,12],"t":1536036818784,"q":3681328}]',
}
_BAR = (
    b'{"ev":"AM","sym":"GTE","v":4110,"av":9470157,"op":0.4372,"vw":0.4488,"o":0.4488,"c":0.4486,"h":0.4489,"l":0.4486,"a":0.4352,'
    b'"z":685,"s":1610144640000,"e":1610144700000}'
)
BARS = 100
COUNT, TRIES = 20_000, 5
MUST = 400_000
_BARS, _ROWS = "polygon bars", "binance, plain trades"
GOALS = tuple(Goal(f"parser: {name}", name, "rate", MUST, None, unit="/s") for name in (*FRAMES, _ROWS, _BARS))


def measure(session: Session) -> list[Sample]:
    """The best of some tries a round."""
    samples = []
    for number in range(1, session.options.rounds + 1):
        before = getloadavg()[0]
        rates = {name: rate(PROVIDERS[name].parse, frame) for name, frame in FRAMES.items()}
        rates[_ROWS] = rate(TRADE_ROWS["binance"], FRAMES["binance"])
        rates[_BARS] = BARS * rate(PROVIDERS["polygon"].parse, b"[" + b",".join([_BAR] * BARS) + b"]", COUNT // BARS)
        samples += [Sample(name, number, {"rate": found}, load=before) for name, found in rates.items()]
    return samples


def rate(parse: Callable[[bytes], object], frame: bytes, count: int = COUNT) -> float:
    """Frames a second of processor time."""
    best = 0.0
    for _ in range(TRIES):
        began = process_time()
        for _ in range(count):
            _used(parse(frame))
        best = max(best, count / (process_time() - began))
    return best


def _used(found: object) -> None:
    """Parsers may be lazy: what they give is looked at."""
    if isinstance(found, Iterable) and not isinstance(found, list | tuple):
        list(found)


def rows(samples: Sequence[Sample]) -> list[Row]:
    """One line a parser."""
    return [goals.row(goal, samples) for goal in GOALS]
