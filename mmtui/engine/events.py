"""Events as columns: a long log has millions of faults, and an object is made only of those that are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np
from numpy.typing import NDArray

from mmtui.engine.log import Ints

KINDS: tuple[str, ...] = (
    "alloc", "free", "fault", "cow", "bad_page", "bad_pte", "bug", "refused", "free_unpaged", "free_mapped",
    "free_owned", "stray_put", "window_on_foreign", "limbo", "leak",
)  # fmt: skip
"""Every kind of event; a message of another kind is an event of its own name."""


@dataclass(frozen=True)
class Event:
    """A named fact that belongs to one transition; its position is the one just after it, in both directions.

    `subject` has what it is about (`pfn`, `pid`, `address`); `why` refines the kind (of a leak: orphan, surplus,
    stuck, confirmed; of a refusal: the errno or the signal); `text` is a short clause with the numbers.
    """

    kind: str
    transition: int
    op: int
    subject: dict[str, int | str] = field(default_factory=dict)
    why: str = ""
    text: str = ""

    @property
    def position(self) -> int:
        """Where a debugger stops for it."""
        return self.transition + 1


@dataclass(frozen=True)
class Rows:
    """Some events of one kind in columns; -1 where one names no frame or address."""

    kind: str
    transition: Ints
    op: Ints
    pfn: Ints
    address: Ints


class Events(Sequence[Event]):
    """Events by transition. Columns: `kind` (number in `kinds`), `transition`, `op`, `pfn`, `address` (-1: none)."""

    def __init__(
        self,
        kinds: tuple[str, ...],
        kind: NDArray[np.int16],
        columns: tuple[Ints, Ints, Ints, Ints],
        told: NDArray[np.int64],
        objects: Sequence[Event],
    ) -> None:
        self.kinds, self.kind = kinds, kind
        self.transition, self.op, self.pfn, self.address = columns
        self._told, self._objects = told, objects
        self._by_kinds: dict[tuple[str, ...], Events] = {}

    @property
    def position(self) -> Ints:
        """Where a debugger stops for each."""
        return self.transition + 1

    def __len__(self) -> int:
        return len(self.kind)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> Events: ...
    def __getitem__(self, index: int | slice) -> Event | Events:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        if self._told[index] >= 0:
            return self._objects[int(self._told[index])]
        subject: dict[str, int | str] = {}
        if self.pfn[index] >= 0:
            subject["pfn"] = int(self.pfn[index])
        if self.address[index] >= 0:
            subject["address"] = int(self.address[index])
        return Event(self.kinds[self.kind[index]], int(self.transition[index]), int(self.op[index]), subject)

    def __iter__(self) -> Iterator[Event]:
        return (self[index] for index in range(len(self)))

    def take(self, index: Ints) -> Events:
        """The events at these indexes."""
        columns = (self.transition[index], self.op[index], self.pfn[index], self.address[index])
        return Events(self.kinds, self.kind[index], columns, self._told[index], self._objects)

    def of(self, *kinds: str) -> Events:
        """The events of some kinds; kept, as a screen asks for the same few at every step."""
        if kinds not in self._by_kinds:
            self._by_kinds[kinds] = self.take(self._where(kinds, 0))
        return self._by_kinds[kinds]

    def follow(self, before: Events) -> None:
        """These begin with the events of `before`: what is known of those need not be looked for."""
        for kinds, known in before._by_kinds.items():
            index = self._where(kinds, len(before))
            self._by_kinds[kinds] = known.followed(self.take(index)) if len(index) else known

    def followed(self, after: Events) -> Events:
        """These, and then others of the same table."""
        columns = (np.concatenate(pair) for pair in zip(self._columns(), after._columns(), strict=True))
        kind, *rest, told = columns
        return Events(after.kinds, kind, tuple(rest), told, after._objects)  # type: ignore[arg-type]

    def _columns(self) -> tuple[NDArray[np.integer], ...]:
        return (self.kind, self.transition, self.op, self.pfn, self.address, self._told)

    def _where(self, kinds: tuple[str, ...], first: int) -> Ints:
        numbers = [self.kinds.index(kind) for kind in kinds if kind in self.kinds]
        return np.flatnonzero(np.isin(self.kind[first:], numbers)) + first

    def told(self) -> Iterator[tuple[int, Event]]:
        """(index, event) of those that say more than their columns; there are few."""
        for index in np.flatnonzero(self._told >= 0).tolist():
            yield index, self._objects[int(self._told[index])]


def gather(plain: Sequence[Rows], told: Sequence[Event]) -> Events:
    """One table of events in columns and events told one by one, by transition; equal transitions keep this order."""
    kinds = tuple(dict.fromkeys((*KINDS, *(event.kind for event in told))))
    number = {kind: at for at, kind in enumerate(kinds)}
    kind = [np.full(len(rows.transition), number[rows.kind], np.int16) for rows in plain]
    kind.append(np.array([number[event.kind] for event in told], np.int16))
    parts: list[list[Ints]] = [
        [*(getattr(rows, name) for rows in plain), _of(told, name)] for name in ("transition", "op", "pfn", "address")
    ]
    count = sum(len(rows.transition) for rows in plain)
    index = np.concatenate([np.full(count, -1, np.int64), np.arange(len(told), dtype=np.int64)])
    transition = np.concatenate(parts[0])
    order = np.argsort(transition, kind="stable")
    columns = tuple(np.concatenate(part)[order] for part in parts)
    return Events(kinds, np.concatenate(kind)[order], columns, index[order], told)  # type: ignore[arg-type]


class Gathered:
    """Events of one stretch of the log after the other. Adding a stretch costs what the stretch does: the columns have
    room to grow, and of what was asked for before only the new part is looked through."""

    def __init__(self) -> None:
        self._kinds = list(KINDS)
        self._room = [np.zeros(0, kind) for kind in (np.int16, *[np.int64] * 5)]
        self._length = 0
        self._objects: list[Event] = []
        self._events = gather([], [])

    def add(self, part: Events) -> None:
        """The events of the stretch that follows."""
        if not len(part):
            return
        self._kinds += [kind for kind in part.kinds if kind not in self._kinds]
        numbers = np.array([self._kinds.index(kind) for kind in part.kinds], np.int16)
        told = np.where(part._told >= 0, part._told + len(self._objects), -1)
        self._objects += part._objects
        begin, self._length = self._length, self._length + len(part)
        if self._length > len(self._room[0]):
            more = self._length
            self._room = [np.concatenate([column[:begin], np.zeros(more, column.dtype)]) for column in self._room]
        new = (numbers[part.kind], part.transition, part.op, part.pfn, part.address, told)
        for column, values in zip(self._room, new, strict=True):
            column[begin : self._length] = values

    def all(self) -> Events:
        """All of them; the same object while nothing was added."""
        before = self._events
        if len(before) != self._length:
            kind, *columns, told = (column[: self._length] for column in self._room)
            self._events = Events(tuple(self._kinds), kind, tuple(columns), told, self._objects)  # type: ignore[arg-type]
            self._events.follow(before)
        return self._events


def _of(told: Sequence[Event], name: str) -> Ints:
    if name in ("transition", "op"):
        return np.array([getattr(event, name) for event in told], np.int64)
    values = (event.subject.get(name, -1) for event in told)
    return np.array([value if isinstance(value, int) and value < 1 << 63 else -1 for value in values], np.int64)
