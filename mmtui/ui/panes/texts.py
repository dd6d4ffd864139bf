"""The words in the panes for operations, calls, transitions and values."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from mmtui import words
from mmtui.engine.arrays import np
from mmtui.engine.flags import MAGIC_VM_FLAGS, vm_flag_names
from mmtui.engine.pgtable import PAGE_SHIFT, PTE_LEDGER, pte_file, pte_pfn, pte_present
from mmtui.engine.schema import BASE, ROW_BITS, cell_column
from mmtui.ui.panes.common import MAGIC_KINDS, dot, pfn_text, pte_word

if TYPE_CHECKING:
    from mmtui.engine.timeline import Call, Vma
    from mmtui.ui.view import View

_SHOWN_ARGUMENTS = ("address", "addr", "start", "new_addr", "old_addr", "pfn", "page", "old_page", "new_page")
_ENTRIES = 4
_PLAIN = ("spawn", "driver", "mmap", "mprotect")
"""Operations whose words say it all, unless they set a flag of the story."""
_HEADLINE = ("page.count", "page.mapcount", "page.flags", "buf.pfn")


def op_text(view: View, number: int) -> str:
    """An operation in a phrase: `exit  pid 2 aplay`, `read  10000000`."""
    return view.remember(("op text", number), lambda: words.op_text(view.timeline, number), lasting=True)


def call_text(view: View, number: int) -> str:
    """A call in a phrase: its name, and the address or frame that it is about."""
    call = view.timeline.call(number)
    name, value = next(iter(call.args.items()), ("", 0))
    shows = value and (name in _SHOWN_ARGUMENTS)
    return f"{words.plain(call.name)} {words.argument_text(name, value)}" if shows else words.plain(call.name)


def call_summary(view: View, number: int) -> str:
    """What a folded call did in sum: its only change, or `2 ptes   11 changes`."""
    return view.remember(("summary", number, view.numbers), lambda: _summary(view, number), lasting=True)


def _summary(view: View, number: int) -> str:
    call = view.timeline.call(number)
    size = call.end - call.start
    if not size:
        return "nothing"
    if call.parent < 0 and view.timeline.op(call.op).name in _PLAIN:
        return _magic_flags(view, call)
    headline = _headline(view, call) if call.parent < 0 and size <= 64 else None
    if headline is not None:
        return headline
    if size == 1:
        subject, old, new = change_words(view, call.start)
        return f"{subject} {old} -> {new}" if old else f"{subject} {new}"
    return words.call_summary(view.timeline, call)


def _headline(view: View, call: Call) -> str | None:
    """What a short operation is known by: a frame that it took, else its weightiest change."""
    found: dict[str, int] = {}
    ptes = 0
    for chunk in view.timeline.log.chunks(call.start, call.end):
        for offset, cell in enumerate(chunk.cell.tolist()):
            name = cell_column(cell).name
            found.setdefault(name, chunk.first + offset)
            ptes += name == "pte.val"
    if view.recorded and found.keys() <= {"trace.op", "trace.result"}:
        return ""  # a stop that did nothing to memory
    if view.recorded and ptes:
        return _remapped(view, found["pte.val"]) if ptes == 1 else None
    if "page.free" in found and "pte.val" in found:
        return _taken(view, found)
    for column in _HEADLINE:
        if column in found:
            subject, old, new = change_words(view, found[column])
            return f"{subject} {old} -> {new}"
    return None


def _magic_flags(view: View, call: Call) -> str:
    """The flags of the story that the operation sets."""
    bits = 0
    for chunk in view.timeline.log.chunks(call.start, call.end):
        rows = chunk.cell >> ROW_BITS == BASE["vma.vm_flags"] >> ROW_BITS
        bits |= int(
            np.bitwise_or.reduce(chunk.new[rows].astype(np.int64) & ~chunk.old[rows].astype(np.int64), initial=0)
        )
    names = vm_flag_names(bits, view.timeline.kernel)
    return " ".join(name for name in MAGIC_VM_FLAGS if name in names and name in MAGIC_KINDS)


def _remapped(view: View, number: int) -> str:
    """`none -> 0fc`, `25b -> 0fc`: the frames of the only entry that a recorded stop changed."""
    change = view.timeline.transition(number)
    values = (change.old, change.new)
    was, now = (pfn_text(view, pte_pfn(v)).strip() if pte_present(v) else "none" for v in values)
    return f"{was} -> {now}"


def _taken(view: View, found: dict[str, int]) -> str | None:
    """`018 free -> anon`: the first frame that the operation takes; None if it frees one first."""
    change = view.timeline.transition(found["page.free"])
    if change.new:
        return None
    kind = "used"
    if "page.mapping" in found:
        mapping = view.timeline.transition(found["page.mapping"])
        if mapping.row == change.row:
            kind = "anon" if mapping.new & 1 else "file"
    return f"{pfn_text(view, change.row).strip()} free -> {kind}"


def change_words(view: View, number: int) -> tuple[str, str, str]:
    """(subject, old, new) of a transition; an entry that keeps its frame shows only its bits, a message has no old."""
    key = ("words", number, view.numbers, view.glyphs)
    return view.remember(key, lambda: _change_words(view, number), lasting=True)


def _change_words(view: View, number: int) -> tuple[str, str, str]:
    timeline = view.timeline
    transition = timeline.transition(number)
    column, old, new = f"{transition.table}.{transition.column}", transition.old, transition.new
    if transition.table == "page":
        subject = f"{pfn_text(view, transition.row).strip()} {transition.column}"
        said = (words.value_text(timeline, column, value, number) for value in (old, new))
        return subject, *(text or "-" for text in said)  # type: ignore[return-value]
    if column == "pte.val":
        subject = words.subject_text(timeline, column, transition.row, number)
        was, becomes = pte_word(view, old), pte_word(view, new)
        if old and new and pte_pfn(old) == pte_pfn(new) and not pte_file(old) and not pte_file(new):
            was, becomes = was.partition(" ")[2], becomes.partition(" ")[2]
        return subject, was, becomes
    text = transition_words(view, number)
    return text.subject, "" if column == "trace.message" else text.old, text.new  # a message was nothing before


def transition_words(view: View, number: int) -> words.Words:
    """A transition in words."""
    unset = dot(view)
    make = partial(words.transition_text, view.timeline, number, unset)
    return view.remember(("said", number, unset), make, lasting=True)


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
    """What the transitions `start` to `end` stop at: `leak`, `4 leak`, `3 stops` of several kinds; empty if nothing."""
    numbers = view.remember(("trouble at",), lambda: np.array(sorted(view.trouble), np.int64), True)
    low, high = numbers.searchsorted((start, end)).tolist() if len(numbers) else (0, 0)
    if low == high:
        return ""
    counts: dict[str, int] = {}
    for number in numbers[low:high].tolist():
        for event in view.trouble[number]:
            counts[event.kind] = counts.get(event.kind, 0) + 1
    if len(counts) > 1:
        return f"{sum(counts.values())} stops"
    return "".join(kind if number == 1 else f"{number} {kind}" for kind, number in counts.items())


def vm_ops(view: View, vma: Vma) -> str:
    """Who serves this vma's faults: `drv: nopage`."""
    return f"{words.plain(vma.name)}: {vma.vm_ops}" if vma.vm_ops != "none" else "none"


