"""What a log line may not say."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from shared.telemetry.logs import HIDDEN, redacted


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("postgresql://writer:hunter2@db:5432/x", f"postgresql://{HIDDEN}@db:5432/x"),
        ("GET https://v.example/p?api_key=abc123&symbol=BTC", f"GET https://v.example/p?api_key={HIDDEN}&symbol=BTC"),
        ("Authorization: Bearer", f"Authorization: {HIDDEN}"),
        ({"outer": {"sasl_password": "x", "host": "k"}}, {"outer": {"sasl_password": HIDDEN, "host": "k"}}),
        (["secret=1", 2], [f"secret={HIDDEN}", 2]),
        ("market.raw.v1/3/1200", "market.raw.v1/3/1200"),
        ("12:30:01 on wss://v.example/ws", "12:30:01 on wss://v.example/ws"),
    ],
)
def test_secrets_are_hidden_wherever_they_stand(given: object, told: object) -> None:
    assert redacted("reason", given) == told


def test_a_name_that_says_so_hides_its_value() -> None:
    assert redacted("S3_SECRET_KEY", {"a": 1}) == HIDDEN


def test_every_line_is_json_and_an_exception_s_text_is_redacted_too() -> None:
    code = (
        "import logging\nfrom shared.telemetry import logs\nlogs.configure('t', 'info')\n"
        "try: raise ValueError('postgresql://u:hunter2@h/d')\nexcept ValueError as e: logs.log().error('x', exc_info=e)\n"
        "logging.getLogger('aiokafka').error('password=hunter2')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["service"] for line in lines] == ["t", "t"]
    assert "hunter2" not in done.stderr
    assert HIDDEN in lines[0]["exception"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
def test_a_full_disk_under_the_log_ends_nothing() -> None:
    program = """
from shared.telemetry import logs
logs.configure("test", "info")
for _ in range(1000):
    logs.log().info("a line", text="x" * 100)
print("went on")
"""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=full, text=True, check=False, timeout=60)
    assert done.stdout == "went on\n"
