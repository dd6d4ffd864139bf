"""Rewrites the functions of a model (see `instrument.py`) and compiles them.

Imported only where no compiled model is kept (`linking.py`).
"""

from __future__ import annotations
import __future__

import ast
import builtins
import functools
from pathlib import Path
from types import CodeType, FunctionType

from mmtui.engine.inline import Inliner, Inlines
from mmtui.engine.instrument import Build, describe, module_tree
from mmtui.engine.keeping import Compiled
from mmtui.engine.linking import SHARED
from mmtui.engine.placing import Substitute, calls, clone, stored
from mmtui.engine.schema import BASE, TABLES


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


@functools.cache
def _recorder_functions() -> dict[str, ast.FunctionDef]:
    tree = ast.parse(Path(__file__).with_name("cells.py").read_text(encoding="utf-8"))
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def recorder_body(name: str, given: list[ast.expr]) -> list[ast.stmt]:
    """What a function of the recorder does with these arguments, on variables of its own and on the recorder's."""
    function = _recorder_functions()[name]
    nonlocals = {name for node in function.body if isinstance(node, ast.Nonlocal) for name in node.names}
    own = stored(ast.walk(function)) - nonlocals
    names: dict[str, ast.expr] = {
        node.id: ast.Name(f"_{node.id}" if node.id in own else node.id + SHARED, ast.Load())
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and not hasattr(builtins, node.id)
    }
    put = Substitute(names | dict(zip([arg.arg for arg in function.args.args], given, strict=True)))
    body = [clone(node) for node in function.body[1:] if not isinstance(node, ast.Nonlocal | ast.Return)]
    for node in body:
        put.visit(node)
    return body


def compiled(path: str, functions: list[ast.FunctionDef], linked: set[str]) -> CodeType:
    """The code of `make_` of one file: its functions, and `link_`, which gives them what is `linked` of a machine."""
    variables = sorted({"self", *linked})
    names = [node for function in functions for node in ast.walk(function) if isinstance(node, ast.Name)]
    imports = {(node.import_[0], node.import_[1], node.id) for node in names if hasattr(node, "import_")}
    assert not {f"{name}_" for name in variables} & stored(names), "a variable of a function hides a linked one"
    text = [
        f"def around_({', '.join(sorted({node.id for node in names if node.id.endswith(SHARED)}))}):",
        "    def make_(change_):",
        *(f"        from {module} import {name} as {here}" for module, name, here in sorted(imports)),
        f"        {' = '.join(f'{name}_' for name in variables)} = None",
        "        def link_(self):",
        f"            nonlocal {', '.join(f'{name}_' for name in variables)}",
        *(f"            {name}_ = " + ("self" if name == "self" else f"self.{name}") for name in variables),
        f"        return {{{', '.join(f'{node.name!r}: {node.name}' for node in functions)}}}, link_",
    ]
    tree = ast.parse("\n".join(text))
    make = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "make_")
    make.body[-1:-1] = functions
    future = __future__.annotations.compiler_flag
    code: CodeType = compile(ast.fix_missing_locations(tree), path, "exec", flags=future, dont_inherit=True)
    return functools.reduce(_nested, ("around_", "make_"), code)


def _nested(code: CodeType, name: str) -> CodeType:
    return next(each for each in code.co_consts if isinstance(each, CodeType) and each.co_name == name)


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


def rewrite(made: Build, found: dict[str, tuple[type, FunctionType]]) -> Compiled:
    """The rewritten functions, a code object for each file, and the sites of their stores."""
    model = _Rewriting(made, found)
    files: dict[str, list[ast.FunctionDef]] = {}
    for name, (_, function) in found.items():
        if name != "__init__":
            files.setdefault(function.__code__.co_filename, []).append(model.rewritten(name))
    return {path: compiled(path, body, model.linked[path]) for path, body in files.items()}, list(model.sites)
