"""Compiles the kernel functions that a person reads so that what they do is logged.

A model function says `self.page.count[pfn] += 1`, and that text is what the source pane shows. Before it runs, its
syntax tree is rewritten, as a coverage tool or pytest's assertions would do it:

* a read  `self.page.count[pfn]`      becomes `page_count_[pfn]` (a memoryview of the column),
* a write `self.page.count[pfn] = v`  becomes `change_(page_count_, BASE, pfn, v, page_count_[pfn], SITE)`,
* the body of a `@kfn` function stands between what `enter` and `leave` do, which keep the call tree,
* a call of a short inline becomes what it says (`inline.py`), and any other `self.put_page(pfn)` becomes
  `put_page_(pfn)`: names are resolved once and for all (`linking.py`).

`rewriting.py` does it. Nothing else changes, and the line numbers stay. A test runs the same functions without
rewriting, on ordinary descriptors, and compares the logs of the two.
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

from mmtui.engine.keeping import Compiled, cached
from mmtui.engine.kernel.model import Gone
from mmtui.engine.linking import SHARED, Factory
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
        shared = {name + SHARED: cell for name, cell in recorder.variables().items()}
        for factory in self.factories:
            functions, link = factory.make(recorder, shared)
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

    def compiled() -> Compiled:
        from mmtui.engine.rewriting import rewrite  # which a start from compiled models does not need

        return rewrite(made, found)

    codes, made.sites = cached(kernel.__name__, list(paths), compiled)
    made.factories = [Factory(code, sys.modules[paths[path]].__dict__) for path, code in codes.items()]
    return made


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
