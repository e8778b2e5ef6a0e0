"""The dashboards as files."""

import json
from pathlib import Path

from deploy.grafana.boards import BOARDS
from deploy.grafana.model import render

FOLDER = Path(__file__).parent / "dashboards"


def documents() -> dict[Path, str]:
    """Every dashboard's JSON by its path, as it ought to be."""
    return {FOLDER / f"{board.uid}.json": json.dumps(render(board), indent=1, ensure_ascii=False) + "\n" for board in BOARDS}
