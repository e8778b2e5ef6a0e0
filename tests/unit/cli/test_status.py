"""How the status is printed."""

from __future__ import annotations

import pytest

from services.cli.commands.status import duration


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59.9, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h 0m"), (11100, "3h 5m"), (176400, "2d 1h")]
)
def test_a_duration_is_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text
