"""One transition in words: what changed, from what to what, and the rule that made it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mmtui.engine.flags import PAGE_FLAGS, vm_flag_names
from mmtui.engine.pgtable import (
    PTE_ACCESSED,
    PTE_DIRTY,
    PTE_MANAGED,
    PTE_PROTNONE,
    PTE_REF,
    PTE_RW,
    pte_file,
    pte_pfn,
    pte_present,
)
from mmtui.words.text import address_text, list_text, pfn_text, plain
from mmtui.words.values import subject_text, value_at, value_text

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline, Transition

ZERO_PAGE: Final = 1

_NAMELESS: Final = frozenset({"pte.val", "page.free", "vma.state", "task.state", "buf.state", "pin.state"})
"""Fields whose values say what they are: `page 00c   in use -> free`."""


@dataclass(frozen=True)
class Words:
    """A transition: `subject` changed from `old` to `new`, because of `clause`, in `function` at `where`."""

    subject: str
    old: str
    new: str
    clause: str
    function: str
    where: str

    @property
    def change(self) -> str:
        """`1 -> 2`."""
        return f"{self.old} -> {self.new}"


def transition_text(timeline: Timeline, number: int, unset: str = "·") -> Words:
    """Transition `number` in words. `unset` stands for the bits that a pte does not have."""
    change = timeline.transition(number)
    name = f"{change.table}.{change.column}"
    subject = subject_text(timeline, name, change.row, number)
    if name not in _NAMELESS and change.table != "trace":
        subject = f"{subject} {change.column}".strip()
    old, new = (value_text(timeline, name, value, number, unset) for value in (change.old, change.new))
    if change.table == "trace":
        subject, old, new = _trace_words(timeline, change, subject)
    where = f"{change.file} {change.line}" if change.file and change.line else ""
    function = "" if change.function in ("trace", "recorded") else plain(change.function)
    return Words(subject, old, new, clause(timeline, change), function, where)


def _trace_words(timeline: Timeline, change: Transition, subject: str) -> tuple[str, str, str]:
    if change.column == "op":
        return f"op {change.new}", "not yet", plain(timeline.op(change.new).name)
    if change.column == "result":
        return f"op {change.row}", "running", plain(timeline.string(change.new))
    return "the kernel says", "nothing", message_text(json.loads(timeline.string(change.new)))


def message_text(message: Mapping[str, object]) -> str:
    """One message of the modelled kernel: `bad_page: fn free_hot_cold_page, pfn 009, flags 0x414 ...`."""
    shown = {"pfn": pfn_text, "vaddr": address_text, "flags": hex}
    parts = []
    for name, value in message.items():
        if name != "kind":
            text = shown[name](value) if name in shown and isinstance(value, int) else plain(value)
            parts.append(f"{plain(name)} {text}")
    return f"{plain(message.get('kind', 'message'))}: {', '.join(parts)}"


def callers(timeline: Timeline, change: Transition) -> list[str]:
    """The functions around a transition, innermost first, the operation's call (`op munmap`) last."""
    names: list[str] = []
    number = change.call
    while number >= 0 and len(names) < 64:
        call = timeline.call(number)
        names.append(call.name)
        number = call.parent
    return names


def clause(timeline: Timeline, change: Transition) -> str:
    """The rule that made a transition, as a clause; "" where the change says it all."""
    if change.function == "recorded":
        return ""  # a recording shows what changed, not by which rule
    name = f"{change.table}.{change.column}"
    if name in _WRITTEN:
        return _WRITTEN[name](timeline, change)
    found = _CLAUSES.get(name, {})
    if change.table == "vma" and not change.new and change.function == "free_vma":
        return found.get("free_vma", "the struct is emptied")
    for function in (change.function, *callers(timeline, change)[:2]):
        if function in found:
            return found[function]
    return found.get("+" if change.new > change.old else "-", "")


# Counts


_TAKEN: Final = {
    "driver_nopage": "nopage takes a reference for the pte",
    "filemap_nopage": "the caller's reference, beside the page cache's",
    "copy_one_pte": "the child's pte takes a reference",
    "get_user_pages": "the pin takes a reference",
    "insert_page": "the pte takes a reference",
    "vm_insert_page": "the pte takes a reference",
    "zeromap_page_range": "the pte takes a reference on the ZERO_PAGE",
    "do_wp_page": "do_wp_page holds the old page while it copies",
}
_DROPPED: Final = {
    "zap_pte_range": "the reference of the pte is given back",
    "zap_pte": "the reference of the pte is given back",
    "do_no_page": "nopage's page was copied: its reference goes back",
    "do_wp_page": "do_wp_page lets the old page go",
    "remove_from_page_cache": "the page cache gives its reference back",
    "driver_free": "the driver gives its reference back",
    "op free": "the driver gives its reference back",
    "op unpin": "the pin gives its reference back",
}
_FOR_A_MOMENT: Final = "the LRU's pagevec: taken and given back at once"


