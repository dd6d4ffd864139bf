"""What the step, the cursor and the operation are about: pages, vmas, entries, processes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mmtui.engine.arrays import np
from mmtui.engine.pgtable import PAGE_SHIFT, PAGE_SIZE, PMD_SIZE, pte_file, pte_pfn, pte_present
from mmtui.engine.schema import PTES_PER_PT
from mmtui.ui.panes.entries import entries_of, entry_of, tables_of
from mmtui.ui.rows import Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmtui.engine.timeline import Timeline, Vma
    from mmtui.ui.view import View

_SUBJECT = re.compile(r"(page|vma|pte|mm|task)\[(\w+)(?::(\w+))?\]")


def parse_target(target: Target | None) -> tuple[str, int, int] | None:
    """(kind, pid or pfn, address or 0) of a target's subject, None for a mere place."""
    found = _SUBJECT.match(target.subject) if target else None
    if found is None:
        return None
    return found[1], int(found[2], 0), int(found[3] or "0", 0)


def page_target(pfn: int) -> Target:
    """The target of a frame."""
    return Target("page", f"page[{pfn}]")


def fork_parent(view: View) -> int | None:
    """The parent, while the operation is a fork whose child is there."""
    found = _fork(view)
    return found[0] if found and any(process.pid == found[1] for process in view.processes) else None


def _fork(view: View) -> tuple[int, int] | None:
    """(parent, child) of an operation that forks, in a trace or in a recording."""
    operation = view.timeline.op(view.op) if view.op >= 0 else None
    parent, child = getattr(operation, "parent", None), getattr(operation, "child", None)
    return None if parent is None or child is None else (parent, child)


def pair_in_view(view: View) -> tuple[int, int] | None:
    """The processes whose tables are shown together: of a fork, or (on demand) the one in view and its kin."""
    pids = [process.pid for process in view.processes]
    found = _fork(view)
    if found is not None and set(found) <= set(pids):
        return found
    if not view.all_processes or view.process is None:
        return None
    if view.process.parent_pid in pids:
        return view.process.parent_pid, view.process.pid
    children = [process.pid for process in view.processes if process.parent_pid == view.process.pid]
    return (view.process.pid, children[0]) if children else None


def step_page(view: View) -> int | None:
    """The frame that the marked transition is about: its own, or the one that an entry gains or loses."""
    if view.step_cell is None or view.step is None:
        return None
    column, row = view.step_cell
    if column.startswith("page."):
        return row
    if column == "pte.val":
        old, new = view.shown
        return next((pte_pfn(value) for value in (new, old) if pte_present(value) and not pte_file(value)), None)
    if column in ("buf.pfn", "pin.pfn"):
        return view.step.new or view.step.old
    return None


def subject_page(view: View) -> int | None:
    """The frame that Why explains: of the chosen subject, else of the step, else of the last step that had one."""
    return view.here(("subject page",), lambda: _subject_page(view))


def _subject_page(view: View) -> int | None:
    if view.subject is not None:
        return target_page(view, view.subject)
    found = [event.subject.get("pfn") for event in view.faults]
    for pfn in (*found, step_page(view)):
        if isinstance(pfn, int):
            return pfn
    return recent_page(view)


def op_place(view: View) -> tuple[int, int] | None:
    """(pid, address) that the operation names; None for one that names no address."""
    operation = view.timeline.op(view.op) if view.op >= 0 else None
    address, pid = getattr(operation, "addr", None), getattr(operation, "pid", None)
    return (pid, address & ~(PAGE_SIZE - 1)) if address is not None and pid is not None else None


def recent_page(view: View) -> int | None:
    """The frame that the operation touched last before the marked transition, or reached; None if there is none."""
    for number in range(view.marked - 1, max(view.op_start, view.marked - 64) - 1, -1):
        transition = view.timeline.transition(number)
        if transition.table == "page":
            return transition.row
        if transition.table == "pte" and pte_present(transition.new or transition.old):
            return pte_pfn(transition.new or transition.old)
    if view.op < 0 or view.position != view.timeline.op_end(view.op):
        return None
    reached = view.timeline.extra(view.op).get("pfn")
    place = op_place(view)
    if reached is not None or place is None:
        return reached
    return target_page(view, Target("pte", f"pte[{place[0]}:{place[1]:#x}]"))


