"""Moving in time: lower case forward, the same letter in upper case back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mmtui.ui.actions.base import ActionsBase
from mmtui.ui.drawers.goto import GotoDrawer

if TYPE_CHECKING:
    from mmtui.ui.rows import Target

MOST: Final = 100_000


class Moves(ActionsBase):
    """Handlers of the time commands."""

    def move(self, given: str, arg: str) -> None:
        """n s f c w a } ] ) > and their ways back; `arg`: how many times."""
        times = self._count(arg)
        if times is None:
            return
        if self.desk.view.other is not None and self.desk.pinned is None and given.startswith(("hit", "stop")):
            self._divergence(given)
            return
        for _ in range(times):
            if not self._once(given):
                break

    def _count(self, arg: str) -> int | None:
        if not arg:
            return 1
        if arg.isascii() and arg.isdigit() and 0 < int(arg) <= MOST:
            return int(arg)
        self.desk.say(f"expected how many times, 1 to {MOST}, got {arg!r}")
        return None

    def _once(self, kind: str) -> bool:
        """One move; False when there is nowhere to go."""
        desk = self.desk
        desk.last_move = kind
        target = None
        if kind.startswith("change"):
            target = desk.cursor_target() or desk.view.subject
        move = desk.stepper.move(kind, target)
        if move.position is None:
            desk.say(move.reason)
            return False
        if kind.startswith("history"):
            desk.stepper.revisit(kind.endswith("-back"))
            desk.go(move.position, visited=False)
        elif target is not None:
            self._go_and_keep(move.position, target)
        elif not desk.travel(move.position):
            return False
        if kind.startswith("hit"):
            self._say_hit()
        return True

    def _go_and_keep(self, position: int, target: Target) -> None:
        """w and W stay on their thing: the cursor is put back on it after the move; the log's is where one is."""
        desk = self.desk
        cursors, subject = dict(desk.view.cursors), desk.view.subject
        desk.go(position)
        if desk.focused == "log":
            cursors.pop("log", None)
        else:
            cursors[desk.focused] = target
        desk.look(cursors=cursors, subject=subject or target)

    def _say_hit(self) -> None:
        stepper = self.desk.stepper
        if stepper.hits is not None:
            at = int((stepper.hits <= stepper.timeline.position).sum())
            self.desk.say(f"hit {at} of {len(stepper.hits)}: {stepper.query}")

    def _divergence(self, given: str) -> None:
        """In a comparison ] [ and c C walk the places where the two kernels part."""
        from mmtui.compare import divergences

        desk = self.desk
        assert desk.view.other is not None
        positions = divergences(desk.timeline, desk.view.other, desk.view.memo)
        back = given.endswith("-back")
        found = [p for p in positions if (p < desk.view.position if back else p > desk.view.position)]
        if not found:
            desk.say(f"no {'earlier' if back else 'later'} difference")
            return
        desk.go(found[-1] if back else found[0])

    def goto(self, given: str, arg: str) -> None:
        """g: a place, typed in a drawer or given on the `:` line."""
        if not arg:
            self.open(GotoDrawer(self.desk))
            return
        try:
            position = self.desk.stepper.place(arg)
        except ValueError as error:
            self.desk.say(str(error))
            return
        self.desk.travel(position)

    def back(self, given: str, arg: str) -> None:
        """Backspace: undo an Enter, else back in places visited."""
        if self.desk.trail:
            self.desk.retrace()
        else:
            self.move("history-back", "")

    def play(self, given: str, arg: str) -> None:
        """Space: a clock presses n; it halts at stops and at the end."""
        desk = self.desk
        desk.playing = not desk.playing
        desk.host.play(desk.speed if desk.playing else None)
        desk.say(
            f"playing, {desk.speed:g} operations a second; {desk.key_of('time.play')} pauses"
            if desk.playing
            else "paused"
        )

    def pace(self, given: str, arg: str) -> None:
        """+ and -: twice or half the speed."""
        desk = self.desk
        desk.speed = min(64.0, max(0.125, desk.speed * float(given)))
        if desk.playing:
            desk.host.play(desk.speed)
        desk.say(f"{desk.speed:g} operations a second")

    def tick(self) -> None:
        """One beat of the clock: the next operation, or the stop that comes before it."""
        desk = self.desk
        over, stop = desk.stepper.move("op"), desk.stepper.move("stop")
        if over.position is None:
            self._halt("the end of the trace")
        elif stop.position is not None and stop.position <= over.position:
            desk.go(stop.position)
            self._halt("stopped")
        else:
            desk.go(over.position)

    def _halt(self, why: str) -> None:
        self.desk.playing = False
        self.desk.host.play(None)
        self.desk.say(why)
