"""The project's Python files and what they say, read once.

Invariant: only files under version control's folders are seen, never an environment or a data directory.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("deploy", "services", "shared")


@cache
def modules(*folders: str) -> tuple[Path, ...]:
    """Every Python file of the folders (by default of those that run in production), relative to the root."""
    found = (path for folder in folders or FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return tuple(sorted(path.relative_to(ROOT) for path in found if "node_modules" not in path.parts))


@cache
def tree(module: Path) -> ast.Module:
    return ast.parse((ROOT / module).read_text(encoding="utf-8"))


def dotted(node: ast.AST) -> str:
    """`os.environ` for the attribute node; empty for anything that is not a chain of names."""
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return node.id if isinstance(node, ast.Name) else ""