def target_page(view: View, target: Target | None) -> int | None:
    """The frame of a target: a page itself, or the page that an entry maps or mapped."""
    found = parse_target(target)
    if found is None:
        return None
    kind, number, address = found
    if kind == "page":
        return number
    entry = entry_of(view, number, address) if kind == "pte" else None
    value = (entry.value or entry.before or 0) if entry else 0
    return pte_pfn(value) if pte_present(value) else None


def step_vma(view: View) -> tuple[int, int] | None:
    """(pid, start) of the vma that the step is about: changed itself, or around the entry that changed."""
    if view.step_cell is None:
        return None
    column, row = view.step_cell
    if column.startswith("vma."):
        return _vma_where(view, lambda pid, vma: vma.row == row)
    place = view.step_pte or _place_of_page(view) or op_place(view)
    if place is None:
        return None
    return _vma_where(view, lambda pid, vma: pid == place[0] and vma.start <= place[1] < vma.end)


def _place_of_page(view: View) -> tuple[int, int] | None:
    """(pid, address) in the process in view where the step's page is or was mapped."""
    if view.process is None:
        return None
    address = entry_near_step(view, view.process.pid)
    return None if address is None else (view.process.pid, address)


def _vma_where(view: View, fits: Callable[..., bool]) -> tuple[int, int] | None:
    ordered = sorted((*view.processes, *view.gone), key=lambda process: process != view.process)
    for process in ordered:
        for vma, _ in address_space(view, process.pid):
            if fits(process.pid, vma):
                return process.pid, vma.start
    return None


SPACE = ("vma", "task", "file", "inode")
"""The tables that say what an address space is."""


def address_space(view: View, pid: int) -> list[tuple[Vma, bool]]:
    """The vmas of a process by address, with those that this operation took away."""
    key = ("space", pid, view.op, view.stamp(*SPACE))
    return view.remember(key, lambda: _address_space(view, pid), lasting=True)


def _address_space(view: View, pid: int) -> list[tuple[Vma, bool]]:
    def vmas(timeline: Timeline) -> list[Vma]:
        return timeline.vmas(pid) if any(process.pid == pid for process in timeline.processes()) else []

    assert view.machine is not None
    gone = any(process.pid == pid for process in view.gone)
    now = [] if gone else [vma for vma in view.now(f"vmas {pid}", vmas, *SPACE) if vma.end]
    rows = {vma.row for vma in now}
    before = view.before_op(f"vmas {pid}", vmas, *SPACE)
    all_of_them = [(vma, False) for vma in now] + [(vma, True) for vma in before if vma.row not in rows]
    return sorted(all_of_them, key=lambda pair: (pair[0].start, pair[0].end))


def entry_near_step(view: View, pid: int) -> int | None:
    """The address of the listed entry that maps, or mapped before this operation, the page that the step is about."""
    addresses, rows = entries_of(view, pid)
    named = op_place(view)
    if named is not None and named[0] == pid and named[1] in addresses:
        return named[1]
    pfn = subject_page(view)
    if pfn is None:
        return None
    values = view.machine.pte.val[rows]
    hits = np.flatnonzero((values != 0) & (values >> PAGE_SHIFT == pfn))
    if len(hits):
        return int(addresses[hits[0]])
    touched, old = view.op_changes.befores("pte.val", view.position)
    was = np.flatnonzero(np.isin(rows, touched[(old != 0) & (old >> PAGE_SHIFT == pfn)]))
    return int(addresses[was[0]]) if len(was) else None


def step_row_in(view: View, pid: int, index_of: Callable[[int], int | None]) -> tuple[int, ...]:
    """The line of the entry that this step changed, where it is among the listed ones of a process."""
    if view.step_cell is None or view.step_cell[0] != "pte.val":
        return ()
    table, slot = divmod(view.step_cell[1], PTES_PER_PT)
    for row, base in tables_of(view, pid):
        if row == table:
            index = index_of(base + slot * (PMD_SIZE // PTES_PER_PT))
            return () if index is None else (index,)
    return ()
