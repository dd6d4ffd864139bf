"""4 Log: operations, calls and transitions, indented by call; the open calls are the stack at the position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmtui import words
from mmtui.ui.panes import texts
from mmtui.ui.panes.common import Line, marked, plural, title
from mmtui.ui.panes.folded import Folded
from mmtui.ui.panes.outline import Item, Level, Tree, outline
from mmtui.ui.rows import MadeRows, PaneRows, Row, Span, Target

if TYPE_CHECKING:
    from mmtui.ui.view import View

_MAX_DEPTH = 8
_BEFORE = "before the first operation"


def build(view: View, width: int, height: int) -> PaneRows:
    """The outline of the whole log with the position in it; only the lines that are asked for are made."""
    heading = title(view, "log", "Log")
    if not view.timeline.op_count:
        return PaneRows(heading, empty="This trace has no operations.")
    if view.planned:
        return PaneRows(heading, ((_BEFORE, "dim"),), (), _planned(view, height))
    rows = LogRows(view, width)
    note = f"op {view.op} {view.timeline.op(view.op).name}" if view.op >= 0 else _BEFORE
    changed = () if rows.position_line is None else (rows.position_line,)
    return PaneRows(heading, ((note, "dim"),), (), rows, (), rows.cursor_line, changed, follow="third")


def change_column(width: int) -> int:
    """Where the change stands: fixed for a width."""
    if width >= 90:
        return 52
    return 46 if width == 80 else min(42, max(24, width * 3 // 5))


def _planned(view: View, height: int) -> list[Row]:
    """The operations that will run."""
    rows = []
    for number in range(min(view.timeline.op_count, height)):
        line, column = _start(str(number), "faint", 0, False)
        line.put(column, _fold_sign(view, False), "faint").put(column + 2, texts.op_text(view, number), "faint")
        rows.append(Row(line.spans))
    return rows


def _start(label: str, role: str, depth: int, here: bool) -> tuple[Line, int]:
    line = Line().put(0, ">" if here else "", "bright").put(max(1, 8 - len(label)), label, role)
    return line, 9 + 2 * min(depth, _MAX_DEPTH)


def _fold_sign(view: View, is_open: bool) -> str:
    if view.glyphs == "unicode":
        return "\u25be" if is_open else "\u25b8"
    return "v" if is_open else "+"


class LogRows(MadeRows):
    """The lines of the log; made on demand."""

    def __init__(self, view: View, width: int) -> None:
        self._view, self._width, self._column = view, width, change_column(width)
        self._tree, level, self._path = outline(view)
        self._folded = Folded(level, view.stretches, len(self._tree), view.folds, view.op)
        self._open = set(self._path)
        self.position_line = self._folded.line_of_transition(view.marked, self._path) if view.step else None
        self.cursor_line = self._cursor_line()

    def _cursor_line(self) -> int | None:
        cursor = self._view.cursors.get("log")
        if cursor is None:
            return self.position_line
        if cursor.call is not None:
            return self._folded.line_of_call(self._tree.path(cursor.call))
        number = (cursor.position or 1) - 1
        call = self._view.timeline.log.row(number)[3] if number < len(self._view.timeline) else -1
        return self._folded.line_of_transition(number, self._tree.path(call))

    @property
    def level(self) -> Level:
        """The outline behind the lines, for a compare view."""
        return self._folded.level

    @property
    def tree(self) -> Tree:
        """The calls behind the lines."""
        return self._tree

    def key_of(self, index: int) -> tuple[int, str]:
        """What a line is about, without values: lines of two kernels with the same key face each other."""
        item = self._folded.item(index)
        if item.call >= 0:
            return item.depth, texts.call_text(self._view, item.call)
        return item.depth, texts.change_words(self._view, item.number)[0]

    def words_of(self, index: int) -> tuple[str, ...]:
        """What a line says, without its position: two lines that say the same do not differ."""
        item = self._folded.item(index)
        if item.call >= 0:
            return ("",) if item.is_open else (texts.call_summary(self._view, item.call),)
        return texts.change_words(self._view, item.number)

    def __len__(self) -> int:
        return len(self._folded)

    def row(self, index: int) -> Row:
        """A line of the log."""
        item = self._folded.item(index)
        here = index == self.cursor_line
        if item.call >= self._folded.base:
            return self._stretch_row(item, here)
        return self._call_row(item, here) if item.call >= 0 else self._transition_row(item, here)

    def _shade(self, number: int) -> str:
        return "dim" if number < self._view.position else "faint"

    def _stretch_row(self, item: Item, here: bool) -> Row:
        """Operations that are looked at as one: `start-up of sh   72 stops`, their first number at the left."""
        stretch, timeline = self._folded.stretch(item.call), self._view.timeline
        role = self._shade(item.number)
        line, column = _start(str(stretch.first), role, 0, here)
        line.put(column, _fold_sign(self._view, item.is_open), role).put(column + 2, words.plain(stretch.text), role)
        changes = timeline.op_end(stretch.end - 1) - timeline.op_start(stretch.first)
        said = f"{stretch.end - stretch.first} stops   {plural(changes, 'change')}"
        stops = texts.stop_words(self._view, item.number, item.number + changes) if not item.is_open else ""
        right = ((stops, role),) if stops else ()
        self._put_change(line, said, role, right)
        return Row(line.spans, Target("call", "", timeline.op_start(stretch.first), item.call), band=here, right=right)

    def _call_row(self, item: Item, here: bool) -> Row:
        view, timeline, operation = self._view, self._view.timeline, item.depth == 0
        number = timeline.call(item.call).op
        right = self._words_inside(item, operation) if not item.is_open else self._result(number, operation)
        is_current, past = item.call in self._open, item.number < view.position
        key = ("call", item, here, is_current, past, right, self._width, view.numbers, view.glyphs)
        spans = view.remember(key, lambda: self._call_spans(item, here, right), lasting=True)
        position = timeline.op_start(number) if operation else item.number + 1
        return Row(spans, Target("call", "", position, item.call), band=here, right=right)

    def _call_spans(self, item: Item, here: bool, right: tuple[Span, ...]) -> tuple[Span, ...]:
        view, timeline, operation = self._view, self._view.timeline, item.depth == 0
        is_current = item.call in self._open
        number = timeline.call(item.call).op
        label = str(number) if operation else timeline.place_name(min(item.number + 1, timeline.op_end(number)))
        role = "text" if is_current else self._shade(item.number)
        line, column = _start(label, "dim" if is_current else role, item.depth, here)
        said = texts.op_text(view, number) if operation else texts.call_text(view, item.call)
        line.put(column, _fold_sign(self._view, item.is_open), "dim" if role == "text" else role)
        line.put(column + 2, said, marked(role, "bold") if here and is_current else role)
        note = words.plain(getattr(timeline.op(number), "note", None) or "") if operation and item.is_open else ""
        if note:
            self._put_change(line, note, "dim" if role == "text" else role, right)
        if not item.is_open:
            self._put_change(line, texts.call_summary(view, item.call), role, right)
        return line.spans

    def _put_change(self, line: Line, change: str, role: str, right: tuple[Span, ...]) -> None:
        """The change in its column, or right after a longer text; cut where the right part begins."""
        at = max(self._column, line.width + 1)
        room = self._width - at - 2 - sum(len(text) for text, _ in right)
        line.put(at, change[: max(room, 0)], role)

    def _result(self, number: int, operation: bool) -> tuple[Span, ...]:
        """What the kernel refused, where the stop's word goes."""
        result = self._view.timeline.result(number) if operation else "ok"
        if result == "ok":
            return ()
        return ((result, "alarm" if result.startswith(("BUG", "OOPS")) else "text"),)

    def _words_inside(self, item: Item, operation: bool) -> tuple[Span, ...]:
        """The stops inside a folded call: `leak`, `4 leak`."""
        start, end = int(self._tree.start[item.call]), int(self._tree.end[item.call])
        result = self._result(self._view.timeline.call(item.call).op, operation)
        if result:
            return result
        stops = texts.stop_words(self._view, start, end)
        return ((stops, self._shade(start)),) if stops else ()

    def _transition_row(self, item: Item, here: bool) -> Row:
        view, number = self._view, item.number
        is_step = number == view.marked
        undone, stops = is_step and view.undone, texts.stop_words(view, number, number + 1)
        role = "text" if is_step else self._shade(number)
        right: tuple[Span, ...] = ((stops, "alarm_fill" if is_step and not undone else role),) if stops else ()
        if undone:
            right = (("undone", "dim"),)
        key = ("change", item, here, is_step, role, right, self._width, view.numbers, view.glyphs)
        spans = view.remember(key, lambda: self._transition_spans(item, here, role, right), lasting=True)
        return Row(spans, Target("position", texts.subject_text(view, number), number + 1), band=here, right=right)

    def _transition_spans(self, item: Item, here: bool, role: str, right: tuple[Span, ...]) -> tuple[Span, ...]:
        view, number = self._view, item.number
        is_step = number == view.marked
        line, column = _start(view.timeline.place_name(number + 1), "dim" if is_step else role, item.depth, here)
        subject, old, new = texts.change_words(view, number)
        line.put(column + 2, subject, "text+bold" if is_step else role)
        self._put_change(line, f"{old} -> {new}" if old else new, "accent" if is_step else role, right)
        return line.spans
