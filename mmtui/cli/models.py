"""Reads a kernel model as text: its functions, where each stands, which change made it so."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Final, NamedTuple

from mmtui.engine.instrument import describe, kernel_functions
from mmtui.engine.kernel import RELEASES
from mmtui.engine.kernel.model import Area, Gone

SHARED: Final = Area.__name__.lower()
"""The area of what all areas share: how a model is set up and read. No function of a kernel is there."""


class Entry(NamedTuple):
    """A function of a model. `area`: the kernel's file; `text`: its source without decorators."""

    area: str
    name: str
    python: str
    release: str
    commit: str
    subject: str
    text: str


def entries(kernel: str) -> list[Entry]:
    """Every function of a model in the order of the areas, each as its newest release has it."""
    cls = RELEASES[kernel]
    where = {name: owner for owner in cls.__mro__[:-1] for name in vars(owner)}  # the last one wins: who had it first
    order = list(reversed(cls.__mro__))
    found = []
    for name, (owner, function) in kernel_functions(cls).items():
        info = describe(cls, name, owner, function)
        area = _area(where[name])
        release = info.release or order_name(cls)
        row = Entry(area, info.name, name, release, info.commit, info.subject, _source(function))
        found.append(((order.index(where[name]), _line(where[name], name)), row))
    return [row for _, row in sorted(found, key=lambda pair: pair[0])]


def removed(kernel: str) -> list[tuple[str, str, str, str]]:
    """(function, release, commit, subject) of what a model no longer has."""
    cls = RELEASES[kernel]
    gone = {
        name: value.since_
        for owner in reversed(cls.__mro__)
        for name, value in vars(owner).items()
        if isinstance(value, Gone)
    }
    return [(name, *since) for name, since in gone.items() if name not in kernel_functions(cls)]


def order_name(cls: type) -> str:
    """The name of the oldest release that a model stands on."""
    names = [str(vars(owner)["release"]) for owner in cls.__mro__ if "release" in vars(owner)]
    return names[-1]


def definitions(kernel: str) -> Iterator[tuple[str, str]]:
    """(area, text) of what stands beside the functions: constants, plain helpers, attributes of the classes."""
    for cls in reversed(RELEASES[kernel].__mro__[:-1]):
        module = sys.modules[cls.__module__]
        if module.__name__.rpartition(".")[2] == "model":
            continue
        text = Path(str(module.__file__)).read_text(encoding="utf-8")
        pieces = [ast.get_source_segment(text, node) or "" for node in _beside(ast.parse(text))]
        if pieces:
            yield _area(cls), "\n".join(pieces)


def _beside(tree: ast.Module) -> Iterator[ast.stmt]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from (
                item for item in node.body if isinstance(item, ast.Assign | ast.AnnAssign) and not _is_gone(item)
            )
        elif isinstance(node, ast.FunctionDef) or (
            isinstance(node, ast.Assign | ast.AnnAssign) and not _is_citation(node)
        ):
            yield node


def _is_gone(node: ast.Assign | ast.AnnAssign) -> bool:
    return isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name) and node.value.func.id == "gone"


def _is_citation(node: ast.Assign | ast.AnnAssign) -> bool:
    """`RESERVED = (release, commit, subject)`, which stands at each function, and `__all__`."""
    value = node.value
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__":
        return True
    return (
        isinstance(value, ast.Tuple) and len(value.elts) == 3 and all(isinstance(e, ast.Constant) for e in value.elts)
    )


def _area(cls: type) -> str:
    """The kernel's file that an area follows; the release where a function is new; else the area's own name."""
    if "release" in vars(cls):
        return str(vars(cls)["release"])
    file = re.match(r"[a-z]+/\w+\.c", sys.modules[cls.__module__].__doc__ or "")
    return file[0] if file else cls.__name__.lower()


def _line(owner: type, name: str) -> int:
    value = vars(owner)[name]
    return value.__code__.co_firstlineno if isinstance(value, FunctionType) else 0


def _source(function: FunctionType) -> str:
    text = textwrap.dedent(inspect.getsource(function))
    node = ast.parse(text).body[0]
    return "\n".join(text.splitlines()[node.lineno - 1 :])
