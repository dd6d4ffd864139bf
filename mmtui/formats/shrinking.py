"""The smallest trace that still does something: delta debugging over operations, then over pages, ranges and fields.

A candidate is a trace like any other: it is run, and kept if the query still hits. Whatever is left out is left out for
good, so that the best one so far is always a whole trace that does it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import msgspec

from mmtui.engine import query
from mmtui.loading import timeline_of
from mmtui.trace import codec, edit
from mmtui.trace.errors import TraceError
from mmtui.trace.model import Trace

_PAGES: Final = ("pages", "old_pages", "new_pages", "order")
"""Numbers of an operation that are tried smaller."""
_OPTIONAL: Final = ("vm_flags", "remap", "zeromap", "ro_file", "force", "dirty", "reserved", "comp", "value", "note")
"""Fields of an operation that are tried without."""
replace = msgspec.structs.replace


@dataclass
class Shrinking:
    """One shrinking: `best` is the smallest trace so far that still hits; `tried` counts runs; `say` tells progress."""

    best: Trace
    kernel: str
    wanted: query.Query
    say: Callable[[Shrinking], None]
    tried: int = 0
    stage: str = "operations"
    _seen: dict[bytes, bool] = field(default_factory=dict)

    def hits(self, trace: Trace) -> bool:
        """Does this trace do it, under the kernel? One that cannot be run does not."""
        key = codec.encode(trace)
        if key not in self._seen:
            self.tried += 1
            self._seen[key] = self._run(key)
            self.say(self)
        return self._seen[key]

    def _run(self, text: bytes) -> bool:
        try:
            timeline = timeline_of(codec.decode(text), kernel=self.kernel)
        except TraceError:
            return False
        return bool(len(self.wanted.hits(timeline)))

    def keep_if(self, trace: Trace) -> bool:
        """Make this the best one, if it does it."""
        if trace == self.best or not self.hits(trace):
            return False
        self.best = trace
        return True

    def run(self) -> Trace:
        """Shrink until nothing can be left out any more; `best` is right at any time in between."""
        before = None
        while before != self.best:
            before = self.best
            self.stage = "operations"
            self._operations()
            self.stage = "pages and fields"
            for number in range(len(self.best.ops)):
                self._operation(number)
            self.stage = "machine"
            self._machine()
        return self.best

    def _operations(self) -> None:
        """Delta debugging (Zeller): leave out ever smaller pieces of the list, and begin again where one can go."""
        pieces = 2
        while len(self.best.ops) >= 1:
            count = len(self.best.ops)
            pieces = min(pieces, count)
            if any(self.keep_if(edit.keep(self.best, kept)) for kept in complements(count, pieces)):
                pieces = max(pieces - 1, 2)
            elif pieces >= count:
                return
            else:
                pieces *= 2

    def _operation(self, number: int) -> None:
        """Make the fields of an operation smaller, or leave them out."""
        for name in _PAGES:
            while smaller := _halved(self.best.ops[number], name):
                if not any(self._with_op(number, op) for op in smaller):
                    break
        for name in _OPTIONAL:
            default = _default(self.best.ops[number], name)
            if default is not None:
                self._with_op(number, replace(self.best.ops[number], **{name: default[0]}))
        for name in ("vm_flags", "remap"):
            for at in reversed(range(len(getattr(self.best.ops[number], name, ())))):
                items = getattr(self.best.ops[number], name)
                self._with_op(number, replace(self.best.ops[number], **{name: items[:at] + items[at + 1 :]}))

    def _with_op(self, number: int, op: Any) -> bool:
        ops = self.best.ops
        return self.keep_if(replace(self.best, ops=(*ops[:number], op, *ops[number + 1 :])))

    def _machine(self) -> None:
        """The machine that a trace has if it says nothing; where it must say something, as little as will do."""
        machine, default = self.best.machine, Trace(ops=()).machine
        if machine == default or self.keep_if(replace(self.best, machine=default)):
            return
        for name in ("reserved", "holes"):
            for at in reversed(range(len(getattr(machine, name)))):
                ranges = getattr(self.best.machine, name)
                self._with_machine(**{name: ranges[:at] + ranges[at + 1 :]})
        self._with_machine(vma_merge=default.vma_merge)
        self._with_machine(hugetlb_page=default.hugetlb_page)
        frames = self.best.machine.frames
        while frames > 4 and self._with_machine(frames=frames // 2):
            frames //= 2

    def _with_machine(self, **fields: Any) -> bool:
        return self.keep_if(replace(self.best, machine=replace(self.best.machine, **fields)))


def complements(count: int, pieces: int) -> Iterator[Sequence[int]]:
    """What is left of `count` numbers without each of so many pieces, the last piece first."""
    edges = [count * piece // pieces for piece in range(pieces + 1)]
    for low, high in reversed(list(pairwise(edges))):
        yield [*range(low), *range(high, count)]


def _halved(op: Any, name: str) -> list[Any]:
    """The operation with a number made 1 (order: 0), half, or one less."""
    number, least = getattr(op, name, 0), 0 if name == "order" else 1
    if not isinstance(number, int) or number <= least:
        return []
    values = dict.fromkeys(value for value in (least, number // 2, number - 1) if least <= value < number)
    return [replace(op, **{name: value}) for value in values]


def _default(op: Any, name: str) -> tuple[Any] | None:
    """The default of a field, if the operation has the field and another value in it."""
    for info in msgspec.structs.fields(op):
        if info.name == name and info.default is not msgspec.NODEFAULT and getattr(op, name) != info.default:
            return (info.default,)
    return None
