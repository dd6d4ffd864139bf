"""Traces made of traces: some of the operations, with what people said about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from mmtui.engine.ops import AnyOp, Write
from mmtui.trace.model import Annotation, Bookmark, Place, Trace

Note = TypeVar("Note", Bookmark, Annotation)


def keep(trace: Trace, kept: Sequence[int]) -> Trace:
    """`trace` with only the operations numbered in `kept` (ascending); bookmarks and annotations move with theirs.

    What was said about an operation that goes is dropped, as is an exported log: it would be of other operations.
    """
    number = {old: new for new, old in enumerate(kept)}
    number[len(trace.ops)] = len(kept)  # the end stays the end
    position = trace.position and _moved(trace.position, number)
    return msgspec.structs.replace(
        trace,
        ops=tuple(_renumbered(trace.ops[old], old, new) for new, old in enumerate(kept)),
        bookmarks=tuple(_with_place(mark, number) for mark in trace.bookmarks if mark.at.op in number),
        annotations=tuple(_with_place(note, number) for note in trace.annotations if note.at.op in number),
        position=position,
        log=None,
    )


def with_kernel(trace: Trace, kernel: str | None) -> Trace:
    """`trace` for another kernel; an exported log, which is of the old one, goes. None: as it is."""
    if kernel in (None, trace.kernel):
        return trace
    return msgspec.structs.replace(trace, kernel=kernel, log=None)


def _renumbered(op: AnyOp, old: int, new: int) -> AnyOp:
    """The same effect under another number: what `write` writes by default is 1000 + its number."""
    if isinstance(op, Write) and op.value is None and old != new:
        return msgspec.structs.replace(op, value=1000 + old)
    return op


def _moved(at: Place, number: dict[int, int]) -> Place | None:
    return msgspec.structs.replace(at, op=number[at.op]) if at.op in number else None


def _with_place(item: Note, number: dict[int, int]) -> Note:
    return msgspec.structs.replace(item, at=_moved(item.at, number))