def _count(timeline: Timeline, change: Transition) -> str:
    around = callers(timeline, change)
    if change.function == "prep_new_page":
        return "handed out: the caller's reference is the first"
    if change.function == "bad_page":
        return "bad_page resets it"
    if change.new > change.old:
        return _taken(timeline, change, around)
    if not {"put_page", "__free_pages"} & set(around[:1]):
        return _FOR_A_MOMENT
    found = next((_DROPPED[name] for name in around if name in _DROPPED), "a reference is dropped")
    return found if change.new else f"{found}, the last one"


def _taken(timeline: Timeline, change: Transition, around: list[str]) -> str:
    caller = around[0] if around else ""
    if caller == "do_anonymous_page" and change.row == ZERO_PAGE:
        return "the pte takes a reference on the ZERO_PAGE"
    # A page that nothing maps yet and that has its first reference is the fresh one on its way to the LRU.
    fresh = change.old == 1 and value_at(timeline, "page.mapcount", change.row, change.index) == 0
    if caller in ("do_anonymous_page", "add_to_page_cache") or (caller in ("do_wp_page", "do_no_page") and fresh):
        return _FOR_A_MOMENT
    return next((_TAKEN[name] for name in around if name in _TAKEN), "a reference is taken")


# Flags


def _page_flags(timeline: Timeline, change: Transition) -> str:
    came, went = change.new & ~change.old, change.old & ~change.new
    parts = []
    for bits, verb in ((came, "set"), (went, "cleared")):
        names = [f"PG_{name}" for name, bit in PAGE_FLAGS.items() if bits & bit]
        if names:
            parts.append(f"{list_text(names)} {verb}")
    why = _FLAG_RULES.get(change.function, "")
    return ", ".join(parts) + (f": {why}" if why else "")


_FLAG_RULES: Final = {
    "mark_page_accessed": "the page was used",
    "set_page_dirty": "the page differs from what is on disk",
    "lru_cache_add": "the inactive list",
    "lru_cache_add_active": "the active list",
    "__page_cache_release": "off the LRU",
    "bad_page": "so that the kernel can go on",
    "free_pages_check": "a free page is not dirty",
    "prep_new_page": "what the last owner left",
    "driver_alloc": "the driver's SetPageReserved",
    "driver_free": "the driver's ClearPageReserved",
}


def _vm_flags(timeline: Timeline, change: Transition) -> str:
    parts = []
    for bits, verb in ((change.new & ~change.old, "set"), (change.old & ~change.new, "cleared")):
        names = vm_flag_names(bits, timeline.kernel)
        if names and change.old and change.new:
            parts.append(f"{list_text(names)} {verb}")
    return ", ".join(parts) + _VMA_RULES.get(change.function, "")


_VMA_RULES: Final = {
    "remap_pfn_range": ": no page here is counted",
    "mmap_method": ": the driver's mmap method",
    "new_vma": "",
    "free_vma": "the struct is emptied",
}


# Entries


def _pte(timeline: Timeline, change: Transition) -> str:
    rule = _ENTRY_RULES.get(change.function)
    if rule is None:
        rule = next((_ENTRY_RULES[name] for name in callers(timeline, change)[:2] if name in _ENTRY_RULES), _touched)
    return rule(change)


def _zapped(change: Transition) -> str:
    if not pte_present(change.old):
        return "the file offset goes with the range" if change.old else "the file offset stays behind"
    if change.old & PTE_MANAGED:
        return "cleared; its page is given back next"
    kept = "its reference stays behind" if change.old & PTE_REF else "it held no reference"
    return f"cleared, and nothing is put: {kept}"


def _copied(change: Transition) -> str:
    if change.old:
        return "the parent's pte loses RW: the vma is private"
    entry = change.new
    if pte_file(entry):
        return "the child's copy of a file offset"
    how = [
        "writable" if entry & PTE_RW else "read-only",
        "young" if entry & PTE_ACCESSED else "old",
        "still dirty" if entry & PTE_DIRTY else "clean",
    ]
    held = "" if entry & PTE_REF else "; it holds no reference"
    return f"the child's copy: {', '.join(how)}{held}"


def _anonymous(change: Transition) -> str:
    if pte_pfn(change.new) != ZERO_PAGE:
        return "mapped: a fresh page of zeroes"
    return f"mapped: the ZERO_PAGE, {'writable' if change.new & PTE_RW else 'read-only'}"


def _nopage(change: Transition) -> str:
    if not change.new & PTE_MANAGED:
        kept = "nopage took a reference, zap will not see it" if change.new & PTE_REF else "it holds no reference"
        return f"mapped, not counted: {kept}"
    if not change.new & PTE_REF:
        return "mapped and counted, but nopage took no reference for it"
    return "mapped: the page that nopage gave"


def _bare(change: Transition) -> str:
    return "a bare frame number: it holds no reference"


def _protected(change: Transition) -> str:
    if change.new & PTE_PROTNONE:
        return "PROT_NONE: the frame stays, nobody may look"
    if (change.new ^ change.old) & PTE_RW:
        return "becomes writable at once" if change.new & PTE_RW else "read-only from now on"
    return "the new protection"


def _moved(change: Transition) -> str:
    return "arrives as it is: no count changes" if change.new else "leaves for the new place"


