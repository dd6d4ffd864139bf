"""The words in the panes for operations, calls, transitions and values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from mmtui.engine.flags import vm_flag_names
from mmtui.engine.ops import Op
from mmtui.engine.pgtable import PTE_MANAGED, PTE_REF, pte_file, pte_pfn, pte_present
from mmtui.engine.schema import BASE, ROW_BITS, cell_column
from mmtui.ui.panes.common import MAGIC_KINDS, address_text, flags_word, mapping_word, pfn_text, plural, pte_word

if TYPE_CHECKING:
    from mmtui.engine.timeline import Ledger, Vma
    from mmtui.ui.view import View

_PTE = BASE["pte.val"] >> ROW_BITS
_HEADLINE = ("page.count", "page.mapcount", "page.flags", "vma.vm_flags", "buf.pfn", "task.state", "driver.name")
_ADDRESSES = ("address", "addr", "start", "vaddr", "end")


def op_text(view: View, number: int) -> str:
    """An operation in a phrase: `exit  pid 2 aplay`, `read  10000000`."""
    operation = view.timeline.op(number)
    words = " ".join(word for word in _op_words(view, operation) if word)
    return f"{operation.name}  {words}" if words else operation.name


def _op_words(view: View, operation: Op) -> list[str]:
    fields = {name: getattr(operation, name) for name in operation.__struct_fields__ if name != "note"}
    words = [f"pid {fields['pid']}"] if "pid" in fields and "addr" not in fields else []
    if "parent" in fields:
        words.append(f"pid {fields['parent']} -> pid {fields['child']}")
    words += [address_text(view, fields[name]) for name in ("addr", "new_addr") if fields.get(name) is not None]
    if "pages" in fields:
        words.append(plural(fields["pages"], "page"))
    words += [str(fields[name]) for name in ("comm", "driver", "file", "buf", "pin", "prot") if fields.get(name)]
    if "pfn" in fields:
        words.append(pfn_text(view, fields["pfn"]))
    if fields.get("order"):
        words.append(f"order {fields['order']}")
    return words


def call_text(view: View, number: int) -> str:
    """A call in a phrase: its name, and the address or frame that it is about."""
    call = view.timeline.call(number)
    for name, value in call.args.items():
        if name in _ADDRESSES:
            return f"{call.name} {address_text(view, value)}"
        if name in ("pfn", "page"):
            return f"{call.name} {pfn_text(view, value)}"
    return call.name


def call_summary(view: View, number: int) -> str:
    """What a folded call did in sum: its only change, or `2 ptes   11 changes`."""
    return view.remember(("summary", number, view.numbers), lambda: _summary(view, number))


def _summary(view: View, number: int) -> str:
    call = view.timeline.call(number)
    size = call.end - call.start
    if not size:
        return "nothing"
    headline = _headline(view, call.start, call.end) if call.parent < 0 and size <= 64 else None
    if headline is not None:
        return headline
    if size == 1:
        subject, old, new = change_words(view, call.start)
        return f"{subject} {old} -> {new}" if old else f"{subject} {new}"
    cells = np.concatenate([chunk.cell for chunk in view.timeline.log.chunks(call.start, call.end)]).astype(np.int64)
    ptes = len(np.unique(cells[cells >> ROW_BITS == _PTE]))
    changes = plural(size, "change")
    return f"{plural(ptes, 'pte')}   {changes}" if ptes else changes


def _headline(view: View, start: int, end: int) -> str | None:
    """The change that a short operation is known by: the first of a frame's count, else of the weightiest column."""
    found: dict[str, int] = {}
    for chunk in view.timeline.log.chunks(start, end):
        for offset, cell in enumerate(chunk.cell.tolist()):
            found.setdefault(cell_column(cell).name, chunk.first + offset)
    for column in _HEADLINE:
        if column in found:
            subject, old, new = change_words(view, found[column])
            return f"{subject} {old} -> {new}" if old else f"{subject} {new}"
    return None


def change_words(view: View, number: int) -> tuple[str, str, str]:
    """(subject, old, new) of a transition; an entry that keeps its frame shows only its bits."""
    transition = view.timeline.transition(number)
    column = f"{transition.table}.{transition.column}"
    old, new = transition.old, transition.new
    if column == "pte.val":
        place = view.pte_place(transition.row)
        subject = f"pte {place[0]}:{address_text(view, place[1])}" if place else f"pte {transition.row:x}"
        words = pte_word(view, old), pte_word(view, new)
        if old and new and pte_pfn(old) == pte_pfn(new) and not pte_file(old | new):
            words = words[0].partition(" ")[2], words[1].partition(" ")[2]
        return subject, *words
    if transition.table == "page":
        subject = f"{pfn_text(view, transition.row)} {transition.column}"
    elif transition.table in ("sys", "trace"):
        subject = transition.column
    else:
        subject = f"{transition.table} {transition.column}"
    return subject, value_word(view, column, old), value_word(view, column, new)


