"""No task ends unseen: a task belongs to a `TaskGroup`, or `shared.tasks.start` reports its end."""

from __future__ import annotations

import ast

from tests.architecture.sources import dotted, modules, tree

WAYS = ("create_task", "ensure_future")
# The supervisor imports nothing of the services' code; it awaits each of its tasks, and none of them raises.
OWN = {"shared/tasks.py", "deploy/local/unit.py"}


def loose(module: ast.Module) -> list[int]:
    """The lines that create a task outside a group."""
    calls = [node for node in ast.walk(module) if isinstance(node, ast.Call)]
    names = [(call.lineno, dotted(call.func)) for call in calls]
    return [line for line, name in names if name.split(".")[-1] in WAYS and name.split(".")[0] != "group"]


def test_tasks_are_created_in_groups_or_reported() -> None:
    assert [f"{path}:{line}" for path in modules() if str(path) not in OWN for line in loose(tree(path))] == []


def test_the_rule_sees_every_way_of_creating_one() -> None:
    ways = ("asyncio.create_task(f())", "asyncio.ensure_future(f())", "create_task(f())", "loop.create_task(f())")
    assert all(loose(ast.parse(way)) == [1] for way in ways)
    assert loose(ast.parse("group.create_task(f())")) == []
