"""1 VMAs: every process with its address space; the flags that the story is about get a row of their own."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from mmtui.engine.flags import prot_text, vm_flag_names
from mmtui.ui.panes import others, subjects
from mmtui.ui.panes.common import (
    MAGIC_KINDS,
    LazyRows,
    Line,
    address_text,
    hex_width,
    kind_role,
    marked,
    no_process,
    plural,
    short_name,
    title,
)
from mmtui.ui.panes.entries import entries_between, entry_row, present_in
from mmtui.ui.panes.vma_fields import fields
from mmtui.ui.rows import PaneRows, Row, Span, Target
from mmtui.words import flag_meaning, plain

if TYPE_CHECKING:
    from mmtui.engine.timeline import Process, Vma
    from mmtui.ui.view import View

_COUNT_COLUMNS = 38
_PTES_SHOWN = 64
_LOW = 12
"""Lines below which a compare view's pane has no room for a foot."""


def build(view: View, width: int, height: int) -> PaneRows:
    """Processes, their vmas and the magic flags; the fields of the selected vma at the foot."""
    processes = sorted((*view.processes, *view.gone), key=lambda process: process.task)
    if not processes:
        return PaneRows(title(view, "vmas", "VMAs"), empty=no_process(view))
    cursor = _cursor(view)
    items: list[Item] = []
    for process in processes:
        if items and view.size == "wide":
            items.append(Item(Row))
        items += _process_items(view, process, cursor, width)
    at = next((i for i, item in enumerate(items) if cursor and item.target == cursor), None)
    changed = tuple(i for i, item in enumerate(items) if item.changed)
    rows = LazyRows([item.make for item in items])
    low = view.size == "narrow" or (view.other is not None and height < _LOW)
    foot = () if low else fields(view, cursor, width, height)
    # In a compare view the kernel's name stands in the title.
    note = () if view.other is not None else ((plural(len(view.processes), "process"), "dim"),)
    return PaneRows(title(view, "vmas", "VMAs"), note, (), rows, foot, at, changed)


def vma_target(pid: int, start: int) -> Target:
    """The target of a vma's row."""
    return Target("vma", f"vma[{pid}:{start:#x}]")


def _cursor(view: View) -> Target | None:
    """Where the cursor is: where the person put it, else on the vma that this step is about."""
    if "vmas" in view.cursors:
        return view.cursors["vmas"]
    found = subjects.step_vma(view)
    if found:
        return vma_target(*found)
    return Target("task", f"task[{view.process.pid}]") if view.process else None


def _open(view: View, process: Process) -> bool:
    """Whether the process shows its vmas: the one in view, both sides of a fork, all where there is room."""
    if view.all_processes or view.size == "wide":
        return True
    pids = {view.process.pid if view.process else None, subjects.fork_parent(view)}
    return process.pid in pids


SEEN = (*subjects.SPACE, "mm")
"""The tables that say what the lines of VMAs say, but for how many entries are present."""


def kept(view: View, key: tuple[object, ...], make: Callable[[], Row]) -> Row:
    """A line that is made again only where something of it may be another."""
    if view.twin is not None:
        return make()
    step = view.marked if view.step and view.step.table in SEEN else None
    now = (view.op, view.stamp(*SEEN), step, view.undone, view.size, view.numbers, view.glyphs)
    return view.remember(("vmas", *now, *key), make, lasting=True)


class Item(NamedTuple):
    """A line to come: how to make it, what it is about, and whether this step changed it."""

    make: Callable[[], Row]
    target: Target | None = None
    changed: bool = False


