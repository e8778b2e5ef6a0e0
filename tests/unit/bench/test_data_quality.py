"""The thresholds' defaults, held against feeds with seeded faults."""

from __future__ import annotations

import pytest

from bench.data_quality import measure
from services.transformer.__main__ import thresholds
from services.transformer.quality.rules import Rules
from shared.settings import Quality


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_seeded_fault_is_flagged_and_hardly_a_clean_tick(seed: int) -> None:
    found = measure(4, 1.0, seed)
    missed = [fault for fault in found.faults if not fault.flagged and (fault.ticks or fault.name == "stale")]
    assert missed == []
    assert {fault.name for fault in found.faults} == {"crossed", "diverging", "frozen", "spike", "stale"}
    assert found.false_ticks <= found.clean // 1000


def test_the_settings_defaults_are_those_of_the_rules() -> None:
    assert thresholds(Quality()) == Rules()
