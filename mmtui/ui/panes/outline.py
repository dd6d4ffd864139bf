"""The log as an outline: operations, calls and transitions in the order of the log, folded; found by arithmetic.

Nothing here walks the log: the operations follow each other without a gap, an unfolded call knows its child calls as
arrays, and the transitions between them are counted. A log of ten million transitions costs what a short one does.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from mmtui.engine.arrays import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmtui.engine.timeline import Timeline
    from mmtui.ui.view import View

    Ints = NDArray[np.integer[Any]]

_KEPT = 1 << 22
"""Child calls, of all calls that were unfolded, after which they are forgotten and found anew."""


class Item(NamedTuple):
    """One line of the log: a call (`call` >= 0), or the transition `number` (then `call` is -1)."""

    call: int
    number: int
    depth: int
    is_open: bool


class Tree:
    """The call tree without the hidden functions: their contents count as their callers'.

    Calls are numbered in the order in which they begin, so that those inside a call follow it. What is found stays
    right while the log grows, because an operation is in the log when it is over.
    """

    def __init__(self, timeline: Timeline, hidden: frozenset[str]) -> None:
        self.timeline = timeline
        self._hidden = [number for name in hidden if (number := timeline.function_number(name)) is not None]
        self._inside: dict[int, Inside] = {}
        self._kept = 0

    @property
    def start(self) -> Ints:
        """The first transition of each call."""
        return self.timeline.log.calls.start

    @property
    def end(self) -> Ints:
        """One past the last transition of each call."""
        return self.timeline.log.calls.end

    def __len__(self) -> int:
        return len(self.timeline.log.calls)

    def is_shown(self, call: int) -> bool:
        """Whether a call has a line: an operation, or a call of a function that is not hidden."""
        calls = self.timeline.log.calls
        return not self._hidden or int(calls.parent[call]) < 0 or int(calls.fn[call]) not in self._hidden

    def parent(self, call: int) -> int:
        """The shown call around a call, -1 for an operation."""
        parents = self.timeline.log.calls.parent
        call = int(parents[call])
        while call >= 0 and not self.is_shown(call):
            call = int(parents[call])
        return call

    def path(self, call: int) -> list[int]:
        """The shown calls around and including `call`, outermost first; a number beyond the calls is itself."""
        if call >= len(self):
            return [call]
        parents = self.timeline.log.calls.parent
        found: list[int] = []
        while call >= 0:
            if self.is_shown(call):
                found.append(call)
            call = int(parents[call])
        return found[::-1]

    def children(self, call: int) -> Ints:
        """The shown calls directly inside a call, in order."""
        calls = self.timeline.log.calls
        first, start = call + 1, calls.start
        end = first + int(start[first:].searchsorted(calls.end[call], side="right"))
        around = calls.parent[first:end]
        if not self._hidden:
            return np.flatnonzero(around == call) + first
        shown = ~np.isin(calls.fn[first:end], self._hidden)
        around = around.astype(np.int64) - first  # the call itself is -1 now, what lies around it less
        while len(astray := np.flatnonzero((around >= 0) & ~shown[around.clip(0)])):
            around[astray] = around[around[astray]]
        return np.flatnonzero((around == -1) & shown) + first

    def inside(self, call: int) -> Lines:
        """The lines inside a call, or (-1) of the whole log, while all calls in it are folded."""
        if call < 0:
            return Operations(self.timeline)
        if call not in self._inside:
            if self._kept > _KEPT:
                self._inside, self._kept = {}, 0
            self._inside[call] = Inside(self, call)
            self._kept += self._inside[call].count
        return self._inside[call]


class Lines(Protocol):
    """Transitions and folded calls (counted from 0) in order, one on a line."""

    count: int
    size: int

    def call(self, at: int) -> int:
        """The number of a call."""

    def index(self, call: int) -> int:
        """Which one a call is."""

    def line(self, at: int) -> int:
        """The line of a call."""

    def at_line(self, line: int) -> int:
        """The first call on this line or below."""

    def after(self, number: int) -> int:
        """The first call that ends after a transition."""

    def begin(self, at: int) -> int:
        """The first transition between the call before this one and this one."""


class Operations:
    """The whole log: operation after operation, and what may stand before the first or behind the last one."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.count = timeline.op_count
        self._before, self._end = (timeline.op_start(0), timeline.op_end(self.count - 1)) if self.count else (0, 0)
        self.size = self._before + self.count + len(timeline) - self._end

    def call(self, at: int) -> int:
        """The call of an operation."""
        return self._timeline.op_call(at)

    def index(self, call: int) -> int:
        """The operation of a call."""
        return int(self._timeline.log.calls.a0[call])

    def line(self, at: int) -> int:
        """The line of an operation."""
        return self._before + at

    def at_line(self, line: int) -> int:
        """The first operation on this line or below."""
        return min(max(line - self._before, 0), self.count)

    def after(self, number: int) -> int:
        """The first operation that ends after a transition of none."""
        return 0 if number < self._before else self.count

    def begin(self, at: int) -> int:
        """The first transition after the operation before."""
        return self._timeline.op_end(at - 1) if at else 0