def _process_items(view: View, process: Process, cursor: Target | None, width: int) -> list[Item]:
    is_open = _open(view, process)
    cells = [("task.pid", process.task), ("task.state", process.task)]
    cells += [(f"mm.{name}", process.mm) for name in ("file_rss", "anon_rss", "rss")]
    target = Target("task", f"task[{process.pid}]")
    key = (process.pid, is_open, cursor == target, width)
    make = partial(kept, view, key, partial(_process_row, view, process, is_open, cursor, width))
    items = [Item(make, target, view.step_cell in cells)]
    if is_open:
        for part in others.runs(view, process.pid, subjects.address_space(view, process.pid), cursor):
            entries = part.shown if isinstance(part, others.Run) else [part]
            if isinstance(part, others.Run):
                items.append(Item(partial(others.run_row, view, part, cursor == part.target, width), part.target))
            for vma, gone in entries:
                items += _vma_items(view, process.pid, vma, gone, cursor, width)
    return items


def _process_row(view: View, process: Process, is_open: bool, cursor: Target | None, width: int) -> Row:
    target = Target("task", f"task[{process.pid}]")
    here, gone = cursor == target, process in view.gone
    fold = ("\u25be" if is_open else "\u25b8") if view.glyphs == "unicode" else ("v" if is_open else "+")
    role = "faint" if gone else view.role("text", ("task.pid", process.task))
    line = Line().put(0, ">" if here else "", "bright").put(1, fold, "dim")
    line.put(3, f"pid {process.pid}", marked(role, "bold", *(["underline"] if here else [])))
    right = () if gone else _rss(view, process)
    room = width - 2 - sum(len(text) for text, _ in right)
    child = f"child of {process.parent_pid}" if process.parent_pid else ""
    name, state = plain(process.name), "gone" if gone else ("exiting" if process.state == "exiting" else "")
    if child and line.width + len(name) + len(child) + len(state) + 5 > room:
        # No room for both: during the fork its parent says more, later its name.
        name, child = (child, "") if subjects.fork_parent(view) == process.parent_pid else (name, "")
    line.add(name, "faint" if gone else ("dim" if name.startswith("child of ") else "text+bold"), 1)
    if child:
        line.add(child, "dim", 2)
    if state:
        line.add(state, view.role("faint" if gone else "text", ("task.state", process.task)), 2)
    return Row(line.spans, target, band=here, right=right)


def _rss(view: View, process: Process) -> tuple[Span, ...]:
    """`F 3  A 5`: file_rss and anon_rss under the kinds' glyphs."""
    roles = [
        view.role("dim", ("mm.file_rss", process.mm), ("mm.rss", process.mm)),
        view.role("dim", ("mm.anon_rss", process.mm)),
    ]
    numbers = (process.file_rss, process.anon_rss)
    other = next((p for p in view.twin.processes if p.pid == process.pid), None) if view.twin else None
    if other:
        theirs = (other.file_rss, other.anon_rss)
        roles = [role if ours == it else "diff" for role, ours, it in zip(roles, numbers, theirs, strict=True)]
    return (
        ("F", "kind.F"), (" ", "dim"), (str(numbers[0]), roles[0]), ("  ", "dim"),
        ("A", "kind.A"), (" ", "dim"), (str(numbers[1]), roles[1]),
    )  # fmt: skip


def _vma_items(view: View, pid: int, vma: Vma, gone: bool, cursor: Target | None, width: int) -> list[Item]:
    target = vma_target(pid, vma.start)
    here = cursor == target
    magic = _magic_step(view, vma)
    cells = [(f"vma.{name}", vma.row) for name in ("vm_start", "vm_end", "state", *(() if magic else ("vm_flags",)))]
    make = partial(_kept_vma_row, view, pid, vma, gone, target, here, width)
    items = [Item(make, target, view.step_cell in cells)]
    if gone:
        return items
    for flag in vma.flag_names:
        if flag in MAGIC_KINDS:
            row = partial(kept, view, (vma.row, flag, width), partial(_flag_row, view, vma, flag, width))
            items.append(Item(row, None, flag in magic))
    if view.size == "narrow" and (here or _inside(cursor, pid, vma)):
        entries = entries_between(view, pid, vma.start, vma.end)[:_PTES_SHOWN]
        items += [
            Item(
                partial(entry_row, view, entry, cursor, (4, 13, 17, 26), None),
                entry.target,
                view.step_cell == ("pte.val", entry.row),
            )
            for entry in entries
        ]
    return items


