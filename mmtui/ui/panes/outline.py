"""The log as an outline: operations, calls and transitions in the order of the log, folded; found by arithmetic.

Nothing here walks the log: a level knows its child calls as arrays, the transitions between them are counted, and
only calls that are unfolded have a level of their own. A log of ten million transitions costs what a short one does.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from mmtui.arrays import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmtui.ui.view import View

    Ints = NDArray[np.int64]


class Item(NamedTuple):
    """One line of the log: a call (`call` >= 0), or the transition `number` (then `call` is -1)."""

    call: int
    number: int
    depth: int
    is_open: bool


class Tree:
    """The call tree without the hidden functions: their contents count as their callers'."""

    def __init__(self, view: View) -> None:
        self.timeline = view.timeline
        calls = view.timeline.log.calls
        self.start: Ints = np.asarray(calls.start, np.int64)
        self.end: Ints = np.asarray(calls.end, np.int64)
        self.parent: Ints = np.asarray(calls.parent, np.int64)
        self.shown = np.ones(len(self.start), bool)
        if view.hidden:
            self._hide(view.hidden)
        order = np.argsort(self.parent[self.shown], kind="stable")
        self._numbers: Ints = np.flatnonzero(self.shown)[order]
        self._parents: Ints = self.parent[self._numbers]

    def _hide(self, names: frozenset[str]) -> None:
        numbers = np.asarray(self.timeline.log.calls.fn, np.int64)
        hidden = [number for number in np.unique(numbers).tolist() if self.timeline.function_name(number) in names]
        self.shown = ~np.isin(numbers, hidden) | (self.parent < 0)
        while True:
            astray = (self.parent >= 0) & ~self.shown[self.parent]
            if not astray.any():
                return
            self.parent = np.where(astray, self.parent[self.parent], self.parent)

    def children(self, call: int) -> Ints:
        """The shown calls directly inside a call (-1: the operations), in order."""
        low, high = np.searchsorted(self._parents, (call, call + 1))
        return self._numbers[low:high]

    def path(self, call: int) -> list[int]:
        """The shown calls around and including `call`, outermost first; a number beyond the calls is itself."""
        if call >= len(self.start):
            return [call]
        found: list[int] = []
        while call >= 0:
            if self.shown[call]:
                found.append(call)
            call = int(self.parent[call])
        return found[::-1]


class Level:
    """The lines inside one unfolded call, with those of the unfolded calls inside it."""

    def __init__(self, tree: Tree, call: int, depth: int, opened: frozenset[int]) -> None:
        self._tree, self.depth = tree, depth
        self.first = int(tree.start[call]) if call >= 0 else 0
        self.last = int(tree.end[call]) if call >= 0 else len(tree.timeline)
        self._children = tree.children(call)
        starts, ends = tree.start[self._children], tree.end[self._children]
        before = np.concatenate(([self.first], ends[:-1])) if len(ends) else ends
        # Own transitions before each child, and the line of each child while all are folded.
        self._own: Ints = np.cumsum(starts - before) if len(ends) else ends
        self._line: Ints = self._own + np.arange(len(self._children))
        tail = self.last - (int(ends[-1]) if len(ends) else self.first)
        self._plain = (int(self._line[-1]) + 1 if len(ends) else 0) + tail
        inner = [number for number in sorted(opened) if tree.parent[number] == call and tree.shown[number]]
        self._opened = [int(np.searchsorted(self._children, number)) for number in inner]
        self._levels = [Level(tree, number, depth + 1, opened) for number in inner]
        self._shifts: list[int] = np.cumsum([0, *(len(level) for level in self._levels)]).tolist()
        # Line of each unfolded child, counting what earlier unfolded ones added.
        self._heads: list[int] = [int(self._line[at]) + self._shifts[i] for i, at in enumerate(self._opened)]

    def __len__(self) -> int:
        return self._plain + int(self._shifts[-1])

    def item(self, index: int) -> Item:
        """The line `index` of this level."""
        at = bisect_right(self._heads, index) - 1
        if at >= 0 and self._heads[at] < index <= self._heads[at] + len(self._levels[at]):
            return self._levels[at].item(index - self._heads[at] - 1)
        is_open = at >= 0 and self._heads[at] == index
        line = index - (self._shifts[at] if is_open else self._shifts[at + 1])
        child = int(np.searchsorted(self._line, line))
        if child < len(self._children) and self._line[child] == line:
            call = int(self._children[child])
            return Item(call, int(self._tree.start[call]), self.depth, is_open)
        begin = self.first if child == 0 else int(self._tree.end[self._children[child - 1]])
        after = line if child == 0 else line - int(self._line[child - 1]) - 1
        return Item(-1, begin + after, self.depth, False)

    def line_of_call(self, path: list[int]) -> int:
        """The line of the innermost call of a path (outermost first) whose surroundings are unfolded."""
        child = int(np.searchsorted(self._children, path[0]))
        if child in self._opened:
            at = self._opened.index(child)
            return self._heads[at] + (1 + self._levels[at].line_of_call(path[1:]) if path[1:] else 0)
        return self._shifted(int(self._line[child]))

    def line_of_transition(self, number: int, path: list[int]) -> int:
        """The line of a transition whose shown calls are `path`; of the outermost folded one if there is one."""
        if path:
            child = int(np.searchsorted(self._children, path[0]))
            if child not in self._opened:
                return self._shifted(int(self._line[child]))
            at = self._opened.index(child)
            return self._heads[at] + 1 + self._levels[at].line_of_transition(number, path[1:])
        child = int(np.searchsorted(self._tree.end[self._children], number, side="right"))
        begin = self.first if child == 0 else int(self._tree.end[self._children[child - 1]])
        line = number - begin + (0 if child == 0 else int(self._line[child - 1]) + 1)
        return self._shifted(line)

    @property
    def child_count(self) -> int:
        """How many calls are directly inside."""
        return len(self._children)

    @property
    def opened_children(self) -> list[int]:
        """Which of them are unfolded, counted from 0."""
        return self._opened

    def lines_of(self, first: int, end: int) -> range:
        """The lines from child `first` up to child `end`, with what unfolded ones show."""
        starts = [self._shifted(int(self._line[at])) if at < len(self._line) else len(self) for at in (first, end)]
        return range(*starts)

    def _shifted(self, line: int) -> int:
        """Where a line of this level stands, once the unfolded calls above it are counted."""
        above = sum(1 for at in self._opened if self._line[at] < line)
        return line + int(self._shifts[above])


def outline(view: View) -> tuple[Tree, Level, list[int]]:
    """The tree, its outermost level unfolded as the view says, and the shown calls around the marked transition."""
    tree = view.remember(("tree", view.hidden), lambda: Tree(view), True)
    call = view.timeline.log.row(view.marked)[3] if 0 <= view.marked < len(view.timeline) else -1
    path = tree.path(call)
    opened = frozenset(path) ^ {number for number in view.folds if number < len(tree.start)}
    return tree, Level(tree, -1, 0, opened), path
