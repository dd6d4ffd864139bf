"""Moves an image of all columns from one position of the log to another.

A step writes one cell. A longer way is taken in blocks: a block knows, for each cell that changes in it, its value
before the first and after the last change, so that it is crossed by writing each such cell once. Blocks of 4096
transitions are joined four at a time into larger ones, as long as joining saves something.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmtui.engine.log import AnyInts, Ints, Log, narrow
from mmtui.engine.schema import COLUMNS, ROW_BITS, ROW_MASK

BLOCK = 4096
RADIX = 4
KNOWN = 2048
"""Positions whose numbers (see `Seeker.moved`) are remembered."""
WORTHWHILE = 0.7
"""A joined block is kept if it has at most this part of the cells of its parts."""


class Net(NamedTuple):
    """The net effect of a run of transitions: each changed cell once, sorted."""

    cell: NDArray[np.uint32]
    before: AnyInts
    after: AnyInts

    def __len__(self) -> int:
        return len(self.cell)


def net_of(cell: AnyInts, old: AnyInts, new: AnyInts) -> Net:
    """The net effect of transitions in log order."""
    order = np.argsort(cell, kind="stable")
    ordered = cell[order]
    edge = np.flatnonzero(ordered[1:] != ordered[:-1])
    first = order[np.concatenate(([0], edge + 1))]
    last = order[np.concatenate((edge, [len(order) - 1]))]
    return Net(cell[first].astype(np.uint32), old[first], new[last])


class Seeker:
    """An image of the machine that can be anywhere in a log. `image[id]` is column `id`; position 0 is boot."""

    def __init__(self, log: Log, rows: list[int], boot: dict[str, Ints]) -> None:
        self._log = log
        self.image: list[Ints] = [np.zeros(size, np.int64) for size in rows]
        for info in COLUMNS:
            if info.name in boot:
                values = boot[info.name]
                self.image[info.id][: len(values)] = values[: len(self.image[info.id])]
        self.position = 0
        self._moves = 0
        self.moved: list[int] = [0] * len(COLUMNS)
        """For each column the number of a move: while it is the same, so is what stands in the column."""
        self._known: dict[int, list[int]] = {}
        self._nets: dict[tuple[int, int], Net | None] = {}
        self._prepared = 0

    def grow(self, rows: list[int]) -> None:
        """Make room for a log that has grown; what is new is zero until the position gets there."""
        for number, size in enumerate(rows):
            have = self.image[number]
            if len(have) < size:
                self.image[number] = np.concatenate([have, np.zeros(size - len(have), np.int64)])

    def seek(self, position: int) -> None:
        """Be at `position` (0 .. len(log))."""
        here = self.position
        if position == here:
            return
        forward = position > here
        if len(self._known) > KNOWN:
            self._known.clear()
        self._known[here] = self.moved
        self._moves += 1
        self.moved = self.moved.copy()
        if abs(position - here) <= 8:
            for number in range(here, position) if forward else range(here - 1, position - 1, -1):
                cell, old, new, _, _ = self._log.row(number)
                self.image[cell >> ROW_BITS][cell & ROW_MASK] = new if forward else old
                self.moved[cell >> ROW_BITS] = self._moves
        else:
            pieces = self._pieces(min(here, position), max(here, position))
            for net in pieces if forward else reversed(pieces):
                self._apply(net, forward)
        self.position = position
        # A position has one state: whoever comes back to it finds the same numbers.
        self.moved = self._known.get(position, self.moved)

    def _apply(self, net: Net, forward: bool) -> None:
        values = net.after if forward else net.before
        column = net.cell >> ROW_BITS
        edges = np.concatenate(([0], np.flatnonzero(column[1:] != column[:-1]) + 1, [len(column)]))
        for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            self.image[int(column[start])][net.cell[start:end] & ROW_MASK] = values[start:end]
            self.moved[int(column[start])] = self._moves

    def _pieces(self, start: int, stop: int) -> list[Net]:
        """The way from start to stop: short ends as they are, whole blocks between."""
        low, high = -(-start // BLOCK), stop // BLOCK
        if low >= high:
            return [self._rows(start, stop)]
        pieces = [self._rows(start, low * BLOCK)] if start < low * BLOCK else []
        while low < high:
            level = 0
            while low % RADIX ** (level + 1) == 0 and low + RADIX ** (level + 1) <= high:
                level += 1
            pieces += self._block(level, low // RADIX**level)
            low += RADIX**level
        return [*pieces, self._rows(high * BLOCK, stop)] if high * BLOCK < stop else pieces

    def _block(self, level: int, number: int) -> list[Net]:
        """A block as one net effect, or as its parts' if joining them would save little."""
        key = level, number
        if key not in self._nets:
            self._nets[key] = self._join(level, number)
        net = self._nets[key]
        if net is not None:
            return [net]
        return [part for child in range(RADIX) for part in self._block(level - 1, number * RADIX + child)]

    def _join(self, level: int, number: int) -> Net | None:
        if level == 0:
            return self._kept(self._rows(number * BLOCK, (number + 1) * BLOCK))
        parts = [part for child in range(RADIX) for part in self._block(level - 1, number * RADIX + child)]
        size = sum(map(len, parts))
        net = net_of(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        if len(net) > WORTHWHILE * size:
            return None
        return self._kept(net)

    def _kept(self, net: Net) -> Net:
        """Where the log is kept: past its budget of memory in a file."""
        keep = self._log.shelf.keep
        return Net(keep(net.cell), keep(narrow(net.before)), keep(narrow(net.after)))

    def _rows(self, start: int, stop: int) -> Net:
        chunks = list(self._log.chunks(start, stop))
        if len(chunks) == 1:
            return net_of(chunks[0].cell, chunks[0].old, chunks[0].new)
        return net_of(*(np.concatenate([chunk[at] for chunk in chunks]) for at in (1, 2, 3)))

    def prepare(self) -> None:
        """Make the blocks of the whole log, so that the first long seek is as quick as the others."""
        blocks = len(self._log) // BLOCK
        level, begin, end = 0, self._prepared, blocks
        while begin < end:
            for number in range(begin, end):
                self._block(level, number)
            level, begin, end = level + 1, begin // RADIX, end // RADIX
        self._prepared = blocks
