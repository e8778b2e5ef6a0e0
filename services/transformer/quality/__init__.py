"""Data quality: live ticks of a symbol held against their own past and against what other sources say. Nothing is removed, only flagged.

`rules` are the thresholds, `state` what is remembered of a symbol (bounded), `doubts` the five tests of a tick, `judge` one step of
a symbol, `machine` the state machine of one partition of market.ticks.v1. All of it is pure: time is the ticks' receive time.
"""
