"""Focus and cursors: which pane, which row, and where Enter leads. Nothing here moves time, but Enter may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mmtui.ui.actions.base import ActionsBase, call_number
from mmtui.ui.layout import ORDER
from mmtui.ui.rows import PaneRows, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLLOWS: Final = {
    "vma": "tables",
    "process": "tables",
    "mm": "tables",
    "task": "tables",
    "pte": "frames",
    "page": "why",
}
"""Where Enter goes from a thing of this kind."""


class Cursors(ActionsBase):
    """Handlers of pane.* and cursor.*."""

    # Panes

    def pane(self, given: str, arg: str) -> None:
        """1..7: focus this pane; where places are shared it comes into sight."""
        self.desk.focus(given)

    def pane_step(self, given: str, arg: str) -> None:
        """Tab: the next pane in view."""
        panes = [pane for pane in ORDER if pane in self.desk.panes_in_view()] or list(ORDER)
        if self.desk.layout.shape == "single" or self.desk.zoomed:
            panes = list(ORDER)
        at = panes.index(self.desk.focused) if self.desk.focused in panes else -1
        self.desk.focus(panes[(at + int(given)) % len(panes)])

    def zoom(self, given: str, arg: str) -> None:
        """z: the focused pane alone, and back."""
        self.desk.zoomed = None if self.desk.zoomed else self.desk.focused

    # The cursor

    def cursor(self, given: str, arg: str) -> None:
        """Arrows, hjkl, pages: the cursor of the focused pane; in the log Home and End are the ends of time."""
        desk = self.desk
        if given.startswith("op-"):
            self._ten_ops(-1 if given == "op-left" else 1)
            return
        if desk.focused == "log" and given in ("first", "last"):
            desk.travel(0 if given == "first" else len(desk.timeline))
            return
        rows = desk.shown.get((desk.focused, 0))
        if rows is None or not len(rows.rows):
            return
        if given in ("left", "right"):
            self._sideways(rows, 1 if given == "right" else -1)
            return
        page = max(1, rows.body_height(self._height()) - 1)
        jumps = {"up": -1, "down": 1, "page-up": -page, "page-down": page}
        start = rows.cursor if rows.cursor is not None else desk.tops.get((desk.focused, 0), 0) - 1
        if given in jumps:
            self._move_cursor(rows, start, jumps[given])
        else:
            self._move_cursor(rows, -1 if given == "first" else len(rows.rows), 1 if given == "first" else -1)

    def _ten_ops(self, direction: int) -> None:
        desk = self.desk
        for _ in range(10):
            move = desk.stepper.move("op" if direction > 0 else "op-back")
            if move.position is None:
                desk.say(move.reason)
                return
            desk.go(move.position)

    def _height(self) -> int:
        cell = self.desk.layout.cell_of(self.desk.focused)
        return cell.height if cell else 10

    def _move_cursor(self, rows: PaneRows, start: int, jump: int) -> None:
        """To the next row that is about something, `jump` rows away or further; at the edge the last such row."""
        way = 1 if jump > 0 else -1
        count = len(rows.rows)
        first = max(0, min(count - 1, start + jump))
        for indices in (range(first, count if way > 0 else -1, way), range(first, start, -way)):
            found = _first_target(rows.rows, indices)
            if found is not None:
                self.desk.put_cursor(self.desk.focused, self._same_column(rows, found))
                return
        if start < 0 or rows.cursor is None:
            desk_top = max(0, min(self.desk.tops.get((self.desk.focused, 0), 0) + jump, count - 1))
            self.desk.tops[self.desk.focused, 0] = desk_top
            self.desk.loose.add(self.desk.focused)

    def _same_column(self, rows: PaneRows, found: Target) -> Target:
        """Up and down in the frame map stay in their column."""
        here, first = _pfn(self.desk.cursor_target()), _pfn(found)
        if self.desk.focused != "frames" or here is None or first is None or found.kind != "page" or not rows.head:
            return found
        across = len(rows.head[0].text.replace(" ", ""))
        frames = len(self.desk.timeline.machine.page.count)
        return Target("page", f"page[{min(first // across * across + here % across, frames - 1)}]")

    def _sideways(self, rows: PaneRows, way: int) -> None:
        """Left and right: one frame in the map, out of or into a call in the log; other panes scroll a row's worth."""
        desk = self.desk
        target = desk.cursor_target()
        if desk.focused == "frames":
            pfn = _pfn(target)
            frames = len(desk.timeline.machine.page.count)
            if pfn is not None and 0 <= pfn + way < frames:
                desk.put_cursor("frames", Target("page", f"page[{pfn + way}]"))
        elif desk.focused == "log" and target is not None and target.kind == "call":
            self._set_fold(target, way > 0)
        elif target is not None and target.fold:
            if (target.fold in desk.view.unfolded) != (way > 0):
                self.turn(target)
        elif rows.cursor is not None:
            self._move_cursor(rows, rows.cursor, way)

    def _set_fold(self, target: Target, unfold: bool) -> None:
        number = call_number(target)
        if number is None:
            return
        rows = self.desk.shown["log", 0]
        row = rows.rows[rows.cursor] if rows.cursor is not None else None
        is_open = row is not None and any(sign in row.text for sign in ("\u25be", " v "))
        if is_open != unfold:
            self.desk.look(folds=self.desk.view.folds ^ {number})

    def turn(self, target: Target) -> None:
        """Fold or unfold what the row of a pane stands for; the cursor stays on it."""
        desk = self.desk
        desk.put_cursor(desk.focused, target)
        desk.look(unfolded=desk.view.unfolded ^ {target.fold})

    def follow(self, given: str, arg: str) -> None:
        """Enter: in log, Why and Notes to that place in time; else VMA, its ptes, the frame, its holders."""
        desk = self.desk
        target = desk.cursor_target()
        if target is None:
            desk.say("nothing under the cursor to follow")
            return
        if target.fold:
            self.turn(target)
            return
        if target.position is not None and (desk.focused in ("log", "why", "notes") or not target.subject):
            desk.travel(target.position)
            return
        desk.mark_trail()
        pane = FOLLOWS.get(target.kind)
        if pane is None:
            return
        page = self._page_of(target) if target.kind == "pte" else None
        desk.put_cursor(desk.focused, target)
        if page is not None:
            desk.put_cursor("frames", page)
        elif target.kind in ("process", "task", "mm"):
            desk.look(pid=_pid(target))
        elif target.kind == "vma":
            desk.look(pid=_pid(target))
            pte = self._first_pte(target)
            if pte is not None:
                desk.put_cursor("tables", pte)
        desk.focus(pane)

    def _page_of(self, target: Target) -> Target | None:
        from mmtui.ui.panes.subjects import target_page

        pfn = target_page(self.desk.view, target)
        return None if pfn is None else Target("page", f"page[{pfn}]")

    def _first_pte(self, target: Target) -> Target | None:
        desk = self.desk
        pid = _pid(target)
        start = int(target.subject.partition(":")[2].rstrip("]"), 0)
        if pid is None:
            return None
        desk.timeline.seek(desk.view.position)
        vma = next((vma for vma in desk.timeline.vmas(pid) if vma.start == start), None)
        ptes = desk.timeline.ptes(pid, vma.start, vma.end) if vma else []
        return Target("pte", f"pte[{pid}:{ptes[0].address:#x}]") if ptes else None


def _first_target(rows: Sequence[object], indices: range) -> Target | None:
    """The target of the first of these rows that has one; a long stretch without any counts as none."""
    for index in indices[:2000]:
        target = getattr(rows[index], "target", None)
        if isinstance(target, Target):
            return target
    return None


def _pfn(target: Target | None) -> int | None:
    if target is None or not target.subject.startswith("page["):
        return None
    return int(target.subject[5:].partition("]")[0], 0)


def _pid(target: Target) -> int | None:
    inside = target.subject.partition("[")[2].partition("]")[0].partition(":")[0]
    return int(inside, 0) if inside else None
