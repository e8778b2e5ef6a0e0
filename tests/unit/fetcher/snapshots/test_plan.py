"""What is asked, what a response gives, what a failure means."""

from decimal import Decimal

import pytest

from services.fetcher.responses import retry_after
from services.fetcher.snapshots.plan import PAUSE_SECONDS, Ask, Refused, asks, checked, flags, prices, refusal
from shared.errors import Rejected


def test_assets_are_asked_for_as_the_venue_takes_them() -> None:
    [one] = asks("coingecko", "https://x", ["bitcoin", "ETH"])
    assert one.symbols == {"bitcoin": "BTC-USD", "ETH": "ETH-USD"}
    assert "ids=bitcoin,ethereum&" in one.url
    assert [list(ask.symbols.items()) for ask in asks("binance", "https://x", ["bitcoin", "solana"])] == [
        [("bitcoin", "BTC-USDT")],
        [("solana", "SOL-USDT")],
    ]


def test_a_tether_counts_as_a_dollar_and_is_flagged() -> None:
    [ask] = asks("binance", "", ["bitcoin"])
    assert prices("binance", b'[{"symbol":"BTCUSDT","price":"67187.33"}]', ask) == {"bitcoin": Decimal("67187.33")}
    assert (flags("binance"), flags("coinbase")) == (["usdt_as_usd"], [])


def test_a_response_gives_what_it_has() -> None:
    ask = Ask("", {"bitcoin": "BTC-USD", "nosuchcoin": "NOSUCHCOIN-USD"})
    assert prices("coingecko", b'{"bitcoin":{"usd":1.5},"ethereum":{"usd":2}}', ask) == {"bitcoin": Decimal("1.5")}


@pytest.mark.parametrize(
    ("body", "fault"),
    [(b"{", True), (b'{"bitcoin":{"usd":-1}}', True), (b"<html>", True), (b"", True), (b"{}", False), (b'{"ethereum":{"usd":2}}', False)],
)
def test_garbage_is_the_source_s_fault_and_an_unknown_asset_is_not(body: bytes, fault: bool) -> None:
    with pytest.raises(Refused) as refused:
        prices("coingecko", body, Ask("", {"bitcoin": "BTC-USD"}))
    assert (refused.value.fault, refused.value.again) == (fault, fault)


@pytest.mark.parametrize(
    ("status", "wait", "fault", "again", "pause"),
    [
        (500, None, True, True, None),
        (503, 7.0, True, False, 7.0),
        (429, 7.0, False, False, 7.0),
        (429, None, False, False, PAUSE_SECONDS),
        (404, None, False, False, None),
        (400, None, False, False, None),
        (401, None, True, False, None),
        (301, None, True, False, None),
    ],
)
def test_a_status_means(status: int, wait: float | None, fault: bool, again: bool, pause: float | None) -> None:
    found = refusal(status, wait)
    assert (found.fault, found.again, found.wait) == (fault, again, pause)


def test_assets_are_checked_and_taken_once() -> None:
    assert checked(["bitcoin", "ETH", "bitcoin", "shiba-inu"]) == ["bitcoin", "ETH", "shiba-inu"]
    for wrong in ("", "a b", "x" * 100, "bit/coin/s", "a&ids=b", "../v1"):
        with pytest.raises(Rejected):
            checked([wrong])


def test_retry_after_is_seconds_or_a_date_as_the_response_sees_it() -> None:
    assert retry_after("17", None) == 17.0
    assert retry_after("Wed, 21 Oct 2026 07:28:30 GMT", "Wed, 21 Oct 2026 07:28:00 GMT") == 30.0
    assert retry_after("Wed, 21 Oct 2026 07:27:30 GMT", "Wed, 21 Oct 2026 07:28:00 GMT") == 0.0
    assert retry_after("999999999", None) == 3600.0
    for nothing in (None, "", "soon", "-5", "1.5.5"):
        assert retry_after(nothing, "Wed, 21 Oct 2026 07:28:00 GMT") is None
