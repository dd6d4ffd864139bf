"""Drawers that are lists: `'` marks and notes, `B` stops, `K` and `D` kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from mmtui import words
from mmtui.engine.arrays import np
from mmtui.ui.drawers.base import ListDrawer
from mmtui.ui.paint import ASCII_BARS, BARS
from mmtui.ui.panes import kernels
from mmtui.ui.panes.kernels import PENDING
from mmtui.ui.rows import Row, Span
from mmtui.ui.stepper import Stop

if TYPE_CHECKING:
    from mmtui.ui.chrome import Footing
    from mmtui.ui.desk import Desk
    from mmtui.ui.view import Note

TEMPLATES: Final = (
    ("free and vma.VM_UNPAGED", "a page of a VM_UNPAGED area is freed"),
    ("leak", "a count stays above its holders"),
    ("page.count < 0", "a count falls below zero"),
    ("free_mapped", "a page is freed while a pte maps it"),
    ("stray_put", "a reference is dropped that nobody had"),
    ("bad_page or bad_pte", "the kernel complains about a page or an entry"),
    ("cow", "a write copies a page"),
    ("refused", "the kernel refuses an operation"),
)


class MarksDrawer(ListDrawer):
    """Marks and notes in the order of time; the panes above show the chosen place."""

    name, key, title = "marks", "'", "Marks and notes"
    head = 1

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.before = desk.view
        places = [note.position for note in desk.view.notes]
        self.chosen = int(np.searchsorted(np.array(places, dtype=np.int64), desk.view.position)) if places else 0

    def footing(self) -> Sequence[Footing]:
        """Keys of the drawer."""
        return [("Up Down", "look"), ("Enter", "go"), ("Del", "delete"), ("Esc", "back")]

    @property
    def notes(self) -> tuple[Note, ...]:
        """What is listed."""
        return self.desk.view.notes

    def count(self) -> int:
        """How many."""
        return len(self.notes)

    def choose(self, index: int) -> None:
        """The panes above go there."""
        super().choose(index)
        if self.notes:
            self.desk.go(self.notes[self.chosen].position, visited=False)

    def enter(self) -> None:
        """Stay there."""
        if self.notes:
            position = self.notes[self.chosen].position
            self.desk.restore(self.before)
            self.desk.close()
            self.desk.go(position)

    def leave(self) -> None:
        """Back to where one was."""
        self.desk.restore(self.before)

    def press(self, key: str, character: str | None) -> bool:
        """Del forgets one's own mark or note."""
        if key in ("delete", "backspace") or character in ("d", "x"):
            if self.notes and not self.desk.stepper.drop_note(self.notes[self.chosen]):
                self.desk.say("it stands in the trace file itself")
            self.desk.fresh_notes()
            return True
        return super().press(key, character)

    def lines(self, width: int, height: int) -> list[Row]:
        """One row each."""
        if not self.notes:
            keys = self.desk.key_of("mark.set"), self.desk.key_of("note.edit")
            return [Row(), Row(((f"  No marks yet. {keys[0]} sets one here, {keys[1]} writes a note.", "dim"),))]
        return [Row(), *self.list_rows(width, height - 1)]

    def row(self, index: int, width: int) -> Row:
        """Position, name or subject and text."""
        note = self.notes[index]
        place: Span = (f"{self.desk.timeline.place_name(note.position):>7} ", "dim")
        if note.name:
            return Row((place, ("m ", "text+bold"), (words.plain(note.name), "text")))
        about = f"{words.plain(note.about)}  " if note.about else ""
        author: list[Span] = [(words.plain(note.author) + "  ", "dim")] if note.author else []
        return Row((place, (about, "text"), *author, (words.plain(note.text), "text")))


