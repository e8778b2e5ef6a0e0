"""The faulty endpoint of the archive's tests lets patient clients through too."""

import pytest

from tests.fixtures.faulty import FAULTS, Weather


@pytest.mark.parametrize("every", [0.05, 1.0, 4.0, 60.0])
def test_a_client_meets_bursts_and_calms_however_seldom_it_asks(every: float) -> None:
    weather = Weather(3, 0.0)
    met = [weather.fate(n * every) for n in range(1, 1000)]
    assert set(met) == {"through", *FAULTS}
    assert 0.4 < met.count("through") / len(met) < 0.8