def anon_vma(view: View, pid: int, vma: Vma) -> str:
    """`none`, or whom the anon_vma is shared with; nobody tells a recorder which one it is."""
    if not vma.anon_vma:
        return "none seen" if view.recorded else "none"
    if view.recorded:
        return "? (it has one)"
    for process in view.processes:
        if process.pid != pid and any(other.anon_vma == vma.anon_vma for other in view.timeline.vmas(process.pid)):
            return f"shared with pid {process.pid}"
    return "own"


def ref_words(view: View, value: int, gone: bool) -> list[str]:
    """What the ref column means for an entry, the fullest wording first."""
    if not pte_present(value) or pte_file(value):
        return ["a file offset: a fault installs the page", "a file offset"] if pte_file(value) else []
    pfn = pfn_text(view, pte_pfn(value)).strip()
    if value & PTE_LEDGER == PTE_LEDGER:
        return [f"held a reference to {pfn}" if gone else f"holds a reference to {pfn}"]
    maps, holds = ("mapped", "held") if gone else ("maps", "holds")
    return [f"window: {maps} {pfn}, {holds} no ref", f"{maps} {pfn}, {holds} no ref"]


def freed_at(view: View, pfn: int) -> int | None:
    """The position at which a free frame was freed last, None if it was never allocated."""
    return view.timeline.previous_change(("page.free", pfn), view.position + 1)


