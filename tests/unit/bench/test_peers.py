"""What the peers are made of, and what they may know."""

import ast
from pathlib import Path

import pytest

from bench import jars, venvs
from bench.contestants import PEERS

FOLDER = Path(jars.__file__).parent / "peers"


def imported(path: Path) -> set[str]:
    """The packages a module imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
    return found


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_no_peer_imports_the_platform(path: Path) -> None:
    assert not imported(path) & {"deploy", "services", "shared"}


def test_no_two_peers_have_a_name() -> None:
    assert len({peer.name for peer in PEERS}) == len(PEERS)


@pytest.mark.parametrize("name", venvs.INPUTS)
def test_what_an_environment_asks_for_is_locked_with_hashes(name: str) -> None:
    lock = venvs.lock(name).read_text(encoding="utf-8")
    for wanted in venvs.INPUTS[name]:
        package = wanted.replace(">=", "==").split("==")[0]
        assert f"{package}==" in lock
    assert all("--hash=sha256:" in block for block in lock.split("\n\n") if block.strip())
    assert "://" not in lock


@pytest.mark.parametrize("peer", jars.COORDINATES)
def test_every_coordinate_is_locked(peer: str) -> None:
    locked = {jar.coordinate for jar in jars.locked(peer)}
    assert set(jars.COORDINATES[peer]) <= locked
    assert not {coordinate.split(":")[1] for coordinate in locked} & jars.NOT_NEEDED
