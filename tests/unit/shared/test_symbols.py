"""Symbols: the venue's spelling in, `BASE-QUOTE` or the ticker out."""

from __future__ import annotations

import pytest

from shared.errors import Rejected
from shared.symbols import canonical, dashed, split_concatenated


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("btc-usd", "BTC-USD"),
        (" BTC/USD ", "BTC-USD"),
        ("btc_usd", "BTC-USD"),
        ("AAPL", "AAPL"),
        ("BRK.B", "BRK.B"),
        ("1INCH-USDT", "1INCH-USDT"),
    ],
)
def test_separators_and_case_are_made_one(text: str, symbol: str) -> None:
    assert canonical(text) == dashed(text) == symbol


@pytest.mark.parametrize(
    "text",
    ["", " ", "-", "BTC-", "-USD", "BTC--USD", "BTC-USD-X", "BTC USD", "BTC\x00USD", "BTC\nUSD", "€-USD", "A" * 33, "BTC-USD" + " " * 58],
)
def test_what_is_no_symbol_is_rejected_with_its_text(text: str) -> None:
    with pytest.raises(Rejected) as caught:
        canonical(text)
    assert caught.value.reason == "unknown_symbol"
    assert f"symbol {text[:80]!r}" in caught.value.message


@pytest.mark.parametrize(
    ("native", "symbol"),
    [
        ("BTCUSDT", "BTC-USDT"),
        ("btcusdt", "BTC-USDT"),
        ("NKNUSDT", "NKN-USDT"),
        ("BLZETH", "BLZ-ETH"),
        ("LRCBTC", "LRC-BTC"),
        ("RUNEEUR", "RUNE-EUR"),
        ("BNBBTC", "BNB-BTC"),
        ("BTCFDUSD", "BTC-FDUSD"),
        ("USDTTRY", "USDT-TRY"),
        ("USDCUSDT", "USDC-USDT"),
        ("ETHUSD", "ETH-USD"),
        ("1000SATSUSDT", "1000SATS-USDT"),
    ],
)
def test_a_concatenated_symbol_is_split_at_its_longest_known_quote_currency(native: str, symbol: str) -> None:
    assert split_concatenated(native) == symbol


@pytest.mark.parametrize("native", ["", "USDT", "XYZ", "BTCXXX", "BTC\x00USDT", "B" * 10_000 + "USDT"])
def test_a_concatenated_symbol_without_one_is_rejected(native: str) -> None:
    with pytest.raises(Rejected) as caught:
        split_concatenated(native)
    assert caught.value.reason == "unknown_symbol"
    assert len(caught.value.message) < 200
