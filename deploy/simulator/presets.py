"""Fault scripts with names.

Invariant: `rough` loses no trade of a connection that stays open: what a client misses, it misses between two connections.
"""

from __future__ import annotations

from deploy.simulator.faults import Rule, Script

PRESETS: dict[str, Script] = {
    "none": Script(),
    "rough": Script(
        seed=1,
        faults=(
            Rule("disconnect", venue="binance", after=30, every=60, jitter=20, how="abort"),
            Rule("disconnect", venue="coinbase", after=40, every=60, jitter=20, how="abort"),
            Rule("disconnect", venue="kraken", after=50, every=60, jitter=20, how="close"),
            Rule("disconnect", after=100, every=150, how="abort"),
            Rule("refuse", after=100, every=150, seconds=3),
            Rule("malformed", probability=0.005),
            Rule("duplicate", probability=0.02),
            Rule("disorder", probability=0.03, delay_ms=1_500),
            Rule("status", after=45, every=90, seconds=3, status=429, retry_after=2),
            Rule("status", after=90, every=90, seconds=3, status=503),
        ),
    ),
}
