"""Fault scripts: what they may say, and when their occurrences are.

position  0 ──── after ──── after+every ──── after+2·every
                 │ jitter →│               │
                 0th        1st              2nd occurrence
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.simulator.faults import FaultScriptError, Rule, Script, chance, occurrence, parse, script
from deploy.simulator.presets import PRESETS


def test_a_script_is_read_from_toml_and_from_json() -> None:
    toml = b'seed = 7\n[[faults]]\nkind = "gap"\nvenue = "binance"\nafter = 5\ncount = 3\n'
    json = b'{"seed": 7, "faults": [{"kind": "gap", "venue": "binance", "after": 5, "count": 3}]}'
    assert parse(toml, ".toml") == parse(json, ".json") == Script((Rule("gap", venue="binance", after=5, count=3),), 7)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"faults": [{"kind": "explode"}]}, "explode"),
        ({"faults": [{"kind": "gap", "how_many": 3}]}, "how_many"),
        ({"faults": [{"kind": "gap", "every": 5}]}, "seconds or count"),
        ({"faults": [{"kind": "gap", "probability": 1.5}]}, "probability"),
        ({"faults": [{"kind": "status", "status": 200}]}, "HTTP error"),
        ({"faults": [{"kind": "disconnect", "how": "politely"}]}, "how"),
        ({"faults": [{"kind": "slow", "by": "trades", "count": 1}]}, "trades"),
        ({"faults": [{"kind": "gap", "by": "requests", "count": 1}]}, "requests"),
        ({"faults": [{"kind": "gap"}, {"kind": "gap", "after": -1}]}, "fault 1 (gap): "),
        ({"faults": [{"kind": "disconnect", "every": 5, "jitter": 5}]}, "jitter"),
        ([], "Expected `object`"),
    ],
)
def test_a_faulty_script_is_refused_with_what_is_wrong(given: object, said: str) -> None:
    with pytest.raises(FaultScriptError) as refusal:
        script(given)
    assert said in str(refusal.value)


def test_text_that_is_no_document_is_refused() -> None:
    for text, suffix in ((b"[[", ".toml"), (b"\xff", ".toml"), (b"{", ".json")):
        with pytest.raises(FaultScriptError):
            parse(text, suffix)


def test_presets_pass_the_same_checks_as_scripts() -> None:
    for preset in PRESETS.values():
        rules = [{name: getattr(rule, name) for name in rule.__struct_fields__} for rule in preset.faults]
        assert script({"seed": preset.seed, "faults": rules}) == preset


def test_occurrences_begin_where_the_rule_says() -> None:
    rule = Rule("disconnect", after=10, every=60, times=3)
    found = [occurrence(rule, 0, position) for position in (9, 10, 69, 70, 130, 1000)]
    assert found == [None, (0, 0), (0, 59), (1, 0), (2, 0), (2, 870)]


def test_a_rule_without_a_period_occurs_once() -> None:
    assert occurrence(Rule("gap", after=3), 0, 1000) == (0, 997)


@given(st.integers(0, 2**32), st.floats(0, 5000), st.floats(0, 50), st.floats(1, 100), st.floats(0, 0.99))
def test_occurrences_are_a_function_of_seed_and_position_and_never_go_back(
    salt: int, position: float, after: float, every: float, share: float
) -> None:
    rule = Rule("disconnect", after=after, every=every, jitter=every * share)
    now, later = occurrence(rule, salt, position), occurrence(rule, salt, position + every)
    assert now == occurrence(rule, salt, position)
    if now is not None:
        assert later is not None
        assert later[0] > now[0] or later[1] > now[1]
        start = position - now[1]
        assert after + now[0] * every <= start + 1e-6
        assert start <= after + now[0] * every + rule.jitter + 1e-6


@given(st.integers(0, 2**64), st.integers(0, 2**64))
def test_chances_lie_between_nought_and_one(one: int, other: int) -> None:
    assert 0 <= chance(one, other) < 1


def test_chances_are_even() -> None:
    found = [chance(3, number) for number in range(10_000)]
    assert 0.48 < sum(found) / len(found) < 0.52
    assert 80 < sum(value < 0.01 for value in found) < 120
    assert len(set(found)) == len(found)
