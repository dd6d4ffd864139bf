"""Makes a machine's functions of a model's compiled ones, as a linker does it.

The functions of one file are compiled inside a function `make_`, whose variables hold what they use of their machine.
What they share with the recorder are the recorder's own variables: `enter` and `leave`, which a kernel function would
otherwise call at its beginning and its end, stand in it as they stand in `cells.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CellType, CodeType, FunctionType
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

    def make(self, recorder: Recorder, shared: Mapping[str, CellType]) -> tuple[dict[str, FunctionType], Link]:
        """The functions that log to this recorder, whose variables they share; they can be called once they are linked
        to their machine."""
        closure = tuple([shared[name] for name in self.code.co_freevars])
        made: tuple[dict[str, FunctionType], Link] = FunctionType(self.code, self.around, "make_", None, closure)(
            recorder.change
        )
        return made
