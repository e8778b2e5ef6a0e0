"""The registry of endpoints is the folder of endpoints."""

from __future__ import annotations

from pathlib import Path

from services.api import routes


def test_every_module_of_the_folder_is_registered() -> None:
    folder = Path(routes.__file__).parent
    assert {module.__name__.rsplit(".", 1)[-1] for module in routes.MODULES} == {path.stem for path in folder.glob("*.py")} - {"__init__"}


def test_every_parameter_of_a_path_is_documented() -> None:
    for endpoint in routes.ENDPOINTS:
        placed = {parameter.name for parameter in endpoint.parameters if parameter.place == "path"}
        assert placed == {part.strip("{}") for part in endpoint.path.split("/") if part.startswith("{")}
