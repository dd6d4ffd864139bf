"""Makes a machine's functions of a model's compiled ones, as a linker does it, and keeps the compiled ones.

The functions of one file are compiled inside a function `make_`, whose variables hold what they use of their machine.
What they share with the recorder are the recorder's own variables: `enter` and `leave`, which a kernel function would
otherwise call at its beginning and its end, stand in it as they stand in `cells.py`.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mmtui.engine.cells import Recorder

Link = Callable[[Any], None]
"""Gives the functions of one file what they use of a machine: its columns, its functions, its index."""

SHARED: Final = "__"
"""Ends the names of the recorder's variables in a kernel function."""


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


Compiled = tuple[dict[str, CodeType], list[tuple[str, str, int]]]
"""The code of each file of a model, and the sites of its stores."""

_ALSO: Final = [
    str(Path(__file__).parent / f"{name}.py")
    for name in (
        "cells", "errors", "flags", "index", "inline", "instrument", "linking", "pgtable", "placing", "rewriting",
        "schema", "kernel/model",
    )
]  # fmt: skip
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
