"""Syntax trees for `inline.py`: other names, other ends, and the call that a statement begins with."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from mmtui.engine.linking import SHARED

Result = str | type[ast.Return] | None
"""Where the value of a call goes: into a variable, out of the function around it, nowhere."""

_FIRST: Final[dict[type[ast.expr], str]] = {
    ast.BinOp: "left",
    ast.BoolOp: "values",
    ast.Compare: "left",
    ast.IfExp: "test",
    ast.NamedExpr: "value",
    ast.UnaryOp: "operand",
}
"""What each kind of expression works out first."""


Node = TypeVar("Node", bound=ast.AST)


def clone(node: Node) -> Node:
    """A copy of a tree, with the marks that its nodes carry. (`copy.deepcopy` takes twenty times as long.)"""
    new = type(node)()
    for name, value in vars(node).items():
        if isinstance(value, list):
            value = [clone(each) if isinstance(each, ast.AST) else each for each in value]
        elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context):
            value = clone(value)
        setattr(new, name, value)
    return new


def first_call(value: ast.expr | None) -> ast.Call | None:
    """The call that an expression does before anything else."""
    while value is not None and not isinstance(value, ast.Call):
        inner = getattr(value, _FIRST.get(type(value), ""), None)
        value = inner[0] if isinstance(inner, list) else inner
    return value


def simple(value: ast.expr) -> bool:
    """It is the same whenever and however often it is worked out."""
    return isinstance(value, ast.Name | ast.Constant)


def calls(value: ast.expr) -> bool:
    """It calls something, or sets a variable: it must be worked out once, at its time."""
    return any(isinstance(node, ast.Call | ast.NamedExpr) for node in ast.walk(value))


def stored(nodes: Iterable[ast.AST]) -> set[str]:
    """The variables that are set, without the recorder's."""
    names = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return {name for name in names if not name.endswith(SHARED)}


class Substitute(ast.NodeTransformer):
    """Puts expressions for names, and for single nodes."""

    def __init__(self, names: Mapping[str, ast.expr], nodes: Mapping[ast.AST, ast.expr] | None = None) -> None:
        self._names, self._nodes = names, nodes or {}

    def visit(self, node: ast.AST) -> ast.AST:
        if node in self._nodes:
            return self._nodes[node]
        return super().visit(node)  # type: ignore[no-any-return]

    def visit_Name(self, node: ast.Name) -> ast.AST:
        given = self._names.get(node.id)
        if isinstance(node.ctx, ast.Store) and isinstance(given, ast.Name):
            return ast.copy_location(ast.Name(given.id, ast.Store()), node)
        return node if given is None else clone(given)


class _Ends(ast.NodeTransformer):
    """What stands for `return value`: the value is kept, and the statements are left."""

    def __init__(self, result: str | None, leave: bool) -> None:
        self._result, self._leave = result, leave

    def visit_Return(self, node: ast.Return) -> list[ast.stmt]:
        value = node.value or ast.Constant(None)
        made: list[ast.stmt] = []
        if self._result is not None:
            made = [ast.Assign([ast.Name(self._result, ast.Store())], value)]
        elif calls(value):
            made = [ast.Expr(value)]
        made += [ast.Break()] if self._leave else [] if made else [ast.Pass()]
        return [ast.copy_location(statement, node) for statement in made]


def ended(body: list[ast.stmt], result: Result, returns: int) -> list[ast.stmt]:
    """The body of a function as statements that stand elsewhere: where it returns, as it does so often, they end."""
    whole = isinstance(_last(body), ast.Return)
    if result is ast.Return:
        return body if whole else [*body, ast.copy_location(ast.Return(ast.Constant(None)), body[0])]
    assert result is None or isinstance(result, str)
    once = returns == 0 or (returns == 1 and whole)
    made: list[ast.stmt] = []
    for statement in body:
        placed = _Ends(result, leave=not once).visit(statement)
        made += placed if isinstance(placed, list) else [placed]
    if result is not None and not whole:
        made.append(ast.Assign([ast.Name(result, ast.Store())], ast.Constant(None)))
    if not once:
        made = [ast.While(ast.Constant(True), made if whole else [*made, ast.Break()], [])]
    return [
        ast.copy_location(statement, body[0]) if not hasattr(statement, "lineno") else statement for statement in made
    ]


def _last(body: list[ast.stmt]) -> ast.stmt:
    return _last(body[-1].body) if isinstance(body[-1], ast.Try) else body[-1]