class StopsDrawer(ListDrawer):
    """Every stop with its hits, on or off; below them templates that can be switched on."""

    name, key, title = "stops", "B", "Stops"
    head = 2

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.before = desk.view
        self.stops: list[Stop] = []
        self._read()

    def _read(self) -> None:
        mine = self.desk.stepper.stops()
        known = {stop.expr for stop in mine}
        self.stops = [*mine, *(Stop(expr, False, "template") for expr, _ in TEMPLATES if expr not in known)]

    def footing(self) -> Sequence[Footing]:
        """Keys of the drawer."""
        return [
            ("Up Down", "look"),
            ("Space", "on, off"),
            ("Enter", "go to the next hit"),
            ("Del", "delete"),
            ("Esc", "back"),
        ]

    def note(self) -> list[Span]:
        """How many positions c and C stop at."""
        return [(f"{len(self.desk.stepper.stop_positions())} places to stop at", "dim")]

    def count(self) -> int:
        """Stops and templates."""
        return len(self.stops)

    def press(self, key: str, character: str | None) -> bool:
        """Space switches, Del forgets."""
        stop = self.stops[self.chosen]
        if key == "space":
            self.desk.stepper.set_stop(stop.expr, not stop.on)
        elif key in ("delete", "backspace"):
            self.desk.stepper.drop_stop(stop)
        else:
            return super().press(key, character)
        self._read()
        self.desk.fresh_notes()
        return True

    def enter(self) -> None:
        """Travel to the stop's next hit, from the end on to its first one."""
        expr = self.stops[self.chosen].expr
        hits = self._hits(expr)
        if not len(hits):
            self.desk.say(f"{expr} never happens here")
            return
        at = int(np.searchsorted(hits, self.desk.view.position, "right"))
        self.desk.go(int(hits[at % len(hits)]))

    def _hits(self, expr: str) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        try:
            return self.desk.stepper.find(expr)
        except ValueError:
            return np.empty(0, dtype=np.int64)

    def lines(self, width: int, height: int) -> list[Row]:
        """A heading, one row each."""
        head = f"  {'on':<4}{'stop':<34}{'hits':>5}  {'over time':<20}"
        return [Row(), Row(((head, "dim"),)), *self.list_rows(width, height - 2)]

    def row(self, index: int, width: int) -> Row:
        """On or off, the query, how many hits, where in time, whose it is."""
        stop = self.stops[index]
        hits = self._hits(stop.expr)
        role = "text" if stop.on else "dim"
        spans: list[Span] = [
            (f" {'x' if stop.on else '-':<4}", "text+bold"),
            (f"{words.plain(stop.expr)[:33]:<34}", role),
        ]
        spans += [(f"{len(hits):>5}  ", role), (self._sparkline(hits), "past")]
        said = dict(TEMPLATES).get(stop.expr, "")
        right = {"trace": "from the trace", "mmtui": "always there", "you": "yours"}.get(stop.origin, said)
        return Row(tuple(spans), right=((right, "dim"),) if width >= 100 else ())

    def _sparkline(self, hits: np.ndarray[tuple[int, ...], np.dtype[np.int64]], n: int = 20) -> str:
        if not len(hits):
            return " " * n
        counts = np.bincount(np.minimum(hits * n // (len(self.desk.timeline) + 1), n - 1), minlength=n)
        glyphs = ASCII_BARS if self.desk.painter.ascii else BARS
        return "".join(glyphs[-(-int(c) * 8 // int(counts.max()))] for c in counts)


class KernelsDrawer(ListDrawer):
    """The kernel models, oldest first, with what comes of this trace there and what each changed; Enter takes one."""

    head = 1

    def __init__(
        self, desk: Desk, names: Sequence[tuple[str, str]], compare: bool, take: Callable[[str], None]
    ) -> None:
        super().__init__(desk)
        self.names = names
        self.take = take
        self.came: dict[str, str] = {}
        self.name = "diff" if compare else "model"
        self.key, self.title = ("D", "Compare with") if compare else ("K", "Kernel")
        now = [name for name, _ in names]
        self.chosen = now.index(desk.timeline.kernel) if desk.timeline.kernel in now else 0
        if compare:
            self.chosen = min(self.chosen + 1, len(names) - 1)

    def footing(self) -> Sequence[Footing]:
        """Keys of the drawer."""
        return [("Up Down", "choose"), ("Enter", "take it"), ("Esc", "back")]

    def count(self) -> int:
        """How many kernels."""
        return len(self.names)

    def enter(self) -> None:
        """Run the trace on it."""
        name = self.names[self.chosen][0]
        self.desk.close()
        self.take(name)

    def lines(self, width: int, height: int) -> list[Row]:
        """One row each, below what the columns are."""
        self.came = kernels.verdicts(self.desk.view)
        head: list[Span] = [(f"  {'kernel':<14}", "dim"), (f"{'this trace':<{self._room(width)}}", "dim")]
        return [Row((*head, ("its rules", "dim"))), *self.list_rows(width, height - 1)]

    def waiting(self) -> bool:
        """Some kernels are still being run."""
        return PENDING in self.came.values()

    def row(self, index: int, width: int) -> Row:
        """Name, what comes of this trace there, what is special about it; the one in view is marked."""
        name, about = self.names[index]
        room = self._room(width)
        came = self.came.get(name, "")
        role = "dim" if came in ("ok", PENDING) else "alarm"
        here = "in view  " if name == self.desk.timeline.kernel else ""
        shown: tuple[Span, ...] = (f" {name:<14}", "text+bold"), (f"{came[: room - 2]:<{room}}", role)
        return Row((*shown, (here, "text"), (about, "dim")))

    def _room(self, width: int) -> int:
        """Columns of the verdicts, at most a third of the width."""
        return min(max(10, *map(len, self.came.values())) + 2, width // 3) if self.came else 12
