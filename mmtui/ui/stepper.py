"""Where one is in a trace and how one moves: positions, places visited, stops, hits, marks and notes. No screen.

Every move answers with a `Move`: the position to go to, or the reason why there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mmtui.engine.arrays import distinct, np
from mmtui.engine.schema import TABLES
from mmtui.sidecar import Sidecar
from mmtui.ui.notebook import Notebook
from mmtui.ui.rows import Target

if TYPE_CHECKING:
    Positions = np.ndarray[Any, np.dtype[np.int64]]
    from mmtui.engine.timeline import Event, Timeline

# What the built-in checker reports; `a` walks these, whatever stops are set.
ALERTS: Final = (
    "leak",
    "free_unpaged",
    "free_mapped",
    "free_owned",
    "stray_put",
    "window_on_foreign",
    "limbo",
    "bad_page",
    "bad_pte",
    "bug",
)
ALWAYS: Final = ("leak", "free_unpaged")
"""Stops that are there from the start, beside the trace's own."""


@dataclass(frozen=True, slots=True)
class Move:
    """Where to go, or None and the `reason`."""

    position: int | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """A breakpoint: a query, whether it is on, and who set it (`trace`, `mmtui` or `you`)."""

    expr: str
    on: bool = True
    origin: str = "you"


class Stepper(Notebook):
    """The moves over one timeline, and everything a person adds to it."""

    def __init__(self, timeline: Timeline, sidecar: Sidecar, author: str = "") -> None:
        super().__init__(timeline, sidecar, author)
        self.query = ""
        self.hits: Positions | None = None
        self.visited: list[int] = [timeline.position]
        self.visit = 0
        self._found: dict[tuple[int, str], Positions] = {}
        self._unions: dict[tuple[int, str], Positions] = {}

    def forget(self) -> None:
        """The log has grown: hits are counted anew."""
        self._found.clear()
        self._unions.clear()

    # Moves

    def move(self, kind: str, target: Target | None = None) -> Move:
        """One move: `op`, `transition`, `call`, `stop`, `change`, `alert`, `mark`, `hit`, `history`, `end`; `-back`."""
        name, back = kind.removesuffix("-back"), kind.endswith("-back")
        if name == "change":
            return self._change(back, target)
        moves: dict[str, Callable[[bool], Move]] = {
            "op": self._op,
            "transition": self._transition,
            "call": self._call,
            "stop": self._stop,
            "alert": self._alert,
            "mark": self._mark,
            "hit": self._hit,
            "history": self._history,
            "end": self._end,
        }
        return moves[name](back)

    def _transition(self, back: bool) -> Move:
        p = self.timeline.position + (-1 if back else 1)
        return Move(p) if 0 <= p <= len(self.timeline) else Move(None, self._edge(back))

    def _op(self, back: bool) -> Move:
        p = self.timeline.position
        if back:
            k = self.last_op_before(p)
            return Move(self.timeline.op_start(k)) if k is not None else self._start(p)
        k = self.last_op_before(p + 1)
        for op in range(0 if k is None else k, self.timeline.op_count):
            if self.timeline.op_end(op) > p:
                return Move(self.timeline.op_end(op))
        return Move(len(self.timeline)) if p < len(self.timeline) else Move(None, self._edge(False))

    def _start(self, p: int) -> Move:
        return Move(0) if p > 0 else Move(None, self._edge(True))

    def _call(self, back: bool) -> Move:
        p = self.timeline.position
        if back:
            starts = [call.start for call in self.timeline.calls_at(p) if call.start < p]
            return Move(max(starts)) if starts else self._start(p)
        # calls that are open at the change to come too: out of a call also from its first position
        ahead = self.timeline.calls_at(min(p + 1, len(self.timeline)))
        ends = [call.end for call in (*self.timeline.calls_at(p), *ahead) if call.start <= p < call.end]
        return Move(min(ends)) if ends else self._op(False)

    def _stop(self, back: bool) -> Move:
        return self._along(self.stop_positions(), back, "stop")

    def _alert(self, back: bool) -> Move:
        return self._along(self._union(ALERTS), back, "alert")

    def _mark(self, back: bool) -> Move:
        return self._along(np.unique(np.array([note.position for note in self.notes()], dtype=np.int64)), back, "mark")

    def _hit(self, back: bool) -> Move:
        if self.hits is None:
            return Move(None, "no search yet: / searches")
        return self._along(self.hits, back, "hit")

    def _end(self, back: bool) -> Move:
        return Move(0 if back else len(self.timeline))

    def _history(self, back: bool) -> Move:
        i = self.visit + (-1 if back else 1)
        if not 0 <= i < len(self.visited):
            return Move(None, "no earlier place" if back else "no later place")
        return Move(self.visited[i])

    def _change(self, back: bool, target: Target | None) -> Move:
        if target is None or not target.subject:
            return Move(None, "nothing that can change is under the cursor")
        try:
            subject = self.timeline.subject(target.subject)
        except ValueError as error:
            return Move(None, str(error))
        columns = [subject.column] if subject.column else [f"{subject.table}.{name}" for name in TABLES[subject.table]]
        go = self.timeline.previous_change if back else self.timeline.next_change
        found = [at for column in columns if (at := go((column, subject.row), self.timeline.position)) is not None]
        if not found:
            return Move(None, f"no {'earlier' if back else 'later'} change of {subject.text}")
        return Move(max(found) if back else min(found))

    def _along(self, positions: Positions, back: bool, what: str) -> Move:
        p = self.timeline.position
        i = int(np.searchsorted(positions, p, "left" if back else "right")) - int(back)
        if 0 <= i < len(positions):
            return Move(int(positions[i]))
        some = f"no {'earlier' if back else 'later'} {what}"
        return Move(None, some if len(positions) else f"there is no {what}")

    def _edge(self, back: bool) -> str:
        return "the start of the trace" if back else "the end of the trace"

    def arrive(self, position: int, visited: bool = True) -> int:
        """Go there; `visited`: remember it as a place. Returns the position."""
        p = self.timeline.seek(position)
        if visited and self.visited[self.visit] != p:
            del self.visited[self.visit + 1 :]
            self.visited.append(p)
            del self.visited[:-1000]
            self.visit = len(self.visited) - 1
        return p

    def revisit(self, back: bool) -> None:
        """Step in the list of places after a `history` move."""
        self.visit = max(0, min(len(self.visited) - 1, self.visit + (-1 if back else 1)))

    # Stops and searches

    def stops(self) -> list[Stop]:
        """The trace's own, the two that are always there, the person's; each query once."""
        known = {expr: Stop(expr, True, "trace") for expr in self.timeline.trace.breakpoints or ()}
        for expr in ALWAYS:
            known.setdefault(expr, Stop(expr, True, "mmtui"))
        for record in self.sidecar.of_kind("stop"):
            expr = str(record.get("expr", ""))
            origin = known[expr].origin if expr in known else "you"
            known[expr] = Stop(expr, bool(record.get("on", True)), origin)
        return list(known.values())

    def set_stop(self, expr: str, on: bool = True) -> int:
        """Add a stop or switch it; returns how many hits it has. Raises ValueError for a wrong query."""
        count = len(self.find(expr))
        self.sidecar.add("stop", id=f"stop:{expr}", expr=expr, on=on)
        return count

    def drop_stop(self, stop: Stop) -> None:
        """Forget one's own stop; the others can only be switched off."""
        if stop.origin == "you":
            self.sidecar.drop(f"stop:{stop.expr}")
        else:
            self.set_stop(stop.expr, False)

    def stop_positions(self) -> Positions:
        """All positions at which c and C stop: the enabled stops, and where the modelled kernel broke."""
        return self._union((*(stop.expr for stop in self.stops() if stop.on), "bug"))

    def _union(self, exprs: Iterable[str]) -> Positions:
        key = (id(self.timeline), "\n".join(exprs))
        if key not in self._unions:
            found = [self._quiet_find(expr) for expr in key[1].split("\n")]
            self._unions = {key: distinct(np.concatenate(found)), **dict(list(self._unions.items())[:3])}
        return self._unions[key]

    def _quiet_find(self, expr: str) -> Positions:
        """A kept stop that this kernel does not understand (its sidecar is older) hits nothing."""
        try:
            return self.find(expr)
        except ValueError:
            return np.empty(0, dtype=np.int64)

    def find(self, expr: str) -> Positions:
        """Positions at which a query hits. Raises ValueError, with `.column` where it is known."""
        key = (id(self.timeline), expr)
        if key not in self._found:
            if len(self._found) > 200:
                self._found.clear()
            self._found[key] = np.asarray(self.timeline.find(expr), dtype=np.int64)
        return self._found[key]

    def search(self, expr: str) -> Positions:
        """Make this the search that ] and [ walk."""
        self.hits, self.query = self.find(expr), expr
        return self.hits

    def stops_here(self) -> list[Stop]:
        """The enabled stops that hit exactly at the position."""
        p = self.timeline.position
        return [stop for stop in self.stops() if stop.on and _has(self._quiet_find(stop.expr), p)]

    def alerts(self) -> list[Event]:
        """What the checker found, in order."""
        found = [event for kind in ALERTS for event in self.timeline.events(kind=kind)]
        return sorted(found, key=lambda event: event.transition)

    def place(self, text: str) -> int:
        """The position that a place names; `@mark` knows the person's own. Raises ValueError."""
        word = text.strip()
        if word.startswith("@") and word[1:] in (marks := self.marks()):
            return marks[word[1:]]
        return self.timeline.place(word)


def _has(positions: Positions, p: int) -> bool:
    i = int(np.searchsorted(positions, p))
    return i < len(positions) and int(positions[i]) == p
