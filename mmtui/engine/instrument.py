"""Compiles the kernel functions that a person reads so that what they do is logged.

A model function says `self.page.count[pfn] += 1`, and that text is what the source pane shows. Before it runs, its
syntax tree is rewritten, as a coverage tool or pytest's assertions would do it:

* a read  `self.page.count[pfn]`      becomes `page_count_[pfn]` (a memoryview of the column),
* a write `self.page.count[pfn] = v`  becomes `change_(page_count_, BASE, pfn, v, page_count_[pfn], SITE)`,
* the body of a `@kfn` function stands between what `enter` and `leave` do, which keep the call tree,
* a call of a short inline becomes what it says (`inline.py`), and any other `self.put_page(pfn)` becomes
  `put_page_(pfn)`: names are resolved once and for all (`linking.py`).

Nothing else changes, and the line numbers stay. A test runs the same functions without rewriting, on ordinary
descriptors, and compares the logs of the two.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

from mmtui.engine.inline import Inliner, Inlines
from mmtui.engine.kernel.model import Gone
from mmtui.engine.linking import Compiled, Factory, cached, compiled, recorder_body
from mmtui.engine.placing import SHARED, calls, clone
from mmtui.engine.schema import BASE, TABLES
from mmtui.engine.source import Source

if TYPE_CHECKING:
    from mmtui.engine.cells import Recorder


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
    """A compiled model: its readable class, the functions by number, the sites by number."""

    kernel: type
    functions: list[Function] = field(default_factory=list)
    sites: list[tuple[str, str, int]] = field(default_factory=lambda: [("trace", "", 0)])
    """(function, file, line) of each store; site 0 is the trace itself."""
    by_name: dict[str, int] = field(default_factory=dict)
    factories: list[Factory] = field(default_factory=list)

    def machine(self, recorder: Recorder) -> type:
        """The class that runs and logs to this recorder, of which there can be one machine: what it has stands in
        free variables of the functions, which are linked whenever its columns are bound."""
        namespace: dict[str, Any] = {}
        for factory in self.factories:
            functions, link = factory.make(recorder)
            namespace |= {name: staticmethod(function) for name, function in functions.items()}
            recorder.links.append(link)
        return type(self.kernel.__name__, (self.kernel,), namespace)


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


class _Rewriter(ast.NodeTransformer):
    """Rewrites one function. `linked` collects what it uses of its machine."""

    def __init__(
        self, kernel: type, name: str, file: str, sites: dict[tuple[str, str, int], int], linked: set[str]
    ) -> None:
        self.kernel, self.name, self.file, self.sites, self.linked = kernel, name, file, sites, linked
        self.shared: set[str] = set()
        """Variables of the recorder that it sets."""

    def _link(self, name: str) -> ast.Name:
        """The variable that holds `self.name`."""
        self.linked.add(name)
        return ast.Name(f"{name}_", ast.Load())

    def _column(self, column: tuple[str, str]) -> ast.Name:
        return self._link("_".join(column))

    def _store(self, node: ast.stmt, column: tuple[str, str], given: list[ast.expr]) -> ast.stmt:
        """`column[row] = value`. `given`: the row, the value, what the cell holds until then."""
        base, site = ast.Constant(BASE[".".join(column)]), ast.Constant(self._site(node))
        call = ast.Call(ast.Name("change_", ast.Load()), [self._column(column), base, *given, site], [])
        return ast.copy_location(ast.Expr(ast.copy_location(call, node)), node)

    def _cell(self, column: tuple[str, str], row: ast.expr) -> tuple[ast.expr, ast.expr]:
        """The row of a cell, and what the cell holds; the row is worked out once."""
        row = again = self.visit(row)
        if not isinstance(row, ast.Name | ast.Constant):
            row, again = ast.NamedExpr(ast.Name("_row", ast.Store()), row), ast.Name("_row", ast.Load())
        return row, ast.Subscript(self._column(column), again, ast.Load())

    def _site(self, node: ast.stmt) -> int:
        """The number of a store's place: in this function, or in the inline that it came from."""
        inlined: FunctionType | None = getattr(node, "origin_", None)
        if inlined:
            name = getattr(inlined, "kfn_", {}).get("name") or inlined.__name__
            place = (name, Path(inlined.__code__.co_filename).name)
        else:
            place = (self.name, self.file)
        return self.sites.setdefault((*place, node.lineno), len(self.sites))

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        target = node.targets[0]
        column = _column_of(target.value) if isinstance(target, ast.Subscript) else None
        if column is None or not isinstance(target, ast.Subscript) or len(node.targets) > 1:
            return self.generic_visit(node)
        row, before = self._cell(column, target.slice)
        return self._store(node, column, [row, self.visit(node.value), before])

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        column = _column_of(node.target.value) if isinstance(node.target, ast.Subscript) else None
        if column is None or not isinstance(node.target, ast.Subscript):
            return self.generic_visit(node)
        row, before = self._cell(column, node.target.slice)
        more = self.visit(node.value)
        if calls(more):  # which may change the cell
            return self._store(node, column, [row, ast.BinOp(before, node.op, more), before])
        read = ast.NamedExpr(ast.Name("_before", ast.Store()), before)
        return self._store(node, column, [row, ast.BinOp(read, node.op, more), ast.Name("_before", ast.Load())])

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        column = _column_of(node)
        if column:
            return ast.copy_location(self._column(column), node)
        if not isinstance(node.value, ast.Name) or node.value.id != "self":
            return self.generic_visit(node)
        constant = getattr(self.kernel, node.attr, None)
        return ast.copy_location(ast.Constant(constant) if type(constant) is int else self._link(node.attr), node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if isinstance(node.ctx, ast.Store) and node.id.endswith(SHARED):
            self.shared.add(node.id)
        return ast.copy_location(self._link("self"), node) if node.id == "self" else node


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
    found = kernel_functions(kernel)
    for name, (owner, function) in found.items():
        if hasattr(function, "kfn_"):
            info = describe(kernel, name, owner, function)
            made.by_name[info.name] = len(made.functions)
            made.functions.append(info)
    paths = {str(sys.modules[cls.__module__].__file__): cls.__module__ for cls in kernel.__mro__[:-1]}
    paths |= {function.__code__.co_filename: owner.__module__ for owner, function in found.values()}
    codes, made.sites = cached(kernel.__name__, list(paths), lambda: _rewrite(made, found))
    made.factories = [Factory(code, sys.modules[paths[path]].__dict__) for path, code in codes.items()]
    return made


class _Rewriting:
    """The functions of a model while they are rewritten. `sites` numbers the places of their stores."""

    def __init__(self, made: Build, found: dict[str, tuple[type, FunctionType]]) -> None:
        self.made, self.found = made, found
        self.sites = {("trace", "", 0): 0}
        self.linked: dict[str, set[str]] = {}
        self._trees: dict[str, dict[tuple[str, str], ast.FunctionDef]] = {}
        self._inlines = Inlines(self.find, self.wrap)

    def find(self, name: str) -> tuple[ast.FunctionDef, FunctionType] | None:
        """A function as it is written; None if the model has no such one."""
        if name not in self.found:
            return None
        owner, function = self.found[name]
        path = function.__code__.co_filename
        if path not in self._trees:
            self._trees[path] = module_tree(path)
        return self._trees[path][owner.__name__, function.__name__], function

    def wrap(self, function: FunctionType, body: list[ast.stmt]) -> list[ast.stmt]:
        """The body of a `@kfn` between `enter` and `leave`, and these where they would be called."""
        if not hasattr(function, "kfn_"):
            return body
        number = self.made.by_name[function.kfn_["name"] or function.__name__]
        args: list[ast.expr] = [ast.Constant(number)]
        args += [ast.Name(name, ast.Load()) for name in self.made.functions[number].shown]
        args += [ast.Constant(0)] * (3 - len(args))
        leave = recorder_body("leave", [ast.Name("_parent", ast.Load())])
        around = [*recorder_body("enter", args), ast.Try(body, [], [], leave)]
        for statement in (*around, *leave):
            statement.lineno = statement.end_lineno = function.__code__.co_firstlineno
            statement.col_offset = statement.end_col_offset = 0
        return around

    def rewritten(self, name: str) -> ast.FunctionDef:
        """A function as it runs; what it uses of its machine is `linked` to those of its file from now on."""
        tree, function = self.find(name) or (None, None)
        assert tree is not None
        assert function is not None
        info = describe(self.made.kernel, name, self.found[name][0], function)
        args = clone(tree.args)
        del args.args[0]
        body = self.wrap(function, Inliner(function, self._inlines).body(tree))
        node = ast.copy_location(ast.FunctionDef(tree.name, args, body, [], None), tree)
        linked = self.linked.setdefault(function.__code__.co_filename, set())
        rewriter = _Rewriter(self.made.kernel, info.name, info.file, self.sites, linked)
        rewriter.visit(node)
        if rewriter.shared:
            node.body.insert(0, ast.copy_location(ast.Nonlocal(sorted(rewriter.shared)), node))
        return node


def _rewrite(made: Build, found: dict[str, tuple[type, FunctionType]]) -> Compiled:
    """The rewritten functions, a code object for each file, and the sites of their stores."""
    model = _Rewriting(made, found)
    files: dict[str, list[ast.FunctionDef]] = {}
    for name, (_, function) in found.items():
        if name != "__init__":
            files.setdefault(function.__code__.co_filename, []).append(model.rewritten(name))
    return {path: compiled(path, body, model.linked[path]) for path, body in files.items()}, list(model.sites)


_SOURCES: dict[tuple[type, str], Source | None] = {}


def source_of(kernel: type, name: str) -> Source | None:
    """The text of a kernel function (by its kernel or its Python name) as a model has it; None if it lacks it."""
    if (kernel, name) not in _SOURCES:
        _SOURCES[kernel, name] = _find_source(kernel, name)
    return _SOURCES[kernel, name]


def _find_source(kernel: type, name: str) -> Source | None:
    for python, (owner, function) in kernel_functions(kernel).items():
        info = describe(kernel, python, owner, function)
        if name in (info.name, python):
            path = inspect.getfile(function)
            node = module_tree(path)[owner.__name__, function.__name__]
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            lines = Path(path).read_text(encoding="utf-8").splitlines()[first - 1 : node.end_lineno]
            return Source(Path(path).name, first, lines, info.release, info.commit, info.subject)
    return None
