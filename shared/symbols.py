"""Canonical symbols: `BASE-QUOTE` for pairs, the ticker for equities; the provider's own spelling is kept beside it."""

import re
from functools import lru_cache

from shared.errors import Rejected

# The quote currencies of concatenated symbols (`BTCUSDT`), longest first so that USDT wins over USD.
QUOTES = sorted(
    (
        "USDT USDC FDUSD TUSD BUSD USDP DAI USD EUR GBP JPY AUD CAD CHF TRY BRL RUB UAH NGN ZAR PLN RON ARS IDR MXN CZK COP "
        "BTC ETH BNB XRP TRX DOGE DOT SOL PAX VAI BIDR IDRT BVND EURI AEUR USD1 BKRW"
    ).split(),
    key=len,
    reverse=True,
)
_LONGEST = 64  # as written, blanks around it included: it is kept as the native symbol
_CANONICAL = re.compile(r"[A-Z0-9][A-Z0-9.]{0,31}(-[A-Z0-9]{1,16})?")


def canonical(text: str) -> str:
    """Upper-cased `BASE-QUOTE` or ticker, with `/` and `_` read as `-`; `Rejected("unknown_symbol")` where it is neither."""
    symbol = text.strip().upper().replace("/", "-").replace("_", "-")
    if len(text) > _LONGEST or not _CANONICAL.fullmatch(symbol):
        raise Rejected("unknown_symbol", f"symbol {text[:80]!r} is neither BASE-QUOTE (BTC-USD) nor a ticker (AAPL)")
    return symbol


def split_concatenated(native: str) -> str:
    """`BTCUSDT` to `BTC-USDT`, by the known quote currencies; `Rejected("unknown_symbol")` where none fits."""
    return _split(native) if len(native) <= _LONGEST else canonical(native)


@lru_cache(maxsize=8192)
def _split(native: str) -> str:
    upper = native.upper()
    for quote in QUOTES:
        if upper.endswith(quote) and len(upper) > len(quote):
            return canonical(f"{upper[: -len(quote)]}-{quote}")
    raise Rejected("unknown_symbol", f"symbol {native[:80]!r} ends in no known quote currency")


@lru_cache(maxsize=8192)
def dashed(native: str) -> str:
    """A symbol that the venue itself writes with a separator (`BTC-USD`, `BTC/USD`)."""
    return canonical(native)
