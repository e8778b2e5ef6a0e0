"""Every module says what it is."""

from __future__ import annotations

import ast

from tests.architecture.sources import modules, tree


def test_every_module_has_a_docstring() -> None:
    assert [str(path) for path in modules("deploy", "services", "shared", "tests") if not ast.get_docstring(tree(path))] == []
