"""What becomes of one frame: sent as it is, or as a fault has it.

Invariant: pure; faults that touch single trades leave frames of other kinds alone.
"""

from __future__ import annotations

from typing import NamedTuple

from deploy.simulator.damage import damage
from deploy.simulator.frames import frame
from deploy.simulator.injector import Hit

MS = 1000


class Plan(NamedTuple):
    """Bytes to send now, bytes to send at `until` us (0: none), and the name of the fate."""

    data: bytes
    fate: str
    later: bytes = b""
    until: int = 0


def plan(payload: bytes, hit: Hit, now: int, *, carries_trade: bool) -> Plan:
    """The fate of a payload of a trade that a rule has hit."""
    whole = frame(payload)
    rule, kind = hit.rule, hit.rule.kind
    if kind == "silence":
        return Plan(b"", "silenced")
    if kind == "delay":
        return Plan(b"", "delayed", whole, now + rule.delay_ms * MS)
    if not carries_trade:
        return Plan(whole, "sent")
    if kind == "gap":
        return Plan(b"", "dropped")
    if kind == "duplicate":
        return Plan(whole + whole, "duplicated")
    if kind == "disorder":
        return Plan(b"", "held", whole, now + int((0.1 + 0.9 * hit.amount) * rule.delay_ms * MS))
    broken = frame(damage(payload, rule.how, hit.amount))
    return Plan(broken, "garbled") if rule.replace else Plan(broken + whole, "malformed")
