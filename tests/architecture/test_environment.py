"""Only the settings modules read the environment."""

from __future__ import annotations

import ast

from tests.architecture.sources import dotted, modules, tree

READS = {"os.environ", "os.environb", "os.getenv", "os.getenvb", "environ", "getenv"}


def reads_environment(module: ast.Module) -> bool:
    used = {dotted(node) for node in ast.walk(module) if isinstance(node, ast.Attribute | ast.Name)}
    bases = {dotted(base).split(".")[-1] for node in ast.walk(module) if isinstance(node, ast.ClassDef) for base in node.bases}
    return bool(used & READS) or "BaseSettings" in bases


def test_only_settings_modules_read_the_environment() -> None:
    assert [str(path) for path in modules() if reads_environment(tree(path)) and path.name != "settings.py"] == []


def test_the_rule_sees_every_way_of_reading() -> None:
    ways = ("import os\nos.environ['A']", "import os\nos.getenv('A')", "from os import environ\nenviron['A']", "class S(BaseSettings): ...")
    assert all(reads_environment(ast.parse(way)) for way in ways)
    assert not reads_environment(ast.parse("import os\nos.getpid()"))
