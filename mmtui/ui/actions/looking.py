"""Looking around at one position: panes, cursors, folds, processes, overlays. Nothing here moves time, but Enter may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mmtui.ui.actions.base import ActionsBase
from mmtui.ui.layout import ORDER
from mmtui.ui.rows import PaneRows, Target
from mmtui.ui.theme import THEMES

if TYPE_CHECKING:
    from collections.abc import Sequence


OVERLAYS: Final = ("state", "count", "age", "holder")
NUMBERS: Final = ("hex", "decimal", "decoded")
FOLLOWS: Final = {
    "vma": "tables",
    "process": "tables",
    "mm": "tables",
    "task": "tables",
    "pte": "frames",
    "page": "why",
}
"""Where Enter goes from a thing of this kind."""


class Looking(ActionsBase):
    """Handlers of the look commands."""

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
            desk.go(0 if given == "first" else len(desk.timeline))
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
        elif rows.cursor is not None:
            self._move_cursor(rows, rows.cursor, way)

    def follow(self, given: str, arg: str) -> None:
        """Enter: in log, Why and Notes to that place in time; else VMA, its ptes, the frame, its holders."""
        desk = self.desk
        target = desk.cursor_target()
        if target is None:
            desk.say("nothing under the cursor to follow")
            return
        if target.position is not None and (desk.focused in ("log", "why", "notes") or not target.subject):
            desk.go(target.position)
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

    # Processes, numbers, overlays

    def proc(self, given: str, arg: str) -> None:
        """p and P: the next process in view; time stays."""
        desk = self.desk
        pids = [process.pid for process in desk.view.processes]
        if not pids:
            desk.say("no process yet")
        elif arg:
            wanted = int(arg) if arg.isascii() and arg.isdigit() else -1
            self._view_process(wanted) if wanted in pids else desk.say(f"no process {arg}; there are {pids}")
        else:
            now = desk.view.process
            at = pids.index(now.pid) if now is not None and now.pid in pids else -1
            self._view_process(pids[(at + (1 if given == "next" else -1)) % len(pids)])

    def _view_process(self, pid: int) -> None:
        cursors = {pane: target for pane, target in self.desk.view.cursors.items() if pane not in ("vmas", "tables")}
        self.desk.look(pid=pid, cursors=cursors)
        self.desk.say(f"pid {pid} in view")

    def proc_all(self, given: str, arg: str) -> None:
        """x: all processes, or the one in view."""
        self.desk.look(all_processes=not self.desk.view.all_processes)
        self.desk.say("all processes" if self.desk.view.all_processes else "the process in view")

    def overlay(self, given: str, arg: str) -> None:
        """o: what the frame map shows."""
        chosen = self._next(OVERLAYS, self.desk.view.overlay, arg)
        if chosen:
            self.desk.look(overlay=chosen)
            self.desk.say(f"frames by {chosen}")

    def numbers(self, given: str, arg: str) -> None:
        """v: how numbers are shown."""
        chosen = self._next(NUMBERS, self.desk.view.numbers, arg)
        if chosen:
            self.desk.look(numbers=chosen)
            self.desk.say(f"numbers in {chosen}" if chosen != "decoded" else "numbers decoded")

    def _next(self, names: Sequence[str], now: str, arg: str) -> str | None:
        if not arg:
            return names[(names.index(now) + 1) % len(names)]
        if arg not in names:
            self.desk.say(f"{arg!r} is not one of {', '.join(names)}")
            return None
        return arg

    def following(self, given: str, arg: str) -> None:
        """T: whether panes scroll to what a step changed."""
        self.desk.following = not self.desk.following
        self.desk.say("panes follow what changes" if self.desk.following else "panes stay where they are")

    # The log and the source

    def fold(self, given: str, arg: str) -> None:
        """Z: turn the fold of the call under the cursor."""
        target = self.desk.cursor_target("log")
        number = _call_number(target)
        if number is None:
            self.desk.say("no call under the log's cursor")
            return
        self.desk.look(folds=self.desk.view.folds ^ {number})

    def _set_fold(self, target: Target, unfold: bool) -> None:
        number = _call_number(target)
        if number is None:
            return
        rows = self.desk.shown["log", 0]
        row = rows.rows[rows.cursor] if rows.cursor is not None else None
        is_open = row is not None and any(sign in row.text for sign in ("\u25be", " v "))
        if is_open != unfold:
            self.desk.look(folds=self.desk.view.folds ^ {number})

    def hide(self, given: str, arg: str) -> None:
        """H: leave a function out of the log ("just my code"), or show it again."""
        desk = self.desk
        name = arg or self._function_here()
        if not name:
            desk.say("no function under the cursor")
            return
        hidden = desk.view.hidden ^ {name}
        desk.look(hidden=hidden)
        desk.say(f"{name} is {'hidden in the log' if name in hidden else 'shown again'}")

    def _function_here(self) -> str:
        number = _call_number(self.desk.cursor_target("log"))
        if number is not None:
            name = self.desk.timeline.call(number).name
            return "" if name.startswith("op ") else name
        step = self.desk.view.step
        return step.function if step is not None else ""

    def frame(self, given: str, arg: str) -> None:
        """u and d: up and down the call chain in the source pane."""
        most = max(0, len(self.desk.view.open_calls) - 2)
        self.desk.look(up=max(0, min(self.desk.view.up + int(given), most)))
        self.desk.focus("source")

    def beside(self, given: str, arg: str) -> None:
        """V: the same function as the next kernel restates it."""
        self.desk.look(beside=not self.desk.view.beside)
        self.desk.focus("source")

    # Looks

    def theme_use(self, given: str, arg: str) -> None:
        """:theme NAME: other colours at once."""
        if arg not in THEMES:
            self.desk.say(f"{arg!r} is not one of {', '.join(THEMES)}")
            return
        self.desk.host.use_theme(arg)

    def layout_next(self, given: str, arg: str) -> None:
        """L: the next saved layout."""
        saved = self._layouts()
        if not saved:
            self.desk.say("no saved layout; :layout save NAME keeps this one")
            return
        names = list(saved)
        now = self.desk.layout_name
        self._use_layout(names[(names.index(now) + 1) % len(names)] if now in names else names[0])

    def layout(self, given: str, arg: str) -> None:
        """:layout save NAME, use NAME, reset."""
        verb, _, name = arg.partition(" ")
        if verb == "reset":
            self.desk.reset_layout()
        elif verb == "save" and name:
            self.desk.stepper.sidecar.put("layouts", {**self._layouts(), name: self.desk.layout_now()})
            self.desk.layout_name = name
            self.desk.say(f"layout {name} is kept")
        elif verb == "use" and name in self._layouts():
            self._use_layout(name)
        else:
            names = ", ".join(self._layouts()) or "none yet"
            self.desk.say(f"expected save NAME, use NAME or reset; saved: {names}")

    def _layouts(self) -> dict[str, dict[str, object]]:
        saved = self.desk.stepper.sidecar.get("layouts", {})
        return saved if isinstance(saved, dict) else {}

    def _use_layout(self, name: str) -> None:
        self.desk.use_layout(self._layouts()[name])
        self.desk.layout_name = name
        self.desk.say(f"layout {name}")


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


def _call_number(target: Target | None) -> int | None:
    return target.call if target is not None and target.call is not None and target.call >= 0 else None
