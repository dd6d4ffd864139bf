"""The lines of the log with whole stretches of operations folded to one line each, such as a program's start-up.

A stretch is folded away like a call: the one with the position in it is open, and a person may turn any. It stands
for lines of the outermost level, and adds one of its own; its number follows those of the calls.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from mmtui.ui.panes.outline import Item, Level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmtui.engine.timeline import Stretch


class Folded:
    """A level, seen through the folds of its stretches.

    `base`: the number of the first stretch as a call; `turned`: the folds that the person turned; `here`: the
    operation whose stretch is open by itself.
    """

    def __init__(
        self, level: Level, stretches: Sequence[Stretch], base: int, turned: frozenset[int], here: int
    ) -> None:
        self.level, self.base = level, base
        self._stretches = stretches
        inner = [level.lines_of(stretch.first, stretch.end) for stretch in stretches]
        self._starts = [lines.start for lines in inner]
        self._stops = [lines.stop for lines in inner]
        self._open = [
            (stretch.first <= here < stretch.end) != (base + at in turned) for at, stretch in enumerate(stretches)
        ]
        self._heads: list[int] = []
        self._shift = 0
        for lines, is_open in zip(inner, self._open, strict=True):
            self._heads.append(lines.start + self._shift)
            self._shift += 1 - (0 if is_open else len(lines))

    def __len__(self) -> int:
        return len(self.level) + self._shift

    def stretch(self, number: int) -> Stretch:
        """The stretch that has this number as a call."""
        return self._stretches[number - self.base]

    def item(self, line: int) -> Item:
        """One line; that of a stretch has a call from `base` on."""
        at = bisect_right(self._heads, line) - 1
        if at < 0:
            return self.level.item(line)
        if self._heads[at] == line:
            number = self.level.item(self._starts[at]).number
            return Item(self.base + at, number, 0, self._open[at])
        return self.level.item(self._behind(at) + line - self._heads[at] - 1)

    def _behind(self, at: int) -> int:
        """The line of the level that stands below the stretch's own."""
        return self._starts[at] if self._open[at] else self._stops[at]

    def _line(self, inner: int) -> int:
        """Where a line of the level is to be seen: itself, or the folded stretch around it."""
        at = bisect_right(self._starts, inner) - 1
        if at < 0:
            return inner
        if inner < self._behind(at):
            return self._heads[at]
        return self._heads[at] + 1 + inner - self._behind(at)

    def line_of_call(self, path: list[int]) -> int:
        """The line of the innermost call of a path, or of a stretch."""
        if path[0] >= self.base:
            return self._heads[path[0] - self.base]
        return self._line(self.level.line_of_call(path))

    def line_of_transition(self, number: int, path: list[int]) -> int:
        """The line of a transition, or of what is folded around it."""
        return self._line(self.level.line_of_transition(number, path))
