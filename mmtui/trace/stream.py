"""A long trace read while it runs: its envelope at once, its operations a piece at a time.

The text is cut where one operation ends and the next begins, however it is laid out: on one line, one operation per
line, indented. Where a cut falls is a guess (a string may look like such a place), and each guess is put to the
decoder: a piece cut inside a string or an object is no list of operations. What cannot be read so, or has anything
wrong in it, is read whole by `codec`, which names every fault and its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from mmtui.engine.ops import AnyOp, Fork, Spawn
from mmtui.trace import codec
from mmtui.trace.errors import Problem, TraceError
from mmtui.trace.model import Trace
from mmtui.trace.reading import Reading
from mmtui.trace.source import limit, read_bytes

LONG: Final = 1 << 18
"""Bytes of a file that is worth it."""
_HEAD: Final = 1 << 16
_TAIL: Final = 1 << 20
_PIECE: Final = 1 << 16
_TRIES: Final = 8
"""Guesses at one place; more of them wrong, and the text was made to look so."""
_ANY: Final = 1 << 40

_OPENS: Final = re.compile(rb'"ops"\s*:\s*\[\s*(?=\{)')
_CLOSES: Final = re.compile(rb'\}\s*(\])\s*(?:,\s*"[a-z]+"\s*:|\}\s*\Z)')
_NEXT: Final = re.compile(rb"\s*\{")


class OpStream:
    """The operations of a long trace, in order; iterate once. `trace` is the rest of it, with no operations.

    Iterating raises TraceError where the file turns out to be wrong.
    """

    def __init__(self, path: Path, trace: Trace, rest: bytes, start: int, end: int) -> None:
        self.path, self.trace, self._rest = path, trace, rest
        self._start, self._end = start, end
        self._at = start
        self._processes = 0
        self.count = 0
        """Operations read so far."""

    @property
    def fraction(self) -> float:
        """How much of the operations was read, 0 to 1."""
        return (self._at - self._start) / max(self._end - self._start, 1)

    def beginning(self) -> tuple[AnyOp, ...]:
        """The first of the operations, to look at; iterating still begins with them. None of them if one is wrong."""
        with self.path.open("rb") as file:
            found = self._piece(file, self._start)
        return found[0] if found else ()

    def __iter__(self) -> Iterator[AnyOp]:
        most = limit("MMTUI_MAX_PROCESSES")
        with self.path.open("rb") as file:
            while self._at < self._end:
                found = self._piece(file, self._at)
                ops = found[0] if found else ()
                self._processes += sum(type(op) is Spawn or type(op) is Fork for op in ops)
                if found is None or self._processes > most:
                    yield from self._others()
                    return
                self._at = found[1]
                self.count += len(ops)
                yield from ops
        if _envelope(self.path, self._rest, self.count) is None:
            yield from self._others()

    def _piece(self, file: BinaryIO, start: int) -> tuple[tuple[AnyOp, ...], int] | None:
        """(the operations from byte `start` on, where they end); None if they cannot be told apart so, or are wrong."""
        file.seek(start)
        data = file.read(min(_PIECE, self._end - start))
        if start + len(data) >= self._end:
            ops = Reading(str(self.path)).piece(data.rstrip())
            return None if ops is None else (ops, self._end)
        for end, begin in islice(_cuts(data), _TRIES):
            ops = Reading(str(self.path)).piece(data[:end])
            if ops is not None:
                return ops, start + begin
        return None

    def _others(self) -> Iterator[AnyOp]:
        """The operations that were not read yet, from the whole file: it says what is wrong and where."""
        whole = codec.decode(read_bytes(self.path), str(self.path))
        if msgspec.structs.replace(whole, ops=()) != self.trace or len(whole.ops) < self.count:
            raise TraceError(str(self.path), [Problem("", "changed while it was read")])
        self._at = self._end
        yield from whole.ops[self.count :]


def _cuts(data: bytes) -> Iterator[tuple[int, int]]:
    """Where `data` seems to end an operation, and where the next one begins; the last such place first."""
    at = len(data)
    while (at := data.rfind(b"},", 0, at)) >= 0:
        following = _NEXT.match(data, at + 2)
        if following:
            yield at + 1, following.end() - 1


def open_stream(path: Path) -> OpStream | None:
    """The trace in a file as a stream; None if it is not long, or not in a form that can be read so."""
    try:
        size = path.stat().st_size
        if not path.is_file() or not LONG <= size <= limit("MMTUI_MAX_BYTES"):
            return None
        with path.open("rb") as file:
            opens = _OPENS.search(file.read(_HEAD))
            start = opens.end() if opens else size
            file.seek(max(size - _TAIL, start))
            tail = file.read(_TAIL)
    except OSError:
        return None
    if opens is None:
        return None
    head = opens.string[:start].rstrip() + b"]"
    for closes in islice(_CLOSES.finditer(tail), _TRIES):
        rest = head + tail[closes.end(1) :]
        trace = _envelope(path, rest, _ANY)
        if trace is not None:
            if trace.log is not None or trace.recording is not None:
                return None
            return OpStream(path, trace, rest, start, size - len(tail) + closes.start(1))
    return None


def _envelope(path: Path, rest: bytes, count: int) -> Trace | None:
    """The trace without its operations, of which there are `count`; None if anything is wrong with it."""
    try:
        return Reading(str(path), count).trace(rest)
    except TraceError:
        return None