class Inside:
    """What is inside one call."""

    def __init__(self, tree: Tree, call: int) -> None:
        self._children = tree.children(call)
        self.count = len(self._children)
        self._first, last = int(tree.start[call]), int(tree.end[call])
        starts = tree.start[self._children].astype(np.int64)
        self._ends: Ints = tree.end[self._children].astype(np.int64)
        before = np.concatenate(([self._first], self._ends[:-1])) if self.count else self._ends
        # A line for each transition before a call that is not in another one, and for each call before it.
        self._line: Ints = np.cumsum(starts - before) + np.arange(self.count)
        tail = last - (int(self._ends[-1]) if self.count else self._first)
        self.size = (int(self._line[-1]) + 1 if self.count else 0) + tail

    def call(self, at: int) -> int:
        """The number of a call."""
        return int(self._children[at])

    def index(self, call: int) -> int:
        """Which one a call is."""
        return int(self._children.searchsorted(call))

    def line(self, at: int) -> int:
        """The line of a call."""
        return int(self._line[at])

    def at_line(self, line: int) -> int:
        """The first call on this line or below."""
        return int(self._line.searchsorted(line))

    def after(self, number: int) -> int:
        """The first call that ends after a transition."""
        return int(self._ends.searchsorted(number, side="right"))

    def begin(self, at: int) -> int:
        """The first transition between the call before this one and this one."""
        return int(self._ends[at - 1]) if at else self._first


class Level:
    """The lines inside one unfolded call, with those of the unfolded calls inside it."""

    def __init__(self, tree: Tree, call: int, depth: int, opened: frozenset[int]) -> None:
        self._tree, self.depth = tree, depth
        self._lines = lines = tree.inside(call)
        inner = [number for number in sorted(opened) if tree.parent(number) == call and tree.is_shown(number)]
        self._opened = [lines.index(number) for number in inner]
        self._levels = [Level(tree, number, depth + 1, opened) for number in inner]
        self._shifts = [0]
        """How many lines the unfolded calls before add."""
        for level in self._levels:
            self._shifts.append(self._shifts[-1] + len(level))
        self._heads = [lines.line(at) + self._shifts[i] for i, at in enumerate(self._opened)]
        """The line of each unfolded call, counting what earlier unfolded ones added."""

    def __len__(self) -> int:
        return self._lines.size + self._shifts[-1]

    def item(self, index: int) -> Item:
        """The line `index` of this level."""
        lines = self._lines
        at = bisect_right(self._heads, index) - 1
        if at >= 0 and self._heads[at] < index <= self._heads[at] + len(self._levels[at]):
            return self._levels[at].item(index - self._heads[at] - 1)
        is_open = at >= 0 and self._heads[at] == index
        line = index - (self._shifts[at] if is_open else self._shifts[at + 1])
        child = lines.at_line(line)
        if child < lines.count and lines.line(child) == line:
            call = lines.call(child)
            return Item(call, int(self._tree.start[call]), self.depth, is_open)
        after = line if child == 0 else line - lines.line(child - 1) - 1
        return Item(-1, lines.begin(child) + after, self.depth, False)

    def line_of_call(self, path: list[int]) -> int:
        """The line of the innermost call of a path (outermost first) whose surroundings are unfolded."""
        child = self._lines.index(path[0])
        if child in self._opened:
            at = self._opened.index(child)
            return self._heads[at] + (1 + self._levels[at].line_of_call(path[1:]) if path[1:] else 0)
        return self._shifted(child)

    def line_of_transition(self, number: int, path: list[int]) -> int:
        """The line of a transition whose shown calls are `path`; of the outermost folded one if there is one."""
        lines = self._lines
        if path:
            child = lines.index(path[0])
            if child not in self._opened:
                return self._shifted(child)
            at = self._opened.index(child)
            return self._heads[at] + 1 + self._levels[at].line_of_transition(number, path[1:])
        child = lines.after(number)
        line = number - lines.begin(child) + (0 if child == 0 else lines.line(child - 1) + 1)
        return line + self._shifts[bisect_right(self._opened, child - 1)]

    @property
    def child_count(self) -> int:
        """How many calls are directly inside."""
        return self._lines.count

    @property
    def opened_children(self) -> list[int]:
        """Which of them are unfolded, counted from 0."""
        return self._opened

    def lines_of(self, first: int, end: int) -> range:
        """The lines from child `first` up to child `end`, with what unfolded ones show."""
        return range(*(self._shifted(at) if at < self._lines.count else len(self) for at in (first, end)))

    def _shifted(self, child: int) -> int:
        """Where a call of this level stands, once the unfolded calls above it are counted."""
        return self._lines.line(child) + self._shifts[bisect_right(self._opened, child - 1)]


def outline(view: View) -> tuple[Tree, Level, list[int]]:
    """The tree, its outermost level unfolded as the view says, and the shown calls around the marked transition."""
    tree = view.remember(("tree", view.hidden), lambda: Tree(view.timeline, view.hidden), lasting=True)
    call = view.timeline.log.row(view.marked)[3] if 0 <= view.marked < len(view.timeline) else -1
    path = tree.path(call)
    opened = frozenset(path) ^ {number for number in view.folds if number < len(tree)}
    return tree, Level(tree, -1, 0, opened), path
