"""A registry lists exactly what its folder holds."""

from __future__ import annotations

from services.cli.commands import COMMANDS
from tests.architecture.sources import ROOT


def test_every_command_module_is_registered() -> None:
    folder = ROOT / "services" / "cli" / "commands"
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert {register.__module__.rsplit(".", 1)[-1] for register in COMMANDS} == modules
