"""Does for the kernel models what a C compiler does for the kernel: short functions are put where they are called.

If a function is one expression (`PageAnon`), a call of it becomes that expression. If it is a few statements without a
loop (`get_page`, `put_page`), they stand before the statement that calls it, where the call is what that statement
does first. They keep their own line and name in the log, and a `@kfn` remains a call in the call tree. Numbers that
have names (`VM_SHARED`) become numbers. The functions themselves stay in the model: a call that is not this simple
goes to them as it is written.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Final

from mmtui.engine.index import Index
from mmtui.engine.placing import Result, Substitute, calls, clone, ended, first_call, simple, stored

LARGEST: Final = 150
"""Nodes of the syntax tree of statements that are put elsewhere."""

SHORT: Final = 12
"""Nodes of an argument that may be worked out twice."""

Find = Callable[[str], tuple[ast.FunctionDef, FunctionType] | None]
"""A model's function by its Python name: its syntax tree and itself."""

Wrap = Callable[[FunctionType, list[ast.stmt]], list[ast.stmt]]
"""Puts the body of a `@kfn` between what begins and what ends its call; any other body stays as it is."""

_STATEMENTS: Final = (ast.Expr, ast.Assign, ast.AugAssign, ast.If, ast.Return, ast.Raise, ast.Pass)
_SCOPES: Final = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True)
class Inline:
    """A function that can be put elsewhere: an expression, or statements."""

    function: FunctionType
    params: tuple[str, ...]
    defaults: dict[str, ast.expr]
    value: ast.expr | None
    body: Sequence[ast.stmt]
    own: frozenset[str]
    """Variables that its statements set."""
    returns: int
    uses: tuple[str, ...]
    """What of its module it uses."""

    def given(self, call: ast.Call) -> dict[str, ast.expr] | None:
        """What a call gives for each parameter; None if it cannot be said."""
        given = dict(zip(self.params, call.args, strict=False))
        given |= {word.arg: word.value for word in call.keywords if word.arg is not None}
        given |= {name: value for name, value in self.defaults.items() if name not in given}
        whole = len(call.args) <= len(self.params) and set(given) == set(self.params)
        return given if whole and not any(isinstance(arg, ast.Starred) for arg in call.args) else None


class Inlines:
    """The inlines of one model."""

    def __init__(self, find: Find, wrap: Wrap) -> None:
        self.find, self.wrap = find, wrap
        self._read: dict[FunctionType, Inline | None] = {}

    def of(self, tree: ast.FunctionDef, function: FunctionType) -> Inline | None:
        """The function as something that can be put elsewhere; None if it is too much, or calls itself."""
        if function not in self._read:
            self._read[function] = None
            self._read[function] = self._made(tree, function)
        return self._read[function]

    def _made(self, tree: ast.FunctionDef, function: FunctionType) -> Inline | None:
        args = tree.args
        kfn = hasattr(function, "kfn_")
        if args.vararg or args.kwarg or args.kwonlyargs or args.posonlyargs or not _plain(tree):
            return None
        if kfn and _complains(tree):
            return None
        names = [arg.arg for arg in args.args]
        defaults = dict(zip(names[len(names) - len(args.defaults) :], args.defaults, strict=True))
        body = Inliner(function, self).body(tree)
        if sum(1 for statement in body for _ in ast.walk(statement)) > LARGEST:
            return None
        value = body[0].value if isinstance(body[0], ast.Return) and not kfn else None
        body = self.wrap(function, body)
        nodes = [node for statement in body for node in ast.walk(statement)]
        for node in nodes:
            if isinstance(node, ast.stmt) and not hasattr(node, "origin_"):
                node.origin_ = function  # type: ignore[attr-defined]
        own = stored(nodes)
        used = {node.id for node in nodes if isinstance(node, ast.Name)}.difference(names, own)
        foreign = (name for name in used if name in function.__globals__ or hasattr(builtins, name))
        returns = sum(isinstance(node, ast.Return) for node in nodes)
        params = tuple(name for name in names if name != "self")
        return Inline(function, params, defaults, value, body, frozenset(own), returns, tuple(sorted(foreign)))