def _touched(change: Transition) -> str:
    came = change.new & ~change.old
    bits = [name for name, bit in (("young", PTE_ACCESSED), ("dirty", PTE_DIRTY), ("writable", PTE_RW)) if came & bit]
    return f"becomes {list_text(bits)}" if bits else ""


def _says(text: str) -> Callable[[Transition], str]:
    return lambda change: text


_ENTRY_RULES: Final[dict[str, Callable[[Transition], str]]] = {
    "zap_pte_range": _zapped,
    "zap_pte": _zapped,
    "copy_one_pte": _copied,
    "do_anonymous_page": _anonymous,
    "do_no_page": _nopage,
    "break_cow": _says("mapped: the private copy, writable if the vma is"),
    "wp_page_reuse": _says("nobody else maps the page: writable in place"),
    "change_pte_range": _protected,
    "move_page_tables": _moved,
    "move_one_pte": _moved,
    "remap_pte_range": _bare,
    "zeromap_one_pte": _says("mapped: the ZERO_PAGE"),
    "install_page": _says("mapped: the page that remap_file_pages asked for"),
    "insert_page": _says("mapped and counted"),
    "do_file_page": _says("the file offset is dropped: nopage is asked instead"),
    "access": _touched,
    "handle_mm_fault": _touched,
}

_CLAUSES: Final[dict[str, dict[str, str]]] = {
    "page.mapcount": {
        "page_dup_rmap": "the child's pte maps the page as well",
        "bad_page": "bad_page resets it; the ptes stay",
        "+": "a pte maps the page",
        "-": "a pte no longer maps the page",
    },
    "page.free": {"rmqueue": "the allocator hands the frame out", "free_one_page": "the frame is free"},
    "page.mapping": {
        "set_anon_rmap": "the page is anonymous memory of that anon_vma",
        "free_hot_cold_page": "an anonymous page forgets its anon_vma when it is freed",
        "add_to_page_cache": "the page belongs to the file",
        "remove_from_page_cache": "the page no longer belongs to the file",
        "bad_page": "bad_page resets it",
    },
    "page.word": {
        "access": "the process stores its word",
        "copy_cow_page": "the copy gets the contents",
        "cow_user_page": "the copy gets the contents",
        "alloc_zeroed_page": "a page of zeroes",
        "filemap_nopage": "read from the file",
    },
    "page.private": {"prep_compound_page": "points to the head of the compound page"},
    "page.index": {
        "set_anon_rmap": "where in its anon_vma the page stands",
        "add_to_page_cache": "where in the file the page stands",
        "prep_compound_page": "the order of the compound page",
    },
    "file.count": {"+": "one more vma maps it", "-": "a vma lets it go"},
    "vma.state": {
        "new_vma": "a new vma, in no list yet",
        "vma_link": "in the list: a fault finds it now",
        "vma_unlink": "out of the list: a fault finds it no more",
        "free_vma": "the struct is freed",
    },
    "vma.anon_vma": {
        "anon_vma_prepare": "before the first anonymous page",
        "copy_vma_struct": "shared with the vma that it copies",
        "import_anon_vma": "taken over with the neighbour's range",
    },
    "vma.vm_pgoff": {
        "set_vm_start": "vm_pgoff moves with vm_start",
        "remap_pfn_range": "the first pfn: raw ptes are told by it",
    },
    "vma.vm_ops": {"mmap_method": "the mmap method sets it"},
    "mm.anon_rss": {
        "add_mm_rss": "the sum over one page table",
        "do_exit": "the process is gone",
        "+": "one more anonymous page",
        "-": "one anonymous page fewer",
    },
    "mm.file_rss": {
        "add_mm_rss": "the sum over one page table",
        "do_exit": "the process is gone",
        "+": "one more page that is not anonymous",
        "-": "one such page fewer",
    },
    "mm.rss": {
        "do_exit": "the process is gone",
        "tlb_finish_mmu": "lowered by what was given back",
        "+": "one more page",
        "-": "one page fewer",
    },
    "task.state": {"new_task": "the process is there", "+": "its address space goes first", "-": "the process is gone"},
    "sys.nr_mapped": {"+": "one more frame is mapped somewhere", "-": "one frame fewer is mapped"},
    "sys.merges": {"vma_merge": "one vma does for both"},
    "sys.tainted": {"bad_page": "the kernel is tainted from now on"},
    "pt.base": {"pte_alloc_one": "a page-table page for 4 MiB", "free_pte_range": "the page-table page is freed"},
    "pin.ref": {"pin_op": "the pin holds a reference", "unpin_op": "the pin holds it no more"},
    "buf.state": {"driver_alloc": "the driver owns the block", "driver_free": "the driver gives the block up"},
}
"""Rules by column, then by the function that wrote, or one around it, or the direction of the change."""

_WRITTEN: Final[dict[str, Callable[[Timeline, Transition], str]]] = {
    "page.count": _count,
    "page.flags": _page_flags,
    "vma.vm_flags": _vm_flags,
    "pte.val": _pte,
}
