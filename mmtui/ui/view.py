"""What the panes are drawn from: the timeline, the position, and what the person chose to see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from mmtui.ui.rows import Target

if TYPE_CHECKING:
    from mmtui.engine.timeline import Call, Process, Timeline, Transition

Size = Literal["narrow", "normal", "wide"]
Overlay = Literal["state", "count", "age", "holder"]
Numbers = Literal["hex", "decimal", "decoded"]


@dataclass(frozen=True)
class Note:
    """A mark (`name` set) or a note (`text` set) at a position, as the Notes pane lists it."""

    position: int
    name: str = ""
    about: str = ""
    text: str = ""
    author: str = ""


@dataclass(frozen=True)
class View:
    """One moment of the stepper. Frozen: every move makes a new one with `dataclasses.replace`.

    timeline, position: the log and the place in it; `came_from`: the position before the last move.
    pid: the process in view (p/P); None: the one that the step is about. cursors: by pane, what the person put the
    cursor on; a pane without one puts it on what the step changed. subject: what Why explains; None: what the step
    changed. folds: numbers of the calls whose fold the person turned. hidden: functions left out of the log.
    up: how many calls above the innermost one Source shows (u/d). beside: the next kernel's text beside it (V).
    other: the second kernel's timeline in a compare view. notes: marks and notes, sorted by position.
    memo: results that stay valid between views of the same timeline.
    """

    timeline: Timeline
    position: int
    came_from: int | None = None
    pid: int | None = None
    cursors: Mapping[str, Target] = field(default_factory=dict)
    subject: Target | None = None
    overlay: Overlay = "state"
    numbers: Numbers = "hex"
    folds: frozenset[int] = frozenset()
    hidden: frozenset[str] = frozenset()
    all_processes: bool = False
    size: Size = "normal"
    glyphs: Literal["unicode", "ascii"] = "unicode"
    focused: str = "log"
    up: int = 0
    beside: bool = False
    other: Timeline | None = None
    notes: tuple[Note, ...] = ()
    memo: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def at(self, position: int) -> View:
        """The same view one move later; the cursors that the person placed are given up for what the move changed."""
        return replace(self, position=position, came_from=self.position, cursors={}, subject=None, up=0)

    @property
    def undone(self) -> bool:
        """The last move was one step back: the marked transition is the one that was taken away."""
        return self.came_from is not None and self.came_from == self.position + 1

    @cached_property
    def step(self) -> Transition | None:
        """The transition that is marked: the one that led here, or the one that a step back has just undone."""
        index = self.position if self.undone else self.position - 1
        return self.timeline.transition(index) if 0 <= index < len(self.timeline) else None

    @cached_property
    def op(self) -> int:
        """The operation in which the position lies, -1 at boot."""
        return self.timeline.op_at(self.position)

    @cached_property
    def op_start(self) -> int:
        """The position at which that operation began."""
        return self.timeline.op_start(self.op) if self.op >= 0 else 0

    @cached_property
    def open_calls(self) -> list[Call]:
        """The calls that are open at the marked transition, outermost first."""
        return self.timeline.calls_at(self.position + 1 if self.undone else self.position)

    @cached_property
    def processes(self) -> list[Process]:
        """Every process at this position."""
        self.timeline.seek(self.position)
        return self.timeline.processes()
