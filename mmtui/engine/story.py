"""What a timeline walks: a log and what is needed to read it. A kernel model's run is one, a recording another."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from mmtui.engine.events import Events
from mmtui.engine.instrument import Function
from mmtui.engine.kernel.model import Strings
from mmtui.engine.log import Ints, Log
from mmtui.engine.source import Source


class Stretch(NamedTuple):
    """Operations from `first` up to, not including, `end` that are looked at as one; `text` says what they are."""

    first: int
    end: int
    text: str


class Story(Protocol):
    """A log, sealed; the names of its numbers; and its operations."""

    kernel_name: str
    log: Log
    strings: Strings
    boot: dict[str, Ints]
    """The columns that are not all zero at position 0."""
    op_calls: list[int]
    """The call of each operation that ran."""
    over: bool
    """The run ended in a BUG or an oops."""

    def advance(self, seconds: float) -> bool:
        """Make more of the log, for about this long; is there more to come?"""
        ...

    @property
    def frames(self) -> int:
        """Rows of the table page."""
        ...

    @property
    def holes(self) -> Ints:
        """Frames without a struct page."""
        ...

    @property
    def boot_held(self) -> Ints:
        """References of each frame that boot holds for ever."""
        ...

    def rows(self) -> list[int]:
        """Room of each column, by id."""
        ...

    def operation(self, number: int) -> Any:
        """An operation: `.name`, `.note` and its fields."""
        ...

    def result(self, number: int) -> str:
        """`ok`, an errno, a signal, a BUG."""
        ...

    def extra(self, number: int) -> dict[str, int]:
        """pfn, value, faults of an operation, where it has them."""
        ...

    def messages(self, number: int) -> list[dict[str, Any]]:
        """What the kernel said during an operation."""
        ...

    def events(self) -> Events:
        """All events, by transition."""
        ...

    def function(self, number: int) -> Function | None:
        """A function by the number that a call has; None for an operation's own call."""
        ...

    def function_number(self, name: str) -> int | None:
        """The number of a kernel function, by its kernel name."""
        ...

    def site(self, number: int) -> tuple[str, str, int]:
        """(function, file, line) of a transition's site."""
        ...

    def source(self, function: str, kernel: str | None = None) -> Source | None:
        """The text of a function, of this or another model; None if there is none."""
        ...