def chain(view: View, pfn: int) -> list[tuple[int, str]]:
    """(position, sentence), newest first: what brought the frame's count to where it is."""

    def links() -> list[tuple[int, str]]:
        assert view.machine is not None
        subject = view.timeline.subject(f"page[{pfn}]")
        told = words.why_chain(view.timeline, subject, view.position, keep=partial(view.remember, lasting=True))
        found = {link.position: link.sentence for link in told}
        for position, sentence in _entry_links(view, pfn):
            found.setdefault(position, sentence)
        if refused(view):
            found[view.position] = step_sentence(view)
        return sorted(found.items(), reverse=True)

    return view.here(("chain", pfn), links)


def _entry_links(view: View, pfn: int) -> list[tuple[int, str]]:
    """The changes that this operation made to entries of the frame: the newest few."""
    timeline, column = view.timeline, "pte.val"
    rows, old = view.op_changes.befores(column, view.position)
    now = view.machine.pte.val[rows]
    rows = rows[((old != 0) & (old >> PAGE_SHIFT == pfn)) | ((now != 0) & (now >> PAGE_SHIFT == pfn))]
    places: list[int] = []
    for row in rows[-_ENTRIES:].tolist():
        history = timeline.history(column, row)
        low, high = np.searchsorted(history, (view.op_start, view.position), side="right")
        places += history[low:high].tolist()
    found = []
    for position in sorted(places)[-_ENTRIES:]:
        text = transition_words(view, position - 1)
        found.append((position, f"{text.subject}: {text.clause or text.change}"))
    return found


def refused(view: View) -> bool:
    """Whether the marked transition is the end of an operation that the kernel refused."""
    if view.step_cell is None or view.step_cell[0] != "trace.result":
        return False
    result = view.timeline.result(view.op)
    return result != "ok" and not result.startswith(("BUG", "OOPS"))


def shortened(sentence: str, number: int) -> str:
    """A link of a chain in fewer words: an event's rule without its numbers, an older change without its rule."""
    found = re.match(r"\w+: page \w+: [^.]*\. (.+)", sentence)
    if found:
        return found[1]
    parts = sentence.split(": ")
    if number == 0:
        return sentence
    return " ".join(parts[:2]) if sentence.startswith("pte ") else parts[0]


def step_sentence(view: View) -> str:
    """What the marked transition did, for a step that is about no frame; of a refusal, the test that refused."""
    if refused(view):
        result = words.plain(view.timeline.result(view.op))
        return f"{op_text(view, view.op)}: {result}. {words.refusal_text(view.timeline, view.op)}"
    if view.step_cell is not None and view.step_cell[0] == "trace.op":
        note = words.plain(view.timeline.op(view.op).note or "")
        return f"{op_text(view, view.op)} begins" + (f": {note}" if note else "")
    text = transition_words(view, view.marked)
    clause = f": {text.clause}" if text.clause else ""
    return f"{text.subject} {text.change}{clause}"


def split_flags(text: str) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it is a flag of the story."""
    pieces = re.split(r"(\bVM_[A-Z]+\b)", text)
    return [(piece, number % 2 == 1) for number, piece in enumerate(pieces) if piece]


def flag_role(flag: str) -> str:
    """The hue of a flag."""
    return f"{MAGIC_KINDS[flag]}+bold" if flag in MAGIC_KINDS else "text"
