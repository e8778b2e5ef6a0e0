"""Fault scripts: rules that say which fault happens where, when and how often.

A rule has occurrences. The first begins `after` seconds (or trades, or requests: `by`), the others `every` so many, each up to `jitter`
later; `times` bounds them. One lasts `seconds`, or until it has hit `count` frames of a symbol (requests of a venue), or for ever.

Invariant: pure; which occurrence a moment lies in, and every chance, is a function of (seed, rule, place): the same script on the same
market repeats.
"""

from __future__ import annotations

import tomllib
import zlib
from collections.abc import Iterable
from typing import Any, Literal, get_args

import msgspec

Kind = Literal["disconnect", "refuse", "gap", "silence", "duplicate", "disorder", "delay", "malformed", "status", "slow", "garbage"]
FRAME_KINDS = frozenset({"gap", "silence", "duplicate", "disorder", "delay", "malformed"})
REQUEST_KINDS = frozenset({"status", "slow", "garbage", "refuse"})
_WAYS: dict[str, tuple[str, ...]] = {
    "disconnect": ("", "abort", "close"),
    "malformed": ("", "truncated", "type", "text"),
    "garbage": ("", "truncated", "type", "text", "empty"),
    "silence": ("", "all"),
}
_MASK = (1 << 64) - 1


class FaultScriptError(Exception):
    """The script cannot be used; the message says which rule and why."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line of a script; empty scopes mean everything. `how` refines a kind; see docs/simulator.md."""

    kind: Kind
    venue: str = ""
    symbol: str = ""
    path: str = ""
    by: Literal["seconds", "trades", "requests"] = "seconds"
    after: float = 0
    every: float = 0
    jitter: float = 0
    times: int = 0
    seconds: float = 0
    count: int = 0
    probability: float = 1
    delay_ms: int = 200
    status: int = 503
    retry_after: int = 0
    how: str = ""
    replace: bool = False

    def applies(self, venue: str, names: Iterable[str] = ()) -> bool:
        """Whether the rule is about this venue and, where it names a symbol, about one of these names of it."""
        return self.venue in ("", venue) and (not self.symbol or self.symbol in names)


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rules and the seed of their chances."""

    faults: tuple[Rule, ...] = ()
    seed: int = 0


def script(given: Any) -> Script:
    """The script in a decoded JSON or TOML document; raises `FaultScriptError`."""
    try:
        found = msgspec.convert(given, Script)
    except msgspec.ValidationError as fault:
        raise FaultScriptError(f"the fault script: {fault}") from None
    for number, rule in enumerate(found.faults):
        if wrong := _wrong(rule):
            raise FaultScriptError(f"fault {number} ({rule.kind}): {wrong}")
    return found


def parse(text: bytes, suffix: str) -> Script:
    """The script in the text of a `.toml` or `.json` file; raises `FaultScriptError`."""
    try:
        return script(tomllib.loads(text.decode()) if suffix == ".toml" else msgspec.json.decode(text))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.DecodeError) as fault:
        raise FaultScriptError(f"the fault script: {fault}") from None


def _wrong(rule: Rule) -> str:
    numbers = (rule.after, rule.every, rule.jitter, rule.times, rule.seconds, rule.count, rule.delay_ms, rule.retry_after)
    ways = _WAYS.get(rule.kind, ("",))
    lasts = bool(rule.seconds or rule.count or rule.by != "seconds" or rule.kind == "disconnect")
    faults = {
        "numbers are not negative": min(numbers) < 0,
        "probability is between 0 and 1": not 0 <= rule.probability <= 1,
        "jitter is less than every": bool(rule.every) and rule.jitter >= rule.every,
        f"how is one of {', '.join(ways)!r}": rule.how not in ways,
        "a fault that comes every so often needs seconds or count": bool(rule.every) and not lasts,
        "trades are counted for frames and disconnects": rule.by == "trades" and rule.kind not in {*FRAME_KINDS, "disconnect"},
        "requests are counted for answers": rule.by == "requests" and rule.kind not in REQUEST_KINDS,
        "status is an HTTP error": rule.kind == "status" and not 400 <= rule.status <= 599,
    }
    return next((said for said, wrong in faults.items() if wrong), "")


def occurrence(rule: Rule, salt: int, position: float) -> tuple[int, float] | None:
    """The last occurrence begun at or before `position`: its number, and how far into it the position is. None before the first."""
    if position < rule.after:
        return None
    number = int((position - rule.after) // rule.every) if rule.every else 0
    if rule.times:
        number = min(number, rule.times - 1)
    while number >= 0:
        start = rule.after + number * rule.every + rule.jitter * chance(salt, number)
        if start <= position:
            return number, position - start
        number -= 1
    return None


def chance(*places: int) -> float:
    """A number in [0, 1) that is a function of the places alone, and looks random."""
    state = 0x9E3779B97F4A7C15
    for place in places:
        state = (state ^ place & _MASK) * 0xBF58476D1CE4E5B9 & _MASK
        state = (state ^ state >> 30) * 0x94D049BB133111EB & _MASK
        state ^= state >> 31
    return (state >> 11) / (1 << 53)


def salt(*names: object) -> int:
    """A place for `chance` made of names."""
    return zlib.crc32("/".join(map(str, names)).encode())


KINDS: tuple[str, ...] = get_args(Kind)
