"""Does for the kernel models what a C compiler does for the kernel: short inlines are put where they are called.

A function of a model that is not a `@kfn` is an inline of the kernel. If it is one expression (`PageAnon`), a call of
it becomes that expression; if it is a few statements without a result (`get_page`), a call that stands alone becomes
those statements, which keep their own line and name in the log. Numbers that have names (`VM_SHARED`) become numbers.
The functions themselves stay in the model: a call that is not this simple goes to them as it is written.
"""

from __future__ import annotations

import ast
import builtins
import copy
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Final

DEEPEST: Final = 4
"""Inlines within inlines."""

Find = Callable[[str], tuple[ast.FunctionDef, FunctionType] | None]
"""A model's function by its Python name: its syntax tree and itself."""

_SIMPLE: Final = (ast.Expr, ast.Assign, ast.AugAssign, ast.If)
_SCOPES: Final = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.NamedExpr)


@dataclass(frozen=True)
class Inline:
    """An inline that can be put elsewhere: an expression, or statements."""

    params: tuple[str, ...]
    defaults: dict[str, ast.expr]
    value: ast.expr | None
    body: Sequence[ast.stmt]
    pure: bool
    """It calls nothing, so that an argument may be worked out where it is used."""


class Inliner(ast.NodeTransformer):
    """Rewrites one function: `find` has the model's functions."""

    def __init__(self, function: FunctionType, find: Find, depth: int = 0) -> None:
        self._globals = function.__globals__
        self._locals = {*function.__code__.co_varnames, *function.__code__.co_cellvars}
        self._find, self._depth = find, depth

    def visit_Name(self, node: ast.Name) -> ast.AST:
        value = self._globals.get(node.id)
        if isinstance(node.ctx, ast.Load) and node.id not in self._locals and type(value) is int:
            return ast.copy_location(ast.Constant(value), node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        inline = self._inline(node)
        if inline is None or inline.value is None:
            return node
        given = _arguments(inline, node)
        if given is None or not all(_simple(value) or (inline.pure and _pure(value)) for value in given.values()):
            return node
        value: ast.expr = _Substitute(given).visit(copy.deepcopy(inline.value))
        return value

    def visit_Expr(self, node: ast.Expr) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        call = node.value
        if not isinstance(call, ast.Call):
            return node
        if isinstance(call.func, ast.Name) and call.func.id == "BUG_ON":
            # Worked out in place: BUG_ON is called when there is a bug.
            bug = ast.Call(call.func, [ast.Constant(True), *call.args[1:]], [])
            return ast.copy_location(ast.If(call.args[0], [ast.copy_location(ast.Expr(bug), node)], []), node)
        inline = self._inline(call)
        given = _arguments(inline, call) if inline is not None and inline.value is None else None
        if inline is None or given is None or not all(map(_simple, given.values())):
            return node
        return [_Substitute(given).visit(copy.deepcopy(statement)) for statement in inline.body]

    def _inline(self, call: ast.Call) -> Inline | None:
        found = self._callee(call.func)
        if found is None or self._depth >= DEEPEST:
            return None
        tree, function, method = found
        return read_inline(tree, function, method, self._find, self._depth + 1, self._globals)

    def _callee(self, func: ast.expr) -> tuple[ast.FunctionDef, FunctionType, bool] | None:
        if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == "self":
            found = self._find(func.attr)
            return None if found is None or hasattr(found[1], "kfn_") else (*found, True)
        if isinstance(func, ast.Name) and func.id not in self._locals:
            value = self._globals.get(func.id)
            if isinstance(value, FunctionType) and value.__module__.startswith("mmtui.engine."):
                tree = _module_function(value)
                return None if tree is None else (tree, value, False)
        return None


def read_inline(
    tree: ast.FunctionDef, function: FunctionType, method: bool, find: Find, depth: int, around: dict[str, object]
) -> Inline | None:
    """The function as something that can stand in a function whose globals are `around`; None if it is too much."""
    args = tree.args
    if args.vararg or args.kwarg or args.kwonlyargs or args.posonlyargs:
        return None
    params = tuple(arg.arg for arg in args.args)[1 if method else 0 :]
    defaults = dict(zip(params[len(params) - len(args.defaults) :], args.defaults, strict=True))
    body = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    returns = len(body) == 1 and isinstance(body[0], ast.Return) and body[0].value is not None
    if not body or not (returns or _plain(body)):
        return None
    within = Inliner(function, find, depth)
    made: list[ast.stmt] = []
    for statement in body:
        result = within.visit(copy.deepcopy(statement))
        made += result if isinstance(result, list) else [result]
    known = {*params, "self"}
    if not all(_same_here(node, known, function, around) for statement in made for node in ast.walk(statement)):
        return None
    if not returns:
        for statement in made:
            for node in ast.walk(statement):
                if isinstance(node, ast.stmt) and not hasattr(node, "origin_"):
                    node.origin_ = function  # type: ignore[attr-defined]
        return Inline(params, defaults, None, made, False)
    value = made[0].value  # type: ignore[attr-defined]
    return Inline(params, defaults, value, (), not any(isinstance(node, ast.Call) for node in ast.walk(value)))


def _plain(body: Sequence[ast.stmt]) -> bool:
    """Statements that store in cells and call, and keep nothing in variables."""
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.stmt) and not isinstance(node, _SIMPLE):
                return False
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                return False
    return True


def _same_here(node: ast.AST, known: set[str], function: FunctionType, around: dict[str, object]) -> bool:
    """A name means the same in the caller's module; nothing makes a scope of its own."""
    if isinstance(node, _SCOPES):
        return False
    if not isinstance(node, ast.Name) or node.id in known:
        return True
    missing = object()
    here = function.__globals__.get(node.id, missing)
    there = around.get(node.id, missing)
    return here is there and (here is not missing or hasattr(builtins, node.id))


def _arguments(inline: Inline, call: ast.Call) -> dict[str, ast.expr] | None:
    given = dict(zip(inline.params, call.args, strict=False))
    given |= {word.arg: word.value for word in call.keywords if word.arg is not None}
    given = inline.defaults | given
    whole = len(call.args) <= len(inline.params) and set(given) == set(inline.params)
    return given if whole and not any(isinstance(arg, ast.Starred) for arg in call.args) else None


def _simple(value: ast.expr) -> bool:
    return isinstance(value, ast.Name | ast.Constant)


def _pure(value: ast.expr) -> bool:
    """Short, and the same whenever it is worked out while nothing is called."""
    nodes = list(ast.walk(value))
    return len(nodes) <= 12 and not any(isinstance(node, ast.Call | ast.NamedExpr) for node in nodes)


class _Substitute(ast.NodeTransformer):
    def __init__(self, given: dict[str, ast.expr]) -> None:
        self._given = given

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return copy.deepcopy(self._given[node.id]) if node.id in self._given else node


_MODULES: dict[str, dict[str, ast.FunctionDef]] = {}


def _module_function(function: FunctionType) -> ast.FunctionDef | None:
    path = inspect.getfile(function)
    if path not in _MODULES:
        tree = ast.parse(Path(path).read_text(encoding="utf-8"), path)
        _MODULES[path] = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    return _MODULES[path].get(function.__name__)
