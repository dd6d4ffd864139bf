"""Compiles the kernel functions that a person reads so that what they do is logged.

A model function says `self.page.count[pfn] += 1`, and that text is what the source pane shows. Before it runs, its
syntax tree is rewritten, as a coverage tool or pytest's assertions would do it:

* a read  `self.page.count[pfn]`      becomes `self.page_count[pfn]` (a memoryview of the column),
* a write `self.page.count[pfn] = v`  becomes `self.store_(self.page_count, BASE, pfn, v, SITE)`,
* the body of a `@kfn` function stands between `enter_` and `leave_`, which keep the call tree.

Nothing else changes, and the line numbers stay. `plain` builds the same model without rewriting, from the same
functions with ordinary descriptors; a test compares the logs of the two.
"""

from __future__ import annotations
import __future__

import ast
import copy
import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType
from typing import Any

from mmtui.engine.kernel.model import Gone
from mmtui.engine.schema import BASE, TABLES
from mmtui.engine.source import Source


@dataclass(frozen=True)
class Function:
    """A function of a model: its name in the kernel, its Python name, and where it stands."""

    name: str
    python: str
    file: str
    line: int
    shown: tuple[str, ...]
    """Names of the arguments that a call records, at most two."""
    release: str
    commit: str
    subject: str


@dataclass
class Build:
    """A compiled model: the class that runs, the functions by number, the sites by number."""

    kernel: type
    functions: list[Function] = field(default_factory=list)
    sites: list[tuple[str, str, int]] = field(default_factory=lambda: [("trace", "", 0)])
    """(function, file, line) of each store; site 0 is the trace itself."""
    by_name: dict[str, int] = field(default_factory=dict)


