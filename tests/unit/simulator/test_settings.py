"""The simulator's settings."""

from __future__ import annotations

import pytest

from deploy.simulator.limits import SECOND, Limit
from deploy.simulator.settings import SimulatorSettings, load


def test_lists_are_comma_separated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULATOR__SYMBOLS", "btc-usd, doge-eur")
    monkeypatch.setenv("SIMULATOR__LIMITS", "coingecko=5, coinbase=7")
    settings = load()
    assert settings.symbols == ("BTC-USD", "DOGE-EUR")
    assert settings.limit_of("coingecko") == Limit(5)
    assert settings.limit_of("coinbase") == Limit(7, SECOND)
    assert settings.limit_of("binance") == Limit(6000)


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "70000"), ("SYMBOLS", "BTCUSD"), ("SYMBOLS", "BTC-USD,BTC-USD"), ("LIMITS", "nyse=3"), ("LIMITS", "x"), ("RATE", "-1")],
)
def test_a_faulty_setting_ends_the_start_with_its_name(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"SIMULATOR__{name}", value)
    with pytest.raises(SystemExit) as end:
        load()
    assert f"SIMULATOR__{name}: " in str(end.value)


def test_defaults_need_nothing() -> None:
    assert SimulatorSettings().port == 19500
