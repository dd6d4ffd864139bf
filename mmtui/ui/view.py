"""What the panes are drawn from: the timeline, the position, and what the person chose to see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from mmtui.engine.schema import PTES_PER_PT
from mmtui.ui.changes import OpChanges
from mmtui.ui.kept import Kept
from mmtui.ui.rows import Target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mmtui.engine.timeline import Call, Event, Machine, Process, Stretch, Timeline, Transition

Size = Literal["narrow", "normal", "wide"]
Overlay = Literal["state", "count", "age", "holder"]
Numbers = Literal["hex", "decimal", "decoded"]
Value = TypeVar("Value")

HEAVY = 1 << 19
"""Transitions of an operation that are looked through in the background."""
_KEPT = 8192
_KEPT_HEAVY = 8

TROUBLE = (
    "leak", "free_unpaged", "free_mapped", "free_owned", "stray_put", "window_on_foreign", "limbo", "bad_page",
    "bad_pte", "bug",
)  # fmt: skip
"""Kinds of events that put a word at the right edge of the log and colour the cell at fault."""


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
    """One moment of the stepper. Frozen: every move makes a new one with `at`, every choice one with `replace`.

    timeline, position: the log and the place in it; `came_from`: the position before the last move.
    pid: the process in view (p/P); None: the one that the step is about. cursors: by pane, what the person put the
    cursor on; a pane without one puts it on what the step changed. subject: what Why explains; None: what the step
    changed. folds: numbers of the calls whose fold the person turned; beyond the calls, of stretches of operations.
    unfolded: the folds of VMAs that the person opened. everything: what is not a program's own does not fold (X).
    hidden: functions left out of the log. up: how many calls above the innermost one Source shows (u/d). beside: the
    next kernel's text beside it (V).
    other, other_position: the second kernel's timeline in a compare view and the place in it. notes: marks and notes,
    sorted by position. planned: the trace has not run yet (see `opening`). memo: results that stay valid between views
    of the same timeline.
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
    unfolded: frozenset[str] = frozenset()
    everything: bool = False
    hidden: frozenset[str] = frozenset()
    all_processes: bool = False
    size: Size = "normal"
    glyphs: Literal["unicode", "ascii"] = "unicode"
    focused: str = "log"
    up: int = 0
    beside: bool = False
    other: Timeline | None = None
    other_position: int = 0
    notes: tuple[Note, ...] = ()
    planned: bool = False
    memo: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def at(self, position: int) -> View:
        """The same view one move later; the cursors that the person placed are given up for what the move changed."""
        return replace(self, position=position, came_from=self.position, cursors={}, subject=None, up=0)

    @cached_property
    def twin(self) -> View | None:
        """The same view of the second kernel, None when there is only one."""
        if self.other is None:
            return None
        # Folds and the log's cursor name calls of this log: only those of operations mean the same in the other one.
        calls = [call for call in self.folds if call < len(self.timeline.log.calls.start)]
        known = [op for call in calls if self.timeline.op_call(op := self.timeline.call(call).op) == call]
        folds = frozenset(self.other.op_call(op) for op in known if op < self.other.op_count)
        return replace(
            self, timeline=self.other, position=self.other_position, came_from=None, folds=folds,
            cursors={pane: target for pane, target in self.cursors.items() if pane != "log"},
            other=self.timeline, other_position=self.position,
        )  # fmt: skip

    # The step and its operation

    @property
    def undone(self) -> bool:
        """The last move was one step back: the marked transition is the one that was taken away."""
        return self.came_from is not None and self.came_from == self.position + 1

    @property
    def marked(self) -> int:
        """The number of the transition that is marked: the one that led here, or the one just undone; -1: none."""
        return self.position if self.undone else self.position - 1

    @cached_property
    def step(self) -> Transition | None:
        """The marked transition."""
        return self.timeline.transition(self.marked) if 0 <= self.marked < len(self.timeline) else None

    @cached_property
    def step_cell(self) -> tuple[str, int] | None:
        """The cell it changed: (`page.count`, row)."""
        return (f"{self.step.table}.{self.step.column}", self.step.row) if self.step else None

    @property
    def shown(self) -> tuple[int, int]:
        """The marked transition's values in the order in which they are shown: exchanged when it was undone."""
        assert self.step is not None
        return (self.step.new, self.step.old) if self.undone else (self.step.old, self.step.new)

    @cached_property
    def op(self) -> int:
        """The operation of the marked transition, -1 before the first."""
        return self.timeline.op_at(self.marked + 1)

    @cached_property
    def op_start(self) -> int:
        """The position at which that operation began."""
        return self.timeline.op_start(self.op) if self.op >= 0 else 0

    @cached_property
    def open_calls(self) -> list[Call]:
        """The calls that are open at the marked transition, outermost first."""
        return self.timeline.calls_at(self.marked + 1)

    @property
    def recorded(self) -> bool:
        """The log is a recording of a live kernel: what nobody could see is unknown, and there is no source."""
        return getattr(self.timeline.trace, "recording", None) is not None

    @property
    def stretches(self) -> list[Stretch]:
        """The stretches of operations that are one line of the log; none where two logs stand side by side."""
        return [] if self.everything or self.other is not None else self.timeline.stretches()

    # What changed

    def remember(
        self, key: tuple[Any, ...], make: Callable[[], Value], heavy: bool = False, lasting: bool = False
    ) -> Value:
        """A result that depends on this timeline and `key` only, computed once; those not in use are forgotten.

        `heavy`: it may be as long as an operation or the log, so that only few of them are kept. `lasting`: it stays
        right while the log grows.
        """
        name = ("heavy" if heavy else "light") + (" lasting" if lasting else "")
        kept: Kept | None = self.memo.get(name)
        if kept is None:
            kept = self.memo[name] = Kept(_KEPT_HEAVY if heavy else _KEPT)
        # Held on to, so that its id is never another timeline's.
        self.memo.setdefault("timelines", {})[id(self.timeline)] = self.timeline
        return kept.get((id(self.timeline), -1 if lasting else len(self.timeline), key), make)

    @property
    def lasting_memo(self) -> dict[Any, Any]:
        """Of the memo what stays right when the log has grown."""
        return {name: kept for name, kept in self.memo.items() if name == "timelines" or str(name).endswith("lasting")}

    @cached_property
    def scratch(self) -> dict[Any, Any]:
        """Results for this very view, forgotten with it."""
        return {}

    def here(self, key: tuple[Any, ...], make: Callable[[], Value]) -> Value:
        """A result that this view needs more than once."""
        if key not in self.scratch:
            self.scratch[key] = make()
        return self.scratch[key]  # type: ignore[no-any-return]

    def now(self, name: str, make: Callable[[Timeline], Value], *tables: str) -> Value:
        """What `make` says of the machine at this position; `name` tells such questions apart.

        `tables`: all that the answer depends on; while they stay as they are, it is not asked again.
        """
        return self._at(name, make, tables, self.position)

    def before_op(self, name: str, make: Callable[[Timeline], Value], *tables: str) -> Value:
        """What `make` says of the machine as it was before this operation, where the last one ended."""
        return self._at(name, make, tables, self.op_start)

    def _at(self, name: str, make: Callable[[Timeline], Value], tables: tuple[str, ...], position: int) -> Value:
        def look() -> Value:
            timeline = self.timeline
            timeline.seek(self.position)
            with timeline.at(position):
                if not tables:
                    return make(timeline)
                key = ("while", name, timeline.stamp(*tables))
                return self.remember(key, lambda: make(timeline), lasting=True)

        return self.remember(("at", name, position), look, lasting=True)

    @cached_property
    def op_changes(self) -> OpChanges:
        """The cells that this operation changes."""
        if self.op < 0:
            return OpChanges.of(self.timeline, 0, 0)
        start, end = self.op_start, self.timeline.op_end(self.op)
        return self.remember(("changes", self.op), lambda: OpChanges.of(self.timeline, start, end), True, True)

    def is_heavy(self, op: int) -> bool:
        """Whether an operation is so long that finding what it changed keeps a person waiting, and is not done yet."""
        if op < 0 or self.timeline.op_end(op) - self.timeline.op_start(op) < HEAVY:
            return False
        return (id(self.timeline), -1, ("changes", op)) not in self.memo.get("heavy lasting", ())

    def weigh(self, op: int) -> Callable[[], OpChanges]:
        """Finds what a heavy operation changed, in any thread: `lift` takes it."""
        start, end = self.timeline.op_start(op), self.timeline.op_end(op)
        return lambda: OpChanges.of(self.timeline, start, end)

    def lift(self, op: int, changes: OpChanges) -> None:
        """It is known what an operation changed."""
        self.remember(("changes", op), lambda: changes, True, True)

    def changed(self, column: str, row: int) -> bool:
        """Whether this operation has changed `column[row]` by now."""
        return self.op_changes.changed(column, row, self.position)

    def frames_changed(self, first: int, end: int) -> tuple[frozenset[int], frozenset[int]]:
        """Which of the frames `first` to `end` this operation has written to by now, and which in how many users they
        have."""
        return self.op_changes.frames_between(first, end, self.position) if self.op >= 0 else (frozenset(), frozenset())

    def role(self, role: str, *cells: tuple[str, int]) -> str:
        """`role`, or `accent` if this step changed one of the cells, `recent` if this operation did before."""
        if self.step_cell in cells:
            return "accent"
        return "recent" if any(self.changed(*cell) for cell in cells) else role

    def quiet_role(self, role: str, *cells: tuple[str, int]) -> str:
        """The same for a value that is shown twice: a pane has one tinted spot, and it is elsewhere."""
        found = self.role(role, *cells)
        return "recent" if found == "accent" else found

    # The machine at this position

    @property
    def machine(self) -> Machine:
        """The columns at this view's position."""
        if self.timeline.position != self.position:
            self.timeline.seek(self.position)
        return self.timeline.machine

    @cached_property
    def _kinds(self) -> NDArray[np.bytes_]:
        assert self.machine is not None
        return self.timeline.frame_kinds()

    def kinds(self, first: int, end: int) -> str:
        """The glyphs of the frames `first` to `end` at this position."""
        return bytes(self._kinds[first:end]).decode()

    def kind(self, pfn: int) -> str:
        """The glyph of one frame; `?` for a pfn that the machine does not have."""
        return self.kinds(pfn, pfn + 1) if 0 <= pfn < len(self._kinds) else "?"

    @cached_property
    def tally(self) -> dict[str, int]:
        """How many frames of each glyph there are."""
        return self.now("tally", _tally)

    @cached_property
    def tally_before(self) -> dict[str, int]:
        """How many there were before this operation."""
        return self.before_op("tally", _tally)

    def stamp(self, *names: str) -> int:
        """A number that stays the same while some tables or columns do."""
        assert self.machine is not None
        return self.timeline.stamp(*names)

    @cached_property
    def processes(self) -> list[Process]:
        """Every process at this position."""
        return self.now("processes", _processes, "task", "mm")

    @cached_property
    def gone(self) -> list[Process]:
        """The processes that this operation has taken away by now."""
        now = {process.task for process in self.processes}
        before = self.before_op("processes", _processes, "task", "mm")
        return [process for process in before if process.task not in now]

    @cached_property
    def process(self) -> Process | None:
        """The process in view: the chosen one, else that of the step, of the operation, else the first."""
        by_pid = {process.pid: process for process in (*self.gone, *self.processes)}
        for pid in (self.pid, self.step_pte[0] if self.step_pte else None, self.op_pid):
            if pid in by_pid:
                return by_pid[pid]
        return self.processes[0] if self.processes else None

    @cached_property
    def op_pid(self) -> int | None:
        """The process that the operation is about; of a fork the child, once it is there."""
        if self.op < 0:
            return None
        operation = self.timeline.op(self.op)
        pid: int | None = getattr(operation, "child", None)
        if pid is not None and any(process.pid == pid for process in self.processes):
            return pid
        pid = getattr(operation, "pid", None)
        return getattr(operation, "parent", None) if pid is None else pid

    @cached_property
    def step_pte(self) -> tuple[int, int] | None:
        """(pid, address) of the entry that the step changed, None if it changed something else."""
        if self.step_cell is None or self.step_cell[0] != "pte.val":
            return None
        return self.pte_place(self.step_cell[1])

    def pte_place(self, row: int) -> tuple[int, int] | None:
        """(pid, address) of a row of `pte`; None if its page table belongs to no process now."""
        table, slot = divmod(row, PTES_PER_PT)
        pt = self.machine.pt
        mm = int(pt.mm[table]) or self.op_changes.before("pt.mm", table, self.position)
        base = int(pt.base[table]) or self.op_changes.before("pt.base", table, self.position) or 0
        for process in (*self.processes, *self.gone):
            if process.mm == mm and mm:
                return process.pid, base + slot * 4096
        return None

    # Trouble

    @cached_property
    def trouble(self) -> dict[int, list[Event]]:
        """The events of trouble by the number of their transition, for the whole log."""

        def collect() -> dict[int, list[Event]]:
            found: dict[int, list[Event]] = {}
            for event in self.timeline.events().of(*TROUBLE):
                found.setdefault(event.transition, []).append(event)
            return found

        return self.remember(("trouble",), collect, True)

    @cached_property
    def faults(self) -> list[Event]:
        """The events of trouble exactly here; none while stepping back over one."""
        return [] if self.undone or self.step is None else self.trouble.get(self.position - 1, [])


def _processes(timeline: Timeline) -> list[Process]:
    return timeline.processes()


def _tally(timeline: Timeline) -> dict[str, int]:
    return timeline.frame_tally()