class Inliner(ast.NodeTransformer):
    """Rewrites one function."""

    def __init__(self, function: FunctionType, inlines: Inlines) -> None:
        self._function, self._inlines = function, inlines
        self._locals = {*function.__code__.co_varnames, *function.__code__.co_cellvars}
        self._placed = 0

    def body(self, tree: ast.FunctionDef) -> list[ast.stmt]:
        """The statements of this function, without its docstring."""
        made: list[ast.stmt] = []
        for statement in tree.body[1:] if ast.get_docstring(tree) is not None else tree.body:
            result = self.visit(clone(statement))
            made += result if isinstance(result, list) else [result]
        return made or [ast.copy_location(ast.Pass(), tree)]

    # Expressions

    def visit_Name(self, node: ast.Name) -> ast.AST:
        value = self._function.__globals__.get(node.id)
        if isinstance(node.ctx, ast.Load) and node.id not in self._locals and type(value) is int:
            return ast.copy_location(ast.Constant(value), node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        inline, names = self._inline(node)
        if inline is None or inline.value is None:
            return node
        given = inline.given(node)
        if given is None or not all(_movable(value, name, inline.value) for name, value in given.items()):
            return node
        return Substitute(names | given).visit(clone(inline.value))

    # Statements

    def visit_Expr(self, node: ast.Expr) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        call = node.value
        if not isinstance(call, ast.Call):
            return node
        if isinstance(call.func, ast.Name) and call.func.id == "BUG_ON":
            # Worked out in place: BUG_ON is called when there is a bug.
            bug = ast.Call(call.func, [ast.Constant(True), *call.args[1:]], [])
            return ast.copy_location(ast.If(call.args[0], [ast.copy_location(ast.Expr(bug), node)], []), node)
        return self._place(call, node, None) or node

    def visit_Return(self, node: ast.Return) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        whole = self._place(node.value, node, ast.Return) if isinstance(node.value, ast.Call) else None
        return whole or self._place_first(node, "value")

    def visit_Assign(self, node: ast.Assign) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        target = node.targets[0]
        if isinstance(node.value, ast.Call) and isinstance(target, ast.Name) and len(node.targets) == 1:
            whole = self._place(node.value, node, target.id)
            if whole:
                return whole
        return self._place_first(node, "value")

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        return self._place_first(node, "value") if isinstance(node.target, ast.Name) else node

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        return self._place_first(node, "test")

    def _place_first(self, node: ast.stmt, field: str) -> ast.AST | list[ast.stmt]:
        """The statement, after what the call does that it does first."""
        call = first_call(getattr(node, field))
        result = f"result_{self._placed + 1}"
        placed = self._place(call, node, result) if call is not None else None
        if call is None or placed is None:
            return node
        name = ast.copy_location(ast.Name(result, ast.Load()), node)
        setattr(node, field, Substitute({}, {call: name}).visit(getattr(node, field)))
        return [*placed, node]

    def _place(self, call: ast.Call, at: ast.stmt, result: Result) -> list[ast.stmt] | None:
        """What a call does, as statements; what it returns is `result` then, or is returned, or is of no interest."""
        inline, names = self._inline(call)
        given = inline.given(call) if inline is not None else None
        if inline is None or given is None:
            return None
        self._placed += 1
        body = [clone(statement) for statement in inline.body]
        own = set(inline.own)
        before: list[ast.stmt] = []
        for name, value in given.items():
            if name in own or not simple(value):
                own.add(name)
                before.append(ast.Assign([ast.Name(f"{name}_{self._placed}", ast.Store())], value))
            else:
                names[name] = value
        names |= {name: ast.Name(f"{name}_{self._placed}", ast.Load()) for name in own}
        for statement in body:
            Substitute(names).visit(statement)
        return [ast.copy_location(statement, at) for statement in before] + ended(body, result, inline.returns)

    # What is called

    def _inline(self, call: ast.Call) -> tuple[Inline | None, dict[str, ast.expr]]:
        """The inline that a call calls, and what names in it mean here."""
        found = self._callee(call.func)
        inline = self._inlines.of(*found) if found is not None else None
        if inline is None:
            return None, {}
        names: dict[str, ast.expr] = {}
        around, here = inline.function.__globals__, self._function.__globals__
        for name in inline.uses:
            if name in self._locals or here.get(name) is not around.get(name):
                names[name] = _imported(inline.function.__module__ if name in around else "builtins", name)
        if isinstance(call.func, ast.Attribute):
            names["self"] = call.func.value
        return inline, names

    def _callee(self, func: ast.expr) -> tuple[ast.FunctionDef, FunctionType] | None:
        if isinstance(func, ast.Attribute) and _is_self(func.value):
            return self._inlines.find(func.attr)
        if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Attribute) and _is_self(func.value.value):
            return _engine_function(getattr(Index, func.attr, None)) if func.value.attr == "index" else None
        if isinstance(func, ast.Name) and func.id not in self._locals:
            return _engine_function(self._function.__globals__.get(func.id))
        return None


def _imported(module: str, name: str) -> ast.Name:
    """A name of one module in another one: `linking.py` imports it."""
    made = ast.Name(f"{name}_of_{module.rpartition('.')[2]}", ast.Load())
    made.import_ = (module, name)  # type: ignore[attr-defined]
    return made


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _plain(tree: ast.FunctionDef) -> bool:
    """Statements without a loop, none of which makes a scope of its own."""
    inner = [node for statement in tree.body for node in ast.walk(statement)]
    return all(not isinstance(node, _SCOPES) for node in inner) and all(
        isinstance(node, _STATEMENTS) for node in inner if isinstance(node, ast.stmt)
    )


def _complains(tree: ast.FunctionDef) -> bool:
    """It prints what is wrong (`bad_page`): that is rare, and need not be quick."""
    return any(isinstance(node, ast.Attribute) and node.attr == "printk" for node in ast.walk(tree))


def _movable(value: ast.expr, name: str, into: ast.expr) -> bool:
    """An argument that may stand for a parameter in an expression."""
    if simple(value):
        return True
    if calls(into) or calls(value):
        return False
    uses = sum(isinstance(node, ast.Name) and node.id == name for node in ast.walk(into))
    return uses < 2 or sum(1 for _ in ast.walk(value)) <= SHORT


@functools.cache
def _trees(path: str) -> dict[str, ast.FunctionDef]:
    tree = ast.parse(Path(path).read_text(encoding="utf-8"), path)
    found = list(tree.body)
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == Index.__name__:
            found += node.body
    return {node.name: node for node in found if isinstance(node, ast.FunctionDef)}


def _engine_function(value: object) -> tuple[ast.FunctionDef, FunctionType] | None:
    """A function of the engine that is no model's: of a module, or of the index."""
    if not isinstance(value, FunctionType) or not value.__module__.startswith("mmtui.engine."):
        return None
    tree = _trees(inspect.getfile(value)).get(value.__name__)
    return None if tree is None else (tree, value)