def _inside(cursor: Target | None, pid: int, vma: Vma) -> bool:
    """Whether the cursor is on an entry of this vma."""
    found = subjects.parse_target(cursor)
    return found is not None and found[:2] == ("pte", pid) and vma.start <= found[2] < vma.end


def _kept_vma_row(view: View, pid: int, vma: Vma, gone: bool, target: Target, here: bool, width: int) -> Row:
    counts = () if gone else _counts(view, pid, vma)
    make = partial(_vma_row, view, vma, gone, target, here, width, counts)
    return kept(view, (pid, vma.row, gone, here, width, counts), make)


def _vma_row(view: View, vma: Vma, gone: bool, target: Target, here: bool, width: int, counts: tuple[Span, ...]) -> Row:
    digits = hex_width(view)
    role, prot_role = ("faint", "faint") if gone else _vma_roles(view, vma)
    line = Line().put(0, ">" if here else "", "bright")
    span, column = f"{address_text(view, vma.start)}-{address_text(view, vma.end)}", 4 + 2 * digits
    if column + 9 > width:
        # Two long addresses leave no room for the kind: the length in pages says as much as the end.
        span, column = f"{address_text(view, vma.start)} {f'+{(vma.end - vma.start) // 4096}':>5}", 9 + digits
    line.put(2, span, marked(role, "underline") if here else role)
    line.put(column, prot_text(vma.flags), prot_role)
    line.put(column + 5, vma.kind, "faint" if gone else kind_role(vma.kind) + "+bold")
    right: tuple[Span, ...] = ()
    if width >= _COUNT_COLUMNS + 2 * (digits - 8) and not gone:
        right = counts
    room = width - column - 7 - (2 + sum(len(text) for text, _ in right) if right else 0)
    name = plain(vma.name)
    if len(name) > room:
        name = short_name(name).strip("[]")  # `heap` says as much as `[heap`
    line.put(column + 7, name[: max(room, 0)], _quiet(role))
    return Row(line.spans, target, band=here, right=right)


def _quiet(role: str) -> str:
    """A row's tint is on its range; its name stays as it is."""
    return role if role != "accent" else "text"


def _vma_roles(view: View, vma: Vma) -> tuple[str, str]:
    """Roles of the range and of the protection; a step that sets a flag of the story is shown on that flag's row."""
    role = view.role("text", *((f"vma.{name}", vma.row) for name in ("vm_start", "vm_end", "state")))
    elsewhere = bool(_magic_step(view, vma))
    prot = (view.quiet_role if elsewhere else view.role)("text", ("vma.vm_flags", vma.row))
    return role, prot


def _counts(view: View, pid: int, vma: Vma) -> tuple[Span, ...]:
    """`3/4`: present ptes and pages."""
    present, changed = present_in(view, pid, vma)
    return ((str(present), "recent" if changed else "dim"), (f"/{(vma.end - vma.start) // 4096}", "dim"))


def _magic_step(view: View, vma: Vma) -> list[str]:
    """The flags of the story that this step set in a vma."""
    if view.step_cell != ("vma.vm_flags", vma.row):
        return []
    came = view.shown[1] & ~view.shown[0]
    return [name for name in vm_flag_names(came, view.timeline.kernel) if name in MAGIC_KINDS][:1]


def _flag_row(view: View, vma: Vma, flag: str, width: int) -> Row:
    line = Line().put(4, flag, MAGIC_KINDS[flag] + "+bold")
    if flag in _magic_step(view, vma):
        line = Line().put(4, flag, "accent")
    clause = flag_meaning(flag, view.timeline.kernel)
    rule = re.split("[:;]", clause)[0]
    for words in (clause, rule, rule.removeprefix("its ")):
        if words and line.width + 1 + len(words) < width:
            line.add(words, "dim", 1)
            break
    return Row(line.spans)
