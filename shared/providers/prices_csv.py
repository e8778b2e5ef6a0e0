"""Rows of trade, quote and price files. A payload is a CSV file of one row: the header line, a newline, the row as it was read.

    trade_id,price,quantity,time,is_buyer_maker,symbol=BTC-USDT,zone=UTC
    553287559,39432.48,0.000263,1610064000278,true

A header name with `=` is a constant that the row does not carry. bid and ask make a quote, price and a size a trade, a price alone an
index price. Times are ISO-8601 (naive ones in `zone`) or Unix times, whose unit is told by their digits.
"""

from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

from shared import assets, money
from shared.csv_row import fields
from shared.errors import FileFault, Rejected
from shared.events import IndexPrice, Quote, Side, Tick, Trade
from shared.storable import LINE
from shared.symbols import canonical
from shared.time import from_iso, from_number

COLUMNS: dict[str, tuple[str, ...]] = {
    "time": ("time", "timestamp", "ts", "event_time", "timestamp_utc", "datetime"),
    "price": ("price", "price_usd", "px", "last"),
    "size": ("size", "quantity", "qty", "amount", "volume"),
    "side": ("side", "taker_side"),
    "is_buyer_maker": ("is_buyer_maker", "isbuyermaker", "buyer_maker"),
    "trade_id": ("trade_id", "tradeid", "id"),
    "symbol": ("symbol", "asset", "pair", "ticker"),
    "bid": ("bid", "best_bid", "bid_price"),
    "ask": ("ask", "best_ask", "ask_price", "offer"),
    "bid_size": ("bid_size", "bid_qty"),
    "ask_size": ("ask_size", "ask_qty"),
    "zone": ("zone",),
}
_SIDES: dict[str, Side] = {"buy": "buy", "b": "buy", "bid": "buy", "sell": "sell", "s": "sell", "ask": "sell"}
_TRUTH: dict[str, Side] = {"true": "sell", "t": "sell", "1": "sell", "false": "buy", "f": "buy", "0": "buy"}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each known column stands in a row, and the constants."""

    width: int
    columns: dict[str, int]
    constants: dict[str, str]

    def get(self, row: list[str], name: str) -> str | None:
        """The row's value of a column, or the header's constant, or None where the file has neither."""
        at = self.columns.get(name)
        return row[at].strip() if at is not None else self.constants.get(name)

    def has(self, name: str) -> bool:
        """Whether rows have a value of that name, of their own or the header's."""
        return name in self.columns or name in self.constants


def layout(names: list[str]) -> Layout:
    """The layout of a header's names; raises `FileFault` naming what is missing."""
    known = {alias: name for name, aliases in COLUMNS.items() for alias in aliases}
    constants = dict(name.split("=", 1) for name in names if "=" in name)
    columns: dict[str, int] = {}
    variable = [name for name in names if "=" not in name]
    for at, given in enumerate(variable):
        name = known.get(given.strip().lower())
        if name in columns:
            raise FileFault(f"the header names {name!r} twice (columns {columns[name] + 1} and {at + 1})")
        if name is not None:
            columns[name] = at
    there = columns.keys() | constants.keys()
    wanted = {"time", "symbol"} | ({"bid", "ask"} if {"bid", "ask"} & there else {"price"})
    if lacking := sorted(wanted - there):
        raise FileFault(
            f"the header {','.join(variable)[:200]!r} has no column for {', '.join(lacking)}; "
            f"name it with --column {lacking[0]}=NAME" + (" or give --symbol" if "symbol" in lacking else "")
        )
    return Layout(len(variable), columns, constants)


def _layout(header: str) -> tuple[Layout, ZoneInfo]:
    if len(header) > LINE:
        raise Rejected("bad_row", f"the header {header[:120]!r}… has more than {LINE} characters")
    return _known(header)


@lru_cache(maxsize=64)
def _known(header: str) -> tuple[Layout, ZoneInfo]:
    try:
        found = layout(fields(header))
    except FileFault as fault:
        raise Rejected("bad_row", str(fault)) from None
    return found, _zone(found.constants.get("zone", "UTC"))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError):  # a folder's name is an OSError
        raise Rejected("bad_row", f"zone {name[:80]!r} is no time zone, like America/New_York") from None


def parse(payload: bytes) -> list[Tick]:
    """The one tick of a header and a row. Raises `Rejected`."""
    try:
        header, _, line = payload.decode("utf-8").partition("\n")
    except UnicodeDecodeError as fault:
        raise Rejected("bad_encoding", f"byte {payload[fault.start]:#04x} at {fault.start} of the row is not UTF-8") from None
    columns, zone = _layout(header)
    row = fields(line)
    if len(row) != columns.width:
        raise Rejected("bad_row", f"the row has {len(row)} fields, the header {columns.width}")
    return [_tick(columns, row, zone)]


def native_symbol(payload: bytes) -> str:
    """The symbol of a row, as written; empty where it cannot be found."""
    header, _, line = payload.decode("utf-8", "replace").partition("\n")
    try:
        columns, _ = _layout(header)
        row = fields(line)
    except Rejected:
        return ""
    return (columns.get(row, "symbol") or "") if len(row) == columns.width else ""


def _tick(columns: Layout, row: list[str], zone: ZoneInfo) -> Tick:
    native = _required(columns, row, "symbol")
    symbol, at = _symbol(native), _time(_required(columns, row, "time"), zone)
    number = columns.get(row, "trade_id") or ""
    sequence = int(number) if number.isascii() and number.isdigit() and len(number) < 19 else 0
    if columns.has("bid"):
        bid, ask = (money.price(_required(columns, row, name), name) for name in ("bid", "ask"))
        bid_size, ask_size = (money.quote_size(columns.get(row, name) or None, name) for name in ("bid_size", "ask_size"))
        return Quote(symbol, native, at, bid, ask, bid_size, ask_size, number, sequence)
    price = money.price(_required(columns, row, "price"), "price")
    if not columns.has("size"):
        return IndexPrice(symbol, native, at, price, number, sequence)
    return Trade(symbol, native, at, price, money.size(_required(columns, row, "size"), "size"), _side(columns, row), number, sequence)


def _symbol(native: str) -> str:
    """`bitcoin` is BTC-USD here: files call coins by their common names where their prices are in dollars."""
    known = assets.TICKERS.get(native.strip().lower())
    return f"{known}-USD" if known else canonical(native)


def _required(columns: Layout, row: list[str], name: str) -> str:
    value = columns.get(row, name)
    if not value:
        raise Rejected("missing_field", f"the row has no {name}")
    return value


def _time(text: str, zone: ZoneInfo) -> int:
    return from_number(text, "time") if text[:1].isdigit() and "-" not in text and ":" not in text else from_iso(text, zone)


def _side(columns: Layout, row: list[str]) -> Side | None:
    for name, values in (("side", _SIDES), ("is_buyer_maker", _TRUTH)):
        if given := columns.get(row, name):
            if side := values.get(given.lower()):
                return side
            raise Rejected("bad_side", f"{name} {given[:40]!r} is none of {', '.join(values)}")
    return None
