"""The logs of two kernels beside each other: lines aligned by call and change, a blank where only one kernel acts.

Operations pair by number. Inside an operation that either side has unfolded, the lines are matched by what they say;
everything else is arithmetic, so that only unfolded operations cost anything.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, NamedTuple

from mmtui import KERNELS
from mmtui.ui.panes import log
from mmtui.ui.panes.common import title
from mmtui.ui.panes.log import LogRows
from mmtui.ui.rows import MadeRows, PaneRows, Row

if TYPE_CHECKING:
    from mmtui.ui.view import View

Pair = tuple[int | None, int | None]
"""Lines of the first and of the second log that stand on one row."""

_MATCHED = 3000
"""Lines of an operation up to which they are matched by content; longer ones are put side by side in order."""


def build(view: View, width: int, height: int) -> PaneRows:
    """The log; with a second kernel, the two of them aligned."""
    if view.twin is None:
        return log.build(view, width, height)
    rows = AlignedRows(view, view.twin, width)
    line, cursor = rows.position_line, rows.cursor_line
    note = ((view.timeline.place_name(view.position), "dim"),)
    changed = () if line is None else (line,)
    return PaneRows(title(view, "log", "Log"), note, (), rows, (), cursor, changed, follow="third")


class Block(NamedTuple):
    """Rows of the aligned log from row `start` on: listed pairs, or (`pairs` empty) two runs of lines side by side."""

    start: int
    left: range
    right: range
    pairs: list[Pair]

    def __len__(self) -> int:
        return len(self.pairs) or max(len(self.left), len(self.right))

    def pair(self, offset: int) -> Pair:
        """The two lines of a row."""
        if self.pairs:
            return self.pairs[offset]
        return tuple(lines[offset] if offset < len(lines) else None for lines in (self.left, self.right))  # type: ignore[return-value]

    def offset_of(self, line: int, side: int) -> int | None:
        """The row of a line of the first (0) or second (1) log, None if it is not in this block."""
        lines = (self.left, self.right)[side]
        if line not in lines:
            return None
        if not self.pairs:
            return line - lines.start
        return next(offset for offset, pair in enumerate(self.pairs) if pair[side] == line)


class AlignedRows(MadeRows):
    """The lines of this view's log, with blanks where the twin's has a line of its own."""

    def __init__(self, view: View, twin: View, width: int) -> None:
        self._ours, self._theirs = LogRows(view, width), LogRows(twin, width)
        kernels = list(KERNELS)
        self._side = 0 if kernels.index(view.timeline.kernel) <= kernels.index(twin.timeline.kernel) else 1
        logs = (self._ours, self._theirs) if self._side == 0 else (self._theirs, self._ours)
        self._blocks = _blocks(*logs)
        self._starts = [block.start for block in self._blocks]

    def __len__(self) -> int:
        return self._starts[-1] + len(self._blocks[-1]) if self._blocks else 0

    def row(self, index: int) -> Row:
        """A line of this side, blank where only the other kernel acts."""
        block = self._blocks[bisect_right(self._starts, index) - 1]
        pair = block.pair(index - block.start)
        ours, theirs = pair[self._side], pair[1 - self._side]
        if ours is None:
            return Row(differs=True)
        row = self._ours[ours]
        return replace(row, differs=theirs is None or self._ours.words_of(ours) != self._theirs.words_of(theirs))

    @property
    def position_line(self) -> int | None:
        """The row of the position's line."""
        return self._row_of(self._ours.position_line)

    @property
    def cursor_line(self) -> int | None:
        """The row of the cursor's line."""
        return self._row_of(self._ours.cursor_line)

    def _row_of(self, line: int | None) -> int | None:
        if line is None:
            return None
        for block in self._blocks:
            offset = block.offset_of(line, self._side)
            if offset is not None:
                return block.start + offset
        return None


def _blocks(first: LogRows, second: LogRows) -> list[Block]:
    """The operations in order: those that both logs have folded in runs, every other one matched."""
    counts = [side.level.child_count for side in (first, second)]
    opened = sorted({*first.level.opened_children, *second.level.opened_children})
    blocks: list[Block] = []
    row, done = 0, 0
    for number in [*opened, max(counts)]:
        for since, until in ((done, number), (number, number + 1)):
            left, right = (
                side.level.lines_of(min(since, count), min(until, count))
                for side, count in zip((first, second), counts, strict=True)
            )
            if len(left) or len(right):
                block = Block(row, left, right, _match(first, left, second, right) if since == number else [])
                blocks.append(block)
                row += len(block)
        done = number + 1
    return blocks


def _match(first: LogRows, left: range, second: LogRows, right: range) -> list[Pair]:
    """Pairs of the lines of one operation; none (so that they stand side by side) where there are too many."""
    if len(left) > _MATCHED or len(right) > _MATCHED:
        return []
    keys = [[side.key_of(line) for line in lines] for side, lines in ((first, left), (second, right))]
    pairs: list[Pair] = []
    for tag, a, b, c, d in SequenceMatcher(None, keys[0], keys[1], autojunk=False).get_opcodes():
        if tag == "equal":
            pairs += zip(left[a:b], right[c:d], strict=True)
        else:
            pairs += [(line, None) for line in left[a:b]]
            pairs += [(None, line) for line in right[c:d]]
    return pairs