@functools.cache
def module_tree(path: str) -> dict[tuple[str, str], ast.FunctionDef]:
    """The functions of the classes of a module, by (class, function)."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"), path)
    return {
        (node.name, item.name): item
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        for item in node.body
        if isinstance(item, ast.FunctionDef)
    }


def _column_of(node: ast.expr) -> tuple[str, str] | None:
    """(table, field) of `self.table.field`, else None."""
    if (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Attribute)
        and isinstance(node.value.value, ast.Name)
        and node.value.value.id == "self"
        and node.attr in TABLES.get(node.value.attr, ())
    ):
        return node.value.attr, node.attr
    return None


def _self(name: str) -> ast.Attribute:
    return ast.Attribute(ast.Name("self", ast.Load()), name, ast.Load())


class _Rewriter(ast.NodeTransformer):
    """Rewrites one function."""

    def __init__(self, name: str, file: str, sites: list[tuple[str, str, int]]) -> None:
        self.name, self.file, self.sites = name, file, sites

    def _store(self, node: ast.stmt, column: tuple[str, str], row: ast.expr, value: ast.expr) -> ast.stmt:
        self.sites.append((self.name, self.file, node.lineno))
        call = ast.Call(
            _self("store_"),
            [
                _self("_".join(column)),
                ast.Constant(BASE[".".join(column)]),
                row,
                value,
                ast.Constant(len(self.sites) - 1),
            ],
            [],
        )
        return ast.copy_location(ast.Expr(ast.copy_location(call, node)), node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        target = node.targets[0]
        if len(node.targets) == 1 and isinstance(target, ast.Subscript):
            column = _column_of(target.value)
            if column:
                return self._store(node, column, self.visit(target.slice), self.visit(node.value))
        return self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        column = _column_of(node.target.value) if isinstance(node.target, ast.Subscript) else None
        if column is None or not isinstance(node.target, ast.Subscript):
            return self.generic_visit(node)
        row: ast.expr = self.visit(node.target.slice)
        again: ast.expr = row
        if not isinstance(row, ast.Name | ast.Constant):
            row, again = ast.NamedExpr(ast.Name("row_", ast.Store()), row), ast.Name("row_", ast.Load())
        before = ast.Subscript(_self("_".join(column)), again, ast.Load())
        return self._store(node, column, row, ast.BinOp(before, node.op, self.visit(node.value)))

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        column = _column_of(node)
        if column:
            return ast.copy_location(_self("_".join(column)), node)
        return self.generic_visit(node)


def _wrap(node: ast.FunctionDef, number: int, shown: tuple[str, ...]) -> None:
    """Put the body between enter_ and leave_."""
    args: list[ast.expr] = [ast.Constant(number)]
    args += [ast.Name(name, ast.Load()) for name in shown]
    args += [ast.Constant(0)] * (3 - len(args))
    enter = ast.Assign([ast.Name("parent_", ast.Store())], ast.Call(_self("enter_"), args, []))
    leave = ast.Expr(ast.Call(_self("leave_"), [ast.Name("parent_", ast.Load())], []))
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    node.body = [
        ast.copy_location(enter, node),
        ast.copy_location(ast.Try(body or [ast.Pass()], [], [], [ast.copy_location(leave, node)]), node),
    ]


def kernel_functions(kernel: type) -> dict[str, tuple[type, FunctionType]]:
    """Every function of a model class: Python name -> (class that defines it, function), overridden ones gone."""
    found: dict[str, tuple[type, FunctionType]] = {}
    for cls in reversed(kernel.__mro__[:-1]):
        for name, value in vars(cls).items():
            if isinstance(value, FunctionType):
                found[name] = (cls, value)
            elif isinstance(value, Gone):
                del found[name]
    return found


def describe(kernel: type, name: str, owner: type, function: FunctionType) -> Function:
    """What the model says of one of its functions."""
    mark: dict[str, Any] = getattr(function, "kfn_", {})
    since: tuple[str, str, str] = getattr(function, "since_", (getattr(kernel, "oldest", ""), "", ""))
    return Function(
        mark.get("name") or name,
        name,
        Path(function.__code__.co_filename).name,
        function.__code__.co_firstlineno,
        tuple(mark.get("shown", ())),
        *since,
    )


@functools.cache
def build(kernel: type) -> Build:
    """Compile a model: one flat class whose functions log what they do."""
    made = Build(kernel)
    namespace: dict[str, Any] = {}
    for name, (owner, function) in kernel_functions(kernel).items():
        info = describe(kernel, name, owner, function)
        number = None
        if hasattr(function, "kfn_"):
            number = len(made.functions)
            made.by_name[info.name] = number
            made.functions.append(info)
        namespace[name] = _compile(owner, function, info, number, made.sites)
    runtime: type = type(kernel.__name__, (kernel,), namespace)
    made.kernel = runtime
    return made


def _compile(
    owner: type, function: FunctionType, info: Function, number: int | None, sites: list[tuple[str, str, int]]
) -> Callable[..., Any]:
    path = inspect.getfile(function)
    source = module_tree(path)[owner.__name__, function.__name__]
    node = copy.deepcopy(source)  # the cached tree serves several models
    node.decorator_list, node.returns = [], None
    node = _Rewriter(info.name, info.file, sites).visit(node)
    if number is not None:
        _wrap(node, number, info.shown)
    module = ast.Module([node], [])
    ast.fix_missing_locations(module)
    out: dict[str, Any] = {}
    code = compile(module, path, "exec", flags=__future__.annotations.compiler_flag, dont_inherit=True)
    exec(code, sys.modules[owner.__module__].__dict__, out)
    return out[source.name]  # type: ignore[no-any-return]


def source_of(kernel: type, name: str) -> Source | None:
    """The text of a kernel function (by its kernel or its Python name) as a model has it; None if it lacks it."""
    for python, (owner, function) in kernel_functions(kernel).items():
        info = describe(kernel, python, owner, function)
        if name in (info.name, python):
            path = inspect.getfile(function)
            node = module_tree(path)[owner.__name__, function.__name__]
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            lines = Path(path).read_text(encoding="utf-8").splitlines()[first - 1 : node.end_lineno]
            return Source(Path(path).name, first, lines, info.release, info.commit, info.subject)
    return None
