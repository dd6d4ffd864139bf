"""Looking at one position in other ways: processes, overlays, folds, the call chain, themes, layouts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mmtui.ui.actions.base import ActionsBase, call_number
from mmtui.ui.theme import THEMES

if TYPE_CHECKING:
    from collections.abc import Sequence


OVERLAYS: Final = ("state", "count", "age", "holder")
NUMBERS: Final = ("hex", "decimal", "decoded")


class Looking(ActionsBase):
    """Handlers of the other look commands."""

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
        """Z: turn the fold under the cursor: in VMAs of mappings, else of the log's call."""
        here = self.desk.cursor_target()
        if here is not None and here.fold:
            self.desk.look(unfolded=self.desk.view.unfolded ^ {here.fold})
            return
        target = self.desk.cursor_target("log")
        number = call_number(target)
        if number is None:
            self.desk.say("no call under the log's cursor")
            return
        self.desk.look(folds=self.desk.view.folds ^ {number})

    def everything(self, given: str, arg: str) -> None:
        """X: fold a recording's start-up and the mappings that are not the program's own, or show all."""
        desk = self.desk
        if not desk.view.recorded:
            desk.say("everything is the program's own here; a recording has start-up and libraries that fold")
            return
        desk.look(everything=not desk.view.everything)
        desk.say("everything" if desk.view.everything else "start-up, libraries and vdso are folded")

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
        number = call_number(self.desk.cursor_target("log"))
        if number is not None and number < len(self.desk.timeline.log.calls.start):
            name = self.desk.timeline.call(number).name
            return "" if name.startswith("op ") else name
        step = self.desk.view.step
        return step.function if step is not None and step.file else ""  # an operation's own change is in no function

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
        return {name: kept for name, kept in saved.items() if isinstance(kept, dict)} if isinstance(saved, dict) else {}

    def _use_layout(self, name: str) -> None:
        self.desk.use_layout(self._layouts()[name])
        self.desk.layout_name = name
        self.desk.say(f"layout {name}")
