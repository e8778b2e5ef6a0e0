"""The thresholds: times in us of the log, distances in hundredths of a percent (bps)."""

import msgspec

from shared.time import HOUR, SECOND


class Rules(msgspec.Struct, frozen=True):
    """docs/data-quality.md says what each does and why it is what it is."""

    peer_age: int = 10 * SECOND
    disorder: int = 2 * SECOND
    divergence_bps: int = 100
    divergence: int = 10 * SECOND
    divergence_sources: int = 3
    spike_bps: int = 200
    spike_factor: int = 20
    spike_ticks: int = 3
    spike_age: int = 60 * SECOND
    frozen: int = 30 * SECOND
    frozen_ticks: int = 5
    frozen_bps: int = 10
    stale: int = 30 * SECOND
    stale_factor: int = 3
    stale_ticks: int = 5
    forget: int = HOUR
