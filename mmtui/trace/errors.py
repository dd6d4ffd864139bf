"""What is wrong with a trace, each fault with its place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from mmtui.engine.errors import MmtuiError

MOST_SHOWN = 20
"""So many faults of one trace are named; of the others only the number is told."""

_TEXT_SHOWN = 48


def printable(text: str) -> str:
    """`text` on one line, with whatever a terminal would obey or hide spelled out (`\\x1b`, `\\u202e`)."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def shown(value: object) -> str:
    """A wrong value as its file spells it, on one short harmless line."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    if isinstance(value, int) and abs(value) >= 1 << 128:
        return f"a number of about {int(value.bit_length() * 0.30103)} digits"
    text = printable(json.dumps(value, ensure_ascii=False, default=repr))
    return text if len(text) <= _TEXT_SHOWN else text[: _TEXT_SHOWN - 3] + "..."


class Problem(NamedTuple):
    """One fault: where in the trace (`ops[3].pages`, or `3:14` line and column; "" is the whole file), and what.

    `trace` is the name of the file; "" until the fault is part of a TraceError.
    """

    place: str
    reason: str
    trace: str = ""

    def __str__(self) -> str:
        """`x.json: ops[3].pages: expected ...`; `x.json:3:14: ...` as compilers write it and editors follow it."""
        text = f"{self.place}: {self.reason}" if self.place else self.reason
        name = self.trace + (":" if self.place[:1].isdigit() else ": ") if self.trace else ""
        return printable(name + text)


class TraceError(MmtuiError):
    """A trace that cannot be read: `errors` are its first faults (at most 20), `more` counts those beyond them.

    `str()` is one line per fault, each beginning with the name of the trace, fit for a terminal as it is.
    """

    def __init__(self, name: str, errors: Sequence[Problem], more: int = 0) -> None:
        super().__init__(name, errors, more)
        self.name = name
        self.errors: list[Problem] = [error._replace(trace=name) for error in errors[:MOST_SHOWN]]
        self.more = more + max(0, len(errors) - MOST_SHOWN)

    def __str__(self) -> str:
        lines = [str(error) for error in self.errors]
        return "\n".join([*lines, f"{printable(self.name)}: and {self.more} more"] if self.more else lines)
