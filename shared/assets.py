"""Coins by their common names (`bitcoin`) and by their tickers (`BTC`), for providers that name coins and for whoever asks by name.

A coin that the table does not have is called by its name in capitals, `-` written as `.`, so that every name has one ticker and back.
"""

TICKERS = {
    "bitcoin": "BTC",
    "ethereum": "ETH",
    "solana": "SOL",
    "ripple": "XRP",
    "cardano": "ADA",
    "dogecoin": "DOGE",
    "litecoin": "LTC",
}
_NAMES = {ticker: name for name, ticker in TICKERS.items()}


def ticker(name: str) -> str:
    """`bitcoin` to `BTC`, `shiba-inu` to `SHIBA.INU`; a ticker to itself."""
    plain = name.strip().lower()
    return TICKERS.get(plain) or plain.upper().replace("-", ".")


def name(ticker: str) -> str:
    """`BTC` to `bitcoin`, `SHIBA.INU` to `shiba-inu`."""
    return _NAMES.get(ticker) or ticker.lower().replace(".", "-")
