"""A long trace read while it runs: its envelope at once, its operations a piece at a time.

Only the canonical form is read so, one operation per line, in a plain file. Whatever looks otherwise, or has anything
wrong in it, is read whole by `codec`, which names every fault and its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

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
_ANY: Final = 1 << 40

_KEY: Final = re.compile(rb'^  "[a-z]+": ', re.MULTILINE)
_OPENS: Final = b'\n  "ops": [\n'
_CLOSES: Final = b"\n  ]"


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

    def __iter__(self) -> Iterator[AnyOp]:
        most = limit("MMTUI_MAX_PROCESSES")
        for text in self._pieces():
            ops = Reading(str(self.path)).piece(text)
            self._processes += sum(type(op) is Spawn or type(op) is Fork for op in ops or ())
            if ops is None or self._processes > most:
                self._wrong()
                return
            self.count += len(ops)
            yield from ops
        if _envelope(self.path, self._rest, self.count) is None:
            self._wrong()

    def _pieces(self) -> Iterator[bytes]:
        """Whole lines, as the inside of a list."""
        with self.path.open("rb") as file:
            file.seek(self._start)
            while self._at < self._end:
                data = file.read(min(_PIECE, self._end - self._at))
                if not data:
                    self._wrong()
                    return
                if self._at + len(data) < self._end:
                    data += file.readline()
                self._at += len(data)
                yield data.rstrip().removesuffix(b",")

    def _wrong(self) -> None:
        """Something is wrong somewhere: the whole file is read, which says what and where."""
        codec.decode(read_bytes(self.path), str(self.path))
        raise TraceError(str(self.path), [Problem("", "changed while it was read")])


def open_stream(path: Path) -> OpStream | None:
    """The trace in a file as a stream; None if it is not long, or not in a form that can be read so."""
    try:
        size = path.stat().st_size
        if not path.is_file() or not LONG <= size <= limit("MMTUI_MAX_BYTES"):
            return None
        with path.open("rb") as file:
            head = file.read(_HEAD)
            start = head.find(_OPENS) + len(_OPENS)
            file.seek(max(size - _TAIL, start))
            tail = file.read(_TAIL)
    except OSError:
        return None
    after = _after_ops(tail)
    if start < len(_OPENS) or after is None:
        return None
    end = size - len(tail) + after
    rest = head[:start].rstrip(b"\n") + b"]" + tail[after + len(_CLOSES) :]
    trace = _envelope(path, rest, _ANY)
    if trace is None or trace.log is not None or trace.recording is not None:
        return None
    return OpStream(path, trace, rest, start, end)


def _after_ops(tail: bytes) -> int | None:
    """Where the list of operations closes in the last bytes of a file; None if that cannot be told."""
    keys = _KEY.search(tail)
    closes = tail.rfind(_CLOSES, 0, keys.start() if keys else len(tail))
    if closes < 0:
        return None
    last = tail[tail.rfind(b"\n", 0, closes) + 1 : closes]
    return closes if last.startswith(b'    {"op": ') else None


def _envelope(path: Path, rest: bytes, count: int) -> Trace | None:
    """The trace without its operations, of which there are `count`; None if anything is wrong with it."""
    try:
        return Reading(str(path), count).trace(rest)
    except TraceError:
        return None
