"""Everything that is on the screen, as one state: the view, which pane has the focus, what is open.

No Textual here: `Desk.compose` is a pure function of this state and a size to the lines of the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from mmtui.ui import compose
from mmtui.ui.actions import Actions
from mmtui.ui.actions.looking import OVERLAYS
from mmtui.ui.chrome import Around, Footing, footer_ids, footing
from mmtui.ui.commands import COMMANDS, COMPARE_WORDS
from mmtui.ui.config import Settings, author
from mmtui.ui.keymap import keys_of, shown
from mmtui.ui.layout import LEFT_SLOT, ORDER, RIGHT_SLOT, SIZES, STANDARD_SLOTS, Layout, arrange
from mmtui.ui.paint import Lines, Painter
from mmtui.ui.rows import PaneRows, Target
from mmtui.ui.stepper import Stepper
from mmtui.ui.stops import stopped_at
from mmtui.ui.view import View

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline
    from mmtui.sidecar import Sidecar
    from mmtui.ui.changes import OpChanges
    from mmtui.ui.drawers.base import Drawer
    from mmtui.ui.help import Help

NEAR: Final = 4096
"""Transitions up to which the way to a place takes no time."""

Made = TypeVar("Made")


class Host(Protocol):
    """What only the running program can do for the desk."""

    def leave(self) -> None:
        """End the program."""

    def suspend_to_shell(self) -> None:
        """Stop until the shell continues the program."""

    def copy_text(self, text: str) -> None:
        """Put text on the clipboard."""

    def picture(self) -> str:
        """The screen as SVG."""

    def redraw(self) -> None:
        """Paint every cell again."""

    def fetch(self, what: str, make: Callable[[], Made], then: Callable[[Made], None]) -> None:
        """Make something that takes long without stopping the screen, then go on with it; Esc cancels, and what goes
        wrong becomes a message."""

    def play(self, ops_per_second: float | None) -> None:
        """Start a clock that runs `Desk.tick`, None stops it."""

    def use_theme(self, name: str) -> None:
        """Other colours."""


class Desk:
    """The state of the screen. Actions change it, `compose` draws it."""

    def __init__(self, timeline: Timeline, settings: Settings, sidecar: Sidecar, painter: Painter, host: Host) -> None:
        self.settings = settings
        self.painter = painter
        self.host = host
        self.stepper = Stepper(timeline, sidecar, author(settings))
        self.slots: dict[str, str] = dict(STANDARD_SLOTS)
        self.zoomed: str | None = None
        self.drawer: Drawer | None = None
        self.help: Help | None = None
        self.drafts: dict[str, str] = _drafts(sidecar.get("drafts"))
        self.message = ""
        self.following: bool = settings["ui.follow"]
        self.speed: float = settings["play.ops_per_second"]
        self.playing = False
        self.size = (80, 24)
        self.shown: dict[tuple[str, int], PaneRows] = {}
        self.tops: dict[tuple[str, int], int] = {}
        self.loose: set[str] = set()
        self.layout_name = ""
        self.trail: list[tuple[str, View]] = []
        self.pinned: int | None = None
        self.last_move = "transition"
        self._ready: list[tuple[tuple[object, ...], Desk, Lines]] = []
        self._footings: dict[tuple[tuple[str, ...], bool], list[Footing]] = {}
        self.layout: Layout = arrange(80, 24, self.slots)
        self.view = View(
            timeline=timeline,
            position=timeline.position,
            overlay=settings["ui.overlay"],
            numbers=settings["ui.numbers"],
            hidden=frozenset(settings["log.hide"]),
            glyphs="ascii" if painter.ascii else "unicode",
            focused="log",
        )
        self.actions = Actions(self)
        self.fresh_notes()

    @property
    def timeline(self) -> Timeline:
        """The timeline in view."""
        return self.view.timeline

    @property
    def focused(self) -> str:
        """The pane that has the focus."""
        return self.view.focused

    def look(self, **changes: Any) -> None:
        """Change the view."""
        self.view = replace(self.view, **changes)

    def say(self, message: str) -> None:
        """One line at the right of the footer, until the next key."""
        self.message = message

    def run(self, id: str, arg: str = "") -> None:
        """Do a command by its id."""
        self.actions.run(id, arg)

    def close(self) -> None:
        """Close the drawer; what it was for is done."""
        self.actions.close_drawer(done=True)

    def restore(self, view: View) -> None:
        """Back to a view of before, as a drawer found it; notes made since then stay."""
        if view.timeline is self.timeline:
            self.stepper.arrive(view.position, visited=False)
            self.view = replace(view, notes=self.view.notes, size=self.view.size)

    def keep_place(self) -> None:
        """Remember the position beside the trace, where there is something beside it already."""
        sidecar = self.stepper.sidecar
        if sidecar.records or self.settings["open.at"] == "last":
            sidecar.put("position", self.stepper.place_of(self.view.position))

    # Moving

    def go(self, position: int, visited: bool = True) -> None:
        """Move in time; where following is switched off the person's cursors stay."""
        before = self.view.position
        self.trail.clear()
        position = self.stepper.arrive(position, visited)
        self.loose.clear()
        if position == before:
            return
        if not self.following:
            self.look(position=position, came_from=before, up=0)
        else:
            self.view = self.view.at(position)
        if self.view.other is not None:
            self.align()

    def travel(self, position: int) -> bool:
        """`go`, and whether one is there: what a very long operation changed is found first, in the background, and
        Esc stays here."""
        op = self.timeline.op_at(position)
        if not self.view.is_heavy(op):
            self.go(position)
            return True
        timeline, here = self.timeline, self.view.position

        def arrive(changes: OpChanges) -> None:
            if self.timeline is timeline:
                self.view.lift(op, changes)
                if self.view.position == here:
                    self.go(position)

        self.host.fetch(f"reading operation {op}", self.view.weigh(op), arrive)
        return False

    def align(self) -> None:
        """The place of the second kernel that belongs to this one; the other moment, where that is compared with."""
        from mmtui.compare import position_in

        assert self.view.other is not None
        if self.pinned is not None:
            self.look(other_position=self.pinned)
            return
        self.look(other_position=position_in(self.timeline, self.view.other, self.view.position, self.view.memo))

    def fresh_notes(self) -> None:
        """After something was added or dropped, here or by another mmtui on the same trace."""
        self.stepper.sidecar.refresh()
        self.look(notes=tuple(self.stepper.notes()))
        if self.stepper.sidecar.trouble:
            self.say(self.stepper.sidecar.trouble)

    def use_timeline(self, timeline: Timeline, position: int) -> None:
        """Another kernel's timeline, or the trace read again."""
        self.stepper.timeline = timeline
        self.stepper.hits = self.stepper.search(self.stepper.query) if self.stepper.query else None
        self.stepper.visited, self.stepper.visit = [position], 0
        timeline.seek(position)
        self.view = replace(
            self.view,
            timeline=timeline,
            position=position,
            came_from=None,
            cursors={},
            subject=None,
            folds=frozenset(),
            up=0,
            other=None,
            memo={},
        )
        self.fresh_notes()

    def grown(self) -> None:
        """There is more of the log: what was found in it so far is looked for again."""
        self.stepper.forget()
        self.look(memo=self.view.lasting_memo)

    # Panes

    def focus(self, pane: str) -> None:
        """Give a pane the focus, and its place where places are shared."""
        if pane in LEFT_SLOT:
            self.slots["left"] = pane
        if pane in RIGHT_SLOT:
            self.slots["why"] = pane
        if pane == "frames" or pane in RIGHT_SLOT:
            self.slots["right"] = "frames" if pane == "frames" else "why"
        self.slots["only"] = pane
        if self.zoomed:
            self.zoomed = pane
        self.look(focused=pane)

    def panes_in_view(self) -> list[str]:
        """The panes on the screen, in the order in which tab visits them."""
        return list(dict.fromkeys(cell.pane for cell in self.layout.cells))

    def cursor_target(self, pane: str | None = None) -> Target | None:
        """What the cursor of a pane is on: where the person put it, else where the step put it."""
        name = pane or self.focused
        if name in self.view.cursors:
            return self.view.cursors[name]
        rows = self.shown.get((name, 0))
        if rows is None or rows.cursor is None or not 0 <= rows.cursor < len(rows.rows):
            return None
        return rows.rows[rows.cursor].target

    def put_cursor(self, pane: str, target: Target) -> None:
        """The person puts the cursor of a pane on a row."""
        subject = target if target.subject else self.view.subject
        self.look(cursors={**self.view.cursors, pane: target}, subject=subject)
        self.loose.discard(pane)

    def mark_trail(self) -> None:
        """Remember how everything is looked at, for Backspace after Enter."""
        self.trail.append((self.focused, self.view))
        del self.trail[:-100]

    def retrace(self) -> None:
        """Back to how it was before the last Enter."""
        pane, view = self.trail.pop()
        if view.timeline is not self.timeline:
            return
        self.stepper.arrive(view.position)
        self.view = replace(view, notes=self.view.notes, memo=self.view.memo)
        self.focus(pane)

    # Layouts

    def layout_now(self) -> dict[str, object]:
        """What `layout save` keeps."""
        return {"slots": dict(self.slots), "zoomed": self.zoomed, "focused": self.focused, "overlay": self.view.overlay}

    def use_layout(self, saved: Mapping[str, Any]) -> None:
        """Take a kept layout; anything in it that is not known is passed over."""
        slots = saved.get("slots")
        if isinstance(slots, dict):
            self.slots.update({k: v for k, v in slots.items() if k in self.slots and v in ORDER})
        if saved.get("overlay") in OVERLAYS:
            self.look(overlay=saved["overlay"])
        self.zoomed = saved["zoomed"] if saved.get("zoomed") in ORDER else None
        if saved.get("focused") in ORDER:
            self.look(focused=saved["focused"])

    def reset_layout(self) -> None:
        """As at the start."""
        self.slots.update(STANDARD_SLOTS)
        self.zoomed, self.layout_name = None, ""
        self.look(focused="log", overlay="state")

    # Drawing

    def around(self) -> Around:
        """What header, timeline and now line need to know."""
        notes = self.view.notes
        marks = tuple(note.position for note in notes if note.name)
        stops = self.stepper.stop_positions()
        return Around(marks, sum(1 for note in notes if not note.name), stops, stopped_at(self.stepper, self.view))

    def footing(self) -> list[Footing]:
        """The footer's entries for what is open."""
        if self.help is not None:
            return list(self.help.footing())
        if self.drawer is not None:
            return [*self.drawer.footing(), ("F1", "help")]
        ids, plain = self.footer_ids(), self.view.other is None or self.pinned is not None
        if (ids, plain) not in self._footings:
            self._footings[ids, plain] = footing(ids, self.settings.keymap, {} if plain else COMPARE_WORDS)
        return self._footings[ids, plain]

    def footer_ids(self) -> tuple[str, ...]:
        """The commands that the footer offers."""
        return footer_ids("compare" if self.view.other is not None else self.focused, self.size[0])

    def key_of(self, id: str) -> str:
        """The key of a command, to be named in a sentence."""
        found = keys_of(self.settings.keymap, id)
        return shown(found[0]) if found else f":{COMMANDS[id].id}"

    def others_running(self) -> bool:
        """Whether Why (`...` at its foot) or the drawer still waits for other kernels: the next paint shows more."""
        if self.drawer is not None and self.drawer.waiting():
            return True
        rows = self.shown.get(("why", 0)) if self.layout.cell_of("why") else None
        return rows is not None and any(row.text.endswith(" ...") for row in rows.foot)

    def next_moves(self) -> list[str]:
        """The moves that are likely to come: the last one again, the other one of s and n; then the way back."""
        kind, back, _ = self.last_move.partition("-back")
        kinds = ("op", "transition") if kind == "op" else ("transition", "op")
        return [kind + way for way in (back, "" if back else "-back") for kind in kinds]

    def make_ready(self, kind: str) -> None:
        """Compose the screen that a move would lead to: the next `compose` takes it, if that is where the key led."""
        position = self.stepper.move(kind).position
        if position is None or abs(position - self.view.position) > NEAR:
            return
        if self.view.is_heavy(self.timeline.op_at(position)):
            return
        there = copy(self)
        there.shown, there.tops, there.loose = {}, dict(self.tops), set()
        there.view, there._ready = self.view.at(position), []
        looks = there._looks(*self.size)
        with self.timeline.at(position):
            self._ready.append((looks, there, there.compose(*self.size)))

    def _looks(self, width: int, height: int) -> tuple[object, ...]:
        """All that a screen is composed of, but for what a command changes that is no move: it composes anew."""
        tops, slots = tuple(self.tops.items()), tuple(self.slots.items())
        covers = self.drawer, self.help, self.message, self.zoomed, self.pinned, self.following
        return (width, height, self.view, tops, slots, frozenset(self.loose), self.painter, covers)

    def compose(self, width: int, height: int) -> Lines:
        """The lines of a screen of this size."""
        looks, ready = self._looks(width, height) if self._ready else (), self._ready
        self._ready = []
        for known, there, lines in ready:
            if known == looks:
                self.view, self.layout, self.size = there.view, there.layout, there.size
                self.shown, self.tops = there.shown, there.tops
                return lines
        self.size = (width, height)
        self.layout = arrange(width, height, self.slots, self.zoomed, self.view.other is not None)
        if self.layout.shape != "too small":
            self.look(size=SIZES[self.layout.shape])
            if self.view.timeline.position != self.view.position:
                self.view.timeline.seek(self.view.position)
        return compose.screen(self, width, height)


def _drafts(kept: object) -> dict[str, str]:
    """What was typed and not entered, by drawer; a sidecar may hold anything under that name."""
    found = kept.items() if isinstance(kept, dict) else ()
    return {name: text for name, text in found if isinstance(name, str) and isinstance(text, str)}
