"""The mappings of a process that are not its program's own, folded in VMAs: each run of neighbours is one line."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from mmtui.ui.panes import subjects
from mmtui.ui.panes.common import Line
from mmtui.ui.rows import Row, Target
from mmtui.words import plain

if TYPE_CHECKING:
    from mmtui.engine.timeline import Vma
    from mmtui.ui.view import View

Entry = tuple["Vma", bool]
"""A vma, and whether this operation took it away."""


class Run(NamedTuple):
    """Neighbours that fold together, and whose they are; `shown` are those below the line, all where it is open."""

    fold: str
    entries: list[Entry]
    whose: list[str]
    is_open: bool
    shown: list[Entry]

    @property
    def target(self) -> Target:
        """What the line of the run is about."""
        return Target("areas", fold=self.fold)


def runs(view: View, pid: int, entries: list[Entry], cursor: Target | None) -> list[Run | Entry]:
    """The address space in order: what is the program's own as it is, two or more others in a row as a run."""
    whose = {} if view.everything or not view.recorded else _whose(view, pid)
    wanted = _wanted(view, pid, cursor) if whose else []
    found: list[Run | Entry] = []
    for folds, group in groupby(entries, key=lambda entry: entry[0].start in whose):
        part = list(group)
        if not folds or len(part) < 2:
            found += part
            continue
        fold = f"{pid}:{part[0][0].start:#x}"
        is_open = fold in view.unfolded
        shown = part if is_open else [entry for entry in part if _holds(entry[0], wanted)]
        found.append(Run(fold, part, list(dict.fromkeys(whose[vma.start] for vma, _ in part)), is_open, shown))
    return found


def _whose(view: View, pid: int) -> dict[int, str]:
    """Whose the vmas are that are not the program's own, with those that this operation took away."""
    before = view.before_op(f"foreign {pid}", lambda timeline: timeline.foreign(pid))
    assert view.machine is not None
    return {**before, **view.timeline.foreign(pid)}


def _wanted(view: View, pid: int, cursor: Target | None) -> list[int]:
    """Addresses that are to be seen, folded or not: what the cursor and this step are about."""
    step, found = subjects.step_vma(view), subjects.parse_target(cursor)
    wanted = [step[1]] if step is not None and step[0] == pid else []
    if found is not None and found[1] == pid and found[0] in ("vma", "pte"):
        wanted.append(found[2])
    return wanted


def _holds(vma: Vma, addresses: list[int]) -> bool:
    return any(vma.start <= address < vma.end for address in addresses)


def run_row(view: View, run: Run, here: bool, width: int) -> Row:
    """`14 of libc.so.6, [vdso]`."""
    fold = ("\u25be" if run.is_open else "\u25b8") if view.glyphs == "unicode" else ("v" if run.is_open else "+")
    text = f"{len(run.entries)} of {', '.join(map(plain, run.whose))}"
    line = Line().put(0, ">" if here else "", "bright").put(2, fold, "dim")
    line.put(4, text[: max(0, width - 5)], "text+underline" if here else "dim")
    return Row(line.spans, run.target, band=here)
