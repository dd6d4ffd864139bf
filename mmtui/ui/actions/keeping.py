"""Finding and keeping: searches, stops, marks, notes, other kernels, copies and exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmtui.trace.kernels import KERNELS
from mmtui.ui.actions.base import ActionsBase
from mmtui.ui.commands import nearest
from mmtui.ui.drawers.explain import ExplainDrawer
from mmtui.ui.drawers.export import ExportDrawer
from mmtui.ui.drawers.find import FindDrawer
from mmtui.ui.drawers.lists import KernelsDrawer, MarksDrawer, StopsDrawer
from mmtui.ui.drawers.note import NoteDrawer
from mmtui.ui.drawers.stop import StopDrawer, stops_here, watches
from mmtui.ui.rows import Target
from mmtui.words import plain

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline


class Keeping(ActionsBase):
    """Handlers of the find-and-keep commands."""

    def find(self, given: str, arg: str) -> None:
        """/: search all of time."""
        self.open(FindDrawer(self.desk, arg))

    def stop_toggle(self, given: str, arg: str) -> None:
        """b: a stop, written for what is here, or given on the `:` line."""
        if arg:
            self._toggle(arg)
        else:
            self.open(StopDrawer(self.desk, stops_here(self.desk), "stop", "b", "Stop here"))

    def _toggle(self, expr: str) -> None:
        desk = self.desk
        on = not any(stop.expr == expr and stop.on for stop in desk.stepper.stops())
        try:
            hits = desk.stepper.set_stop(expr, on)
        except ValueError as error:
            desk.say(str(error))
            return
        desk.say(f"stops on {expr}: {hits} hits" if on else f"no longer stops on {expr}")
        desk.fresh_notes()

    def stop_list(self, given: str, arg: str) -> None:
        """B: all stops."""
        self.open(StopsDrawer(self.desk))

    def watch(self, given: str, arg: str) -> None:
        """t: stop when the thing under the cursor changes."""
        desk = self.desk
        target = self._thing()
        if target is None:
            desk.say("nothing under the cursor to watch")
        elif arg:
            self._toggle(f"{target.subject} {arg}")
        else:
            self.open(StopDrawer(desk, watches(desk, target), "watch", "t", f"Watch {target.subject}"))

    def _thing(self) -> Target | None:
        """What the cursor is on, else what Why explains."""
        for target in (self.desk.cursor_target(), self.desk.view.subject, self.desk.cursor_target("frames")):
            if target is not None and target.subject:
                return target
        return None

    def mark_set(self, given: str, arg: str) -> None:
        """m: a mark here; without a name it gets the next free letter."""
        desk = self.desk
        name = arg or self._free_letter()
        desk.stepper.add_mark(name)
        hint = "" if arg else "; :mark NAME names one"
        desk.say(f"mark {name} at {desk.timeline.place_name(desk.view.position)}{hint}")
        desk.fresh_notes()

    def _free_letter(self) -> str:
        names = set(self.desk.stepper.marks())
        letters = "abcdefghijklmnopqrstuvwxyz"
        free = next((letter for letter in letters if letter not in names), None)
        return free or f"m{len(names) + 1}"

    def mark_list(self, given: str, arg: str) -> None:
        """': all marks and notes."""
        self.open(MarksDrawer(self.desk))

    def note(self, given: str, arg: str) -> None:
        """i: a note about the selected thing; given on the `:` line it is kept at once."""
        if not arg:
            self.open(NoteDrawer(self.desk))
            return
        target = self._thing()
        self.desk.stepper.add_note(arg, target.subject if target else "")
        self.desk.say("noted")
        self.desk.fresh_notes()

    def entry_delete(self, given: str, arg: str) -> None:
        """Del in Notes: forget the mark or note under the cursor."""
        desk = self.desk
        target = desk.cursor_target("notes")
        number = -1 - target.call if target is not None and target.call is not None and target.call < 0 else None
        if desk.focused != "notes" or number is None or number >= len(desk.view.notes):
            desk.say("Notes has marks and notes to delete")
            return
        if not desk.stepper.drop_note(desk.view.notes[number]):
            desk.say("it stands in the trace file itself")
        desk.fresh_notes()

    def explain(self, given: str, arg: str) -> None:
        """e: this step explained; it stays open while one steps."""
        if isinstance(self.desk.drawer, ExplainDrawer):
            self.close_drawer()
        else:
            self.open(ExplainDrawer(self.desk))

    # Kernels

    def model(self, given: str, arg: str) -> None:
        """K: another kernel, the same operation."""
        if self._is_recording():
            return
        if not arg:
            self.open(KernelsDrawer(self.desk, self._kernels(), False, self._use_kernel))
        elif self._known(arg):
            self._use_kernel(arg)

    def diff(self, given: str, arg: str) -> None:
        """D: a second kernel beside this one, or (`:diff @mark`) another moment; again: one."""
        desk = self.desk
        if self._is_recording():
            return
        if desk.view.other is not None and not arg:
            desk.look(other=None)
        elif not arg:
            self.open(KernelsDrawer(desk, self._kernels(), True, self._compare_with))
        elif arg in KERNELS:
            self._compare_with(arg)
        else:
            self._compare_with_moment(arg)

    def _compare_with_moment(self, text: str) -> None:
        try:
            position = self.desk.stepper.place(text)
        except ValueError as error:
            self.desk.say(f"neither a kernel nor a place: {error}")
            return
        self._beside(self.desk.timeline.kernel, position)

    def _is_recording(self) -> bool:
        """A recording has happened: there is nothing to run again."""
        recorded = self.desk.timeline.trace.recording is not None
        if recorded:
            self.desk.say(f"a recording shows what {self.desk.timeline.kernel} did; no other kernel can run it")
        return recorded

    def _kernels(self) -> list[tuple[str, str]]:
        return [(kernel.name, kernel.about) for kernel in KERNELS.values()]

    def _known(self, name: str) -> bool:
        if name in KERNELS:
            return True
        near = nearest(name, list(KERNELS))
        self.desk.say(f"no kernel {name!r}" + (f"; did you mean {near}?" if near else ""))
        return False

    def _use_kernel(self, name: str) -> None:
        desk = self.desk
        place = desk.stepper.place_of(desk.view.position)

        def then(timeline: Timeline) -> None:
            desk.stepper.timeline = timeline
            desk.use_timeline(timeline, desk.stepper.position_of(place["op"], place["transition"]))
            desk.say(f"{name}, the same operation")

        desk.host.fetch(f"running on {name}", lambda: desk.timeline.with_kernel(name), then)

    def _compare_with(self, name: str) -> None:
        desk = self.desk
        if name == desk.timeline.kernel:
            desk.say(f"{name} is the kernel in view already")
        else:
            self._beside(name, None)

    def _beside(self, name: str, pinned: int | None) -> None:
        """A second timeline beside the one in view; `pinned`: it stays at this position."""
        desk = self.desk

        def then(timeline: Timeline) -> None:
            desk.pinned = pinned
            desk.look(other=timeline)
            desk.align()

        desk.host.fetch(f"running on {name}", lambda: desk.timeline.with_kernel(name), then)

    # Out of here

    def copy(self, given: str, arg: str) -> None:
        """y: the thing under the cursor, with the place."""
        desk = self.desk
        target = self._thing()
        place = f"op:{desk.timeline.place_name(desk.view.position)}"
        text = plain(f"{desk.timeline.source_name} {place}" + (f" {target.subject}" if target else ""))
        desk.host.copy_text(text)
        desk.say(f"copied: {text}")

    def export(self, given: str, arg: str) -> None:
        """E: the annotated trace."""
        drawer = ExportDrawer(self.desk)
        self.open(drawer)
        if arg and drawer.edit is not None:
            drawer.edit.put(arg)
            drawer.press("enter", None)
