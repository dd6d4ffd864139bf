"""Makes a machine's functions of a model's rewritten ones: what Python's compiler and a linker do for C.

The functions of one file are compiled inside a function `make_`, whose variables hold what they use of their machine.
What they share with the recorder are the recorder's own variables: `enter` and `leave`, which a kernel function would
otherwise call at its beginning and its end, stand in it as they stand in `cells.py`.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import contextlib
import functools
import marshal
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from mmtui.engine import errors, flags, index, inline, pgtable, placing, schema
from mmtui.engine.kernel import model
from mmtui.engine.placing import SHARED, Substitute, clone, stored

if TYPE_CHECKING:
    from mmtui.engine.cells import Recorder

Link = Callable[[Any], None]
"""Gives the functions of one file what they use of a machine: its columns, its functions, its index."""

RECORDER = Path(__file__).with_name("cells.py")


@dataclass(frozen=True)
class Factory:
    """The compiled functions of one file, and the globals of the module in which they were written."""

    code: CodeType
    around: dict[str, Any]

    def make(self, recorder: Recorder) -> tuple[dict[str, FunctionType], Link]:
        """The functions that log to this recorder; they can be called once they are linked to their machine."""
        shared = recorder.variables()
        closure = tuple(shared[name.removesuffix(SHARED)] for name in self.code.co_freevars)
        made: tuple[dict[str, FunctionType], Link] = FunctionType(self.code, self.around, "make_", None, closure)(
            recorder.change
        )
        return made


@functools.cache
def _recorder_functions() -> dict[str, ast.FunctionDef]:
    tree = ast.parse(RECORDER.read_text(encoding="utf-8"))
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


Compiled = tuple[dict[str, CodeType], list[tuple[str, str, int]]]
"""The code of each file of a model, and the sites of its stores."""

_ALSO = [
    __file__,
    str(RECORDER),
    str(Path(__file__).with_name("instrument.py")),
    *(str(module.__file__) for module in (inline, placing, errors, flags, index, pgtable, schema, model)),
]
"""Files besides the model's own that decide what a model compiles to."""

_COMPILING = threading.Lock()
"""Two threads must not parse at once: CPython 3.11 counts the parser's recursion in one place for all threads."""


def cached(name: str, paths: list[str], make: Callable[[], Compiled]) -> Compiled:
    """What `make` makes, kept beside the modules' own byte code, as Python keeps that, while they are unchanged."""
    cache = Path(__file__).parent / "kernel" / "__pycache__" / f"{name}.{sys.implementation.cache_tag}.mmtui"
    stamp = [(path, os.stat(path).st_mtime_ns, os.stat(path).st_size) for path in (*paths, *_ALSO)]
    stamp.append((sys.version, 0, 0))
    try:
        kept = marshal.loads(cache.read_bytes())
        if kept[0] == stamp:
            return kept[1], kept[2]
    except (OSError, ValueError, EOFError, TypeError, IndexError):
        pass
    with _COMPILING:
        codes, sites = make()
    if not sys.dont_write_bytecode:
        with contextlib.suppress(OSError):
            fresh = cache.with_suffix(f".{os.getpid()}")
            fresh.write_bytes(marshal.dumps((stamp, codes, sites)))
            fresh.replace(cache)
    return codes, sites
