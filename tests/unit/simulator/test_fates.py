"""What becomes of a frame, and what broken payloads look like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.simulator.damage import WAYS, damage
from deploy.simulator.fates import Plan, plan
from deploy.simulator.faults import Kind, Rule
from deploy.simulator.frames import frame
from deploy.simulator.injector import Hit
from shared.errors import Rejected
from shared.providers import binance, coinbase

PAYLOAD = b'{"e":"trade","E":1,"s":"BTCUSDT","t":5,"p":"1.5","q":"2","T":1672515782136,"m":true,"M":true}'
MATCH = b'{"type":"match","trade_id":1,"side":"sell","size":"5","price":"400.23","product_id":"BTC-USD","time":"2014-11-07T08:19:27Z"}'
WHOLE = frame(PAYLOAD)
NOW = 10_000_000


def hit(kind: Kind, amount: float = 0.5, **fields: object) -> Hit:
    return Hit(Rule(kind, **fields), amount)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (hit("gap"), Plan(b"", "dropped")),
        (hit("silence"), Plan(b"", "silenced")),
        (hit("duplicate"), Plan(WHOLE + WHOLE, "duplicated")),
        (hit("delay", delay_ms=300), Plan(b"", "delayed", WHOLE, NOW + 300_000)),
        (hit("disorder", amount=1, delay_ms=300), Plan(b"", "held", WHOLE, NOW + 300_000)),
        (hit("disorder", amount=0, delay_ms=300), Plan(b"", "held", WHOLE, NOW + 30_000)),
        (hit("malformed", how="text"), Plan(frame(damage(PAYLOAD, "text", 0)) + WHOLE, "malformed")),
        (hit("malformed", how="text", replace=True), Plan(frame(damage(PAYLOAD, "text", 0)), "garbled")),
    ],
)
def test_each_fault_does_what_it_says(what: Hit, expected: Plan) -> None:
    assert plan(PAYLOAD, what, NOW, carries_trade=True) == expected


def test_faults_of_trades_leave_other_frames_alone() -> None:
    for kind in ("gap", "duplicate", "disorder", "malformed"):
        assert plan(PAYLOAD, hit(kind), NOW, carries_trade=False) == Plan(WHOLE, "sent")
    assert plan(PAYLOAD, hit("silence"), NOW, carries_trade=False).fate == "silenced"
    assert plan(PAYLOAD, hit("delay"), NOW, carries_trade=False).fate == "delayed"


@given(st.sampled_from(["", *WAYS]), st.floats(0, 1, exclude_max=True))
def test_a_parser_rejects_what_is_broken(how: str, amount: float) -> None:
    with pytest.raises(Rejected):
        binance.parse(damage(PAYLOAD, how, amount))
    with pytest.raises(Rejected):
        coinbase.parse(damage(MATCH, how, amount))


def test_an_empty_body_is_empty() -> None:
    assert damage(PAYLOAD, "empty", 0.5) == b""


def test_a_document_without_prices_gets_another_shape() -> None:
    assert damage(b'{"iso":"x"}', "type", 0.5) == b'[{"iso":"x"}]'


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 100_000])
def test_frames_have_the_lengths_of_rfc_6455(size: int) -> None:
    payload = b"x" * size
    data = frame(payload)
    assert data.endswith(payload)
    head = data[: len(data) - size]
    assert head[0] == 0x81
    length = head[1] if len(head) == 2 else int.from_bytes(head[2:], "big")
    assert length == size
    assert len(head) == (2 if size < 126 else 4 if size < 65_536 else 10)
