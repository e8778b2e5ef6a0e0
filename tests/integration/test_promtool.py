"""Prometheus's and Alertmanager's own tools take what is generated for them, where they are found."""

import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.prometheus import files as prometheus


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_takes_the_rules_and_each_fires_when_it_should() -> None:
    for command in (["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"]):
        done = subprocess.run(
            ["promtool", *command], cwd=prometheus.ROOT / "deploy/prometheus", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool is not installed")
def test_amtool_takes_both_configurations(tmp_path: Path) -> None:
    for name in ("alertmanager.yml", "alertmanager.slack.yml"):
        done = subprocess.run(
            ["amtool", "check-config", str(prometheus.ROOT / "deploy/alertmanager" / name)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