def value_word(view: View, column: str, value: int) -> str:
    """A cell's value as a person reads it."""
    if column == "page.flags":
        return flags_word(value)
    if column == "page.mapping":
        return mapping_word(view.timeline, value)
    if column == "vma.vm_flags":
        return " ".join(vm_flag_names(value, view.timeline.kernel)) or "-"
    if column in ("vma.vm_start", "vma.vm_end", "pt.base", "pin.address"):
        return address_text(view, value)
    if column in ("task.name", "inode.name", "driver.name", "buf.name", "pin.name", "trace.result"):
        return view.timeline.string(value) if value else "none"
    if column in ("buf.pfn", "pin.pfn"):
        return pfn_text(view, value)
    return str(value)


def subject_text(view: View, number: int) -> str:
    """The public subject of a transition, `page[8].count`; empty for cells that have none."""
    transition = view.timeline.transition(number)
    if transition.table == "page":
        return f"page[{transition.row}].{transition.column}"
    if transition.table == "pte":
        place = view.pte_place(transition.row)
        return f"pte[{place[0]}:{place[1]:#x}]" if place else ""
    if transition.table in ("task", "mm"):
        for process in view.processes:
            if transition.row == (process.task if transition.table == "task" else process.mm):
                return f"{transition.table}[{process.pid}].{transition.column}"
    return ""


def stop_words(view: View, start: int, end: int) -> str:
    """The kinds of trouble that the transitions `start` to `end` make: `leak`, `4 leak`; empty if none."""
    numbers = view.remember(("trouble at",), lambda: np.array(sorted(view.trouble), np.int64))
    low, high = np.searchsorted(numbers, (start, end))
    counts: dict[str, int] = {}
    for number in numbers[low:high].tolist():
        for event in view.trouble[number]:
            counts[event.kind] = counts.get(event.kind, 0) + 1
    return "  ".join(kind if number == 1 else f"{number} {kind}" for kind, number in counts.items())


def vm_ops(view: View, vma: Vma) -> str:
    """Who serves this vma's faults: `drv: nopage`."""
    return f"{vma.name}: nopage" if vma.vm_ops else "none"


def anon_vma(view: View, pid: int, vma: Vma) -> str:
    """`none`, or whom the anon_vma is shared with."""
    if not vma.anon_vma:
        return "none"
    for process in view.processes:
        if process.pid != pid and any(other.anon_vma == vma.anon_vma for other in view.timeline.vmas(process.pid)):
            return f"shared with pid {process.pid}"
    return "own"


def ref_words(view: View, value: int, gone: bool) -> str:
    """What the ref column means for an entry."""
    if not pte_present(value) or pte_file(value):
        return "a file offset: the fault will install the page" if pte_file(value) else ""
    pfn = pfn_text(view, pte_pfn(value))
    if value & PTE_REF:
        return f"held a reference to {pfn}" if gone else f"holds a reference to {pfn}"
    maps, holds = ("mapped", "held") if gone else ("maps", "holds")
    name = "window" if not value & PTE_MANAGED else "entry"
    return f"{name}: {maps} {pfn}, {holds} no ref"


def lost_reference(view: View, ledger: Ledger) -> tuple[str, str]:
    """(since, function) of a reference that nobody holds: the last time the count rose without a holder to show."""
    known = {holder.position for holder in ledger.rows}
    history = view.timeline.history("page.count", ledger.pfn)
    at = int(np.searchsorted(history, view.position, side="right"))
    for position in history[:at][::-1].tolist():
        transition = view.timeline.transition(position - 1)
        if transition.new > transition.old and position not in known:
            return f"op {view.timeline.op_at(position - 1):>2}", transition.function
    return "", ""


def freed_at(view: View, pfn: int) -> int | None:
    """The position at which a free frame was freed last, None if it was never allocated."""
    history = view.timeline.history("page.free", pfn)
    at = int(np.searchsorted(history, view.position, side="right"))
    return int(history[at - 1]) if at else None


def chain(view: View, pfn: int) -> list[tuple[int, str]]:
    """(position, sentence), newest first: what brought the frame's count to where it is."""
    found = []
    history = view.timeline.history("page.count", pfn)
    at = int(np.searchsorted(history, view.position, side="right"))
    for position in history[max(0, at - 4) : at][::-1].tolist():
        transition = view.timeline.transition(position - 1)
        found.append((position, f"{transition.function}: count {transition.old} -> {transition.new}"))
    return found


def step_sentence(view: View) -> str:
    """What the marked transition did, for a step that is about no frame."""
    subject, old, new = change_words(view, view.marked)
    return f"{subject}: {old} -> {new}" if old else f"{subject} {new}"


def split_flags(text: str) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it is a flag of the story."""
    pieces = re.split(r"(\bVM_[A-Z]+\b)", text)
    return [(piece, number % 2 == 1) for number, piece in enumerate(pieces) if piece]


def flag_role(flag: str) -> str:
    """The hue of a flag."""
    return f"{MAGIC_KINDS[flag]}+bold" if flag in MAGIC_KINDS else "text"
