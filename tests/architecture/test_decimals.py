"""Decimal arithmetic names its context: the default one rounds to 28 digits, also in a minus sign, and what it raises ends a loop.

What is a decimal is told by annotations, in one module as in another: of names, of attributes and of what functions return.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.sources import modules, tree

BUILT_IN = frozenset({"abs", "round", "sum", "divmod", "pow"})
METHODS = frozenset({"quantize", "normalize", "sqrt", "exp", "ln", "log10", "fma", "remainder_near", "scaleb", "to_integral_exact"})
MAKERS = frozenset({"Decimal"})


def is_decimal(annotation: ast.AST | None) -> bool:
    """Whether an annotation is a decimal, or several of them."""
    return annotation is not None and any(isinstance(part, ast.Name) and part.id == "Decimal" for part in ast.walk(annotation))


def declared(trees: list[ast.Module]) -> tuple[set[str], set[str]]:
    """Attributes that are decimals in every class that has them, and functions that return decimals."""
    decimal: set[str] = set()
    other: set[str] = set()
    returning: set[str] = set()
    for module in trees:
        for node in ast.walk(module):
            if isinstance(node, ast.ClassDef):
                for part in node.body:
                    if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                        (decimal if is_decimal(part.annotation) else other).add(part.target.id)
            elif isinstance(node, ast.FunctionDef) and is_decimal(node.returns):
                returning.add(node.name)
    return decimal - other, returning


class Finder(ast.NodeVisitor):
    """Finds arithmetic on decimals outside of `with localcontext(...)`."""

    def __init__(self, attributes: set[str], returning: set[str]) -> None:
        self._attributes, self._returning = attributes, returning
        self._names: list[set[str]] = [set()]
        self._within = 0
        self.found: list[int] = []

    def is_value(self, node: ast.AST) -> bool:
        """Whether an expression is a decimal, as far as it can be seen."""
        if isinstance(node, ast.Name):
            return any(node.id in names for names in self._names)
        if isinstance(node, ast.Attribute):
            return node.attr in self._attributes
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id in ("EXACT", "_ROUNDED"):
                return True
            name = called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
            return name in self._returning | MAKERS or (name in ("abs", "max", "min", "round") and any(map(self.is_value, node.args)))
        if isinstance(node, ast.BinOp):
            return self.is_value(node.left) or self.is_value(node.right)
        if isinstance(node, ast.UnaryOp | ast.Starred):
            return self.is_value(node.operand if isinstance(node, ast.UnaryOp) else node.value)
        if isinstance(node, ast.IfExp):
            return self.is_value(node.body) or self.is_value(node.orelse)
        if isinstance(node, ast.BoolOp):
            return any(map(self.is_value, node.values))
        return isinstance(node, ast.Subscript) and self.is_value(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """A scope of its own."""
        arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        self._names.append({given.arg for given in arguments if is_decimal(given.annotation)})
        self.generic_visit(node)
        self._names.pop()

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 the visitor's name

    def visit_With(self, node: ast.With) -> None:
        """`with localcontext(EXACT)` names the context."""
        named = any("localcontext" in ast.dump(item.context_expr) for item in node.items)
        self._within += named
        self.generic_visit(node)
        self._within -= named

    def visit_Assign(self, node: ast.Assign) -> None:
        """A name of a decimal is one."""
        if self.is_value(node.value):
            self._names[-1] |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Likewise."""
        if is_decimal(node.annotation) and isinstance(node.target, ast.Name):
            self._names[-1].add(node.target.id)
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        """Likewise."""
        if self.is_value(node.value):
            self._names[-1].add(node.target.id)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """+, -, *, / and the like."""
        self._note(node, not isinstance(node.op, ast.BitOr) and (self.is_value(node.left) or self.is_value(node.right)))

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """+= and the like."""
        self._note(node, self.is_value(node.target) or self.is_value(node.value))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        """A sign rounds, too."""
        self._note(node, isinstance(node.op, ast.USub | ast.UAdd) and self.is_value(node.operand))

    def visit_Call(self, node: ast.Call) -> None:
        """`abs`, `round`, `sum`, and methods that are not given their context."""
        called = node.func
        built_in = isinstance(called, ast.Name) and called.id in BUILT_IN and any(map(self.is_value, node.args))
        method = isinstance(called, ast.Attribute) and called.attr in METHODS and self.is_value(called.value)
        self._note(node, built_in or (method and not any(given.arg == "context" for given in node.keywords)))

    def _note(self, node: ast.expr | ast.stmt, wrong: bool) -> None:
        if wrong and not self._within:
            self.found.append(node.lineno)
        self.generic_visit(node)


def violations(modules: dict[str, ast.Module]) -> Iterator[str]:
    """Module and line of each."""
    attributes, returning = declared(list(modules.values()))
    for name, module in modules.items():
        finder = Finder(attributes, returning)
        finder.visit(module)
        yield from (f"{name}:{line}" for line in sorted(set(finder.found)))


def test_decimal_arithmetic_names_its_context() -> None:
    trees = {str(path): tree(path) for path in modules("services", "shared")}
    assert list(violations(trees)) == []


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("def f(a: Decimal) -> Decimal:\n    return -a", True),
        ("def f(a: Decimal) -> bool:\n    return abs(a) > 1", True),
        ("def f(a: list[Decimal]) -> Decimal:\n    return sum(a)", True),
        ("class T:\n    price: Decimal\ndef f(t: T) -> object:\n    return t.price * 2", True),
        ("def g() -> Decimal: ...\ndef f() -> object:\n    return round(g(), 18)", True),
        ("def f(text: str) -> object:\n    return Decimal(text).quantize(X)", True),
        ("def f(a: Decimal) -> object:\n    total = a\n    total += 1\n    return total", True),
        ("def f(a: Decimal) -> object:\n    with localcontext(EXACT):\n        return -a", False),
        ("def f(a: Decimal) -> object:\n    return EXACT.minus(a), a.quantize(X, context=EXACT), a > 1", False),
        ("def f(a: int) -> object:\n    return -a + abs(a)", False),
    ],
)
def test_the_check_sees_what_it_should(source: str, wrong: bool) -> None:
    assert bool(list(violations({"made": ast.parse(source)}))) == wrong
