"""Help, command line, reload, leaving."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmtui.ui.actions.base import ActionsBase
from mmtui.ui.drawers.command import CommandDrawer
from mmtui.ui.help import Help

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline


class General(ActionsBase):
    """Handlers of the general commands."""

    def help(self, given: str, arg: str) -> None:
        """?: all keys; a drawer waits behind it."""
        self.desk.help = Help(self.desk)

    def command(self, given: str, arg: str) -> None:
        """: the command line."""
        self.open(CommandDrawer(self.desk))

    def palette(self, given: str, arg: str) -> None:
        """ctrl+p: the same commands, fuzzily."""
        self.open(CommandDrawer(self.desk, palette=True))

    def reload(self, given: str, arg: str) -> None:
        """R: the trace file again; position and notes stay."""
        import mmtui

        desk = self.desk
        path = desk.timeline.path
        if path is None:
            desk.say("this trace has no file to read again")
            return
        place = desk.stepper.place_of(desk.view.position)
        kernel = desk.timeline.kernel

        def then(timeline: Timeline) -> None:
            desk.stepper.timeline = timeline
            desk.use_timeline(timeline, desk.stepper.position_of(place["op"], place["transition"]))
            desk.say(f"read again: {len(timeline)} changes")

        desk.host.fetch(f"reading {path.name}", lambda: mmtui.load(path, kernel=kernel), then)

    def cancel(self, given: str, arg: str) -> None:
        """Esc: out of help, a drawer, a comparison, zoom; in this order."""
        desk = self.desk
        if desk.help is not None:
            desk.help = None
        elif desk.drawer is not None:
            self.close_drawer()
        elif desk.view.other is not None:
            desk.look(other=None)
        elif desk.zoomed:
            desk.zoomed = None
        elif desk.playing:
            desk.playing = False
            desk.host.play(None)
        else:
            desk.say(f"{desk.key_of('quit')} leaves")

    def redraw(self, given: str, arg: str) -> None:
        """ctrl+l: every cell again."""
        self.desk.host.redraw()

    def suspend(self, given: str, arg: str) -> None:
        """ctrl+z: to the shell; fg comes back."""
        self.desk.host.suspend_to_shell()

    def interrupt(self, given: str, arg: str) -> None:
        """ctrl+c: only a hint, as nothing here runs that could be interrupted."""
        self.desk.say(f"{self.desk.key_of('quit')} leaves")

    def quit(self, given: str, arg: str) -> None:
        """q: leave; the place is kept for `open.at = "last"`."""
        self.close_drawer()
        self.desk.keep_place()
        self.desk.host.leave()
