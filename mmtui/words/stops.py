"""What a stop says: the fact with its numbers, then the rule that made it, in the kernel's names."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from mmtui.engine.flags import MAGIC_VM_FLAGS, PAGE_FLAGS, PG_reserved
from mmtui.words.changes import callers, transition_text
from mmtui.words.refusals import refusal_text
from mmtui.words.text import address_text, list_text, pfn_text, plain
from mmtui.words.values import pte_owner, value_at

if TYPE_CHECKING:
    from mmtui.engine.timeline import Event, Holder, Timeline

_BAD_FLAGS: Final = (
    "lru", "private", "locked", "active", "reclaim", "slab", "swapcache", "writeback", "reserved",
)  # fmt: skip
"""Flags that a page may not have when it is freed or handed out."""

_FILES: Final = {
    "page_remove_rmap": "mm/rmap.c",
    "page_add_anon_rmap": "mm/rmap.c",
    "page_add_file_rmap": "mm/rmap.c",
    "put_page": "mm/swap.c",
    "release_pages": "mm/swap.c",
    "__pagevec_lru_add": "mm/swap.c",
    "__pagevec_lru_add_active": "mm/swap.c",
    "__free_pages": "mm/page_alloc.c",
    "mprotect_fixup": "mm/mprotect.c",
    "install_page": "mm/fremap.c",
    "exit_mmap": "mm/mmap.c",
}
_BUG_RULES: Final = {
    "page_remove_rmap": "it unmaps a pte that page_mapcount never counted",
    "page_add_anon_rmap": "an anonymous page may not be PG_reserved",
    "page_add_file_rmap": "the page is anonymous",
    "put_page": "page_count is 0 already",
    "release_pages": "page_count is 0 already",
    "__free_pages": "page_count is 0 already",
    "do_wp_page": "a write fault in a VM_RESERVED vma",
    "do_no_page": "a nopage fault in an area of bare frame numbers",
    "do_file_page": "a file pte in a vma without nopage",
    "mprotect_fixup": "VM_WRITE was there already, and VM_RESERVED with it",
    "remap_pte_range": "the pte is not empty",
    "zeromap_pte_range": "the pte is not empty",
    "install_page": "the vma holds bare frame numbers",
}


_OBSERVED: Final = "the imported events contradict each other, or some are missing."
"""Of a stop that the importer of a trace found."""


def stop_text(timeline: Timeline, event: Event) -> tuple[str, str]:
    """(what, why) of an event: `page 008: count 2, holders 1.` and `zap_pte_range put nothing: ...`."""
    if event.why == "observed":
        return f"{_page(event)}: {plain(event.text)}.", _OBSERVED
    with _standing_at(timeline, event.position):
        return _TEXTS.get(event.kind, _other)(timeline, event)


@contextlib.contextmanager
def _standing_at(timeline: Timeline, position: int) -> Iterator[None]:
    """The ledger is asked at the event's own position; the timeline is put back afterwards."""
    before = timeline.position
    if before != position:
        timeline.seek(position)
    try:
        yield
    finally:
        if timeline.position != before:
            timeline.seek(before)


def _page(event: Event) -> str:
    pfn = event.subject.get("pfn")
    return f"page {pfn_text(pfn)}" if isinstance(pfn, int) else "page"


def _pfn(event: Event) -> int:
    pfn = event.subject.get("pfn")
    return pfn if isinstance(pfn, int) else 0


def _count_words(timeline: Timeline, event: Event) -> str:
    """`count 1 -> 0` where the event's own transition changed the count, else `count 0`."""
    change = timeline.transition(event.transition)
    if (change.table, change.column, change.row) == ("page", "count", _pfn(event)):
        return f"count {change.old} -> {change.new}"
    return f"count {value_at(timeline, 'page.count', _pfn(event), event.transition)}"


def function_of(timeline: Timeline, event: Event) -> str:
    """The kernel function whose call made the event."""
    return next(iter(callers(timeline, timeline.transition(event.transition))), "")


def _windows(timeline: Timeline, event: Event) -> list[Holder]:
    return [row for row in timeline.holders(_pfn(event)).rows if not row.ref]


def _place(row: Holder) -> str:
    return f"{row.pid}:{address_text(row.address)}"


def _mapped_by(rows: list[Holder]) -> str:
    if not rows:
        return ""
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    return f", mapped by {_place(rows[0])}{more}"


# Leaks


def _leak(timeline: Timeline, event: Event) -> tuple[str, str]:
    ledger = timeline.holders(_pfn(event))
    what = f"{_page(event)}: count {ledger.count}, holders {ledger.held}."
    function = function_of(timeline, event) or "the operation"
    if event.why == "confirmed":
        return what, f"{function} gave the owner's reference back: nobody is left for the other {ledger.count}."
    if event.why == "stuck":
        return what, f"{function} leaves the count of a PG_reserved page alone: the reference stays."
    rule = managed_rule(timeline, event)
    if rule:
        return what, f"{function} put nothing: {rule}."
    gone = "nobody is left to drop it" if event.why == "orphan" else "its owner cannot free it any more"
    return what, f"{function} left a reference behind: {gone}."


def brief_why(why: str) -> str:
    """A stop's why for where the whole one has no room: the flag that decided, else what stands behind the colon."""
    decided = re.fullmatch(r"\w+ put nothing: the \w+ has (\w+)\.", why)
    return f"{decided[1]}: nothing is put." if decided else why.rpartition(": ")[2]


def managed_rule(timeline: Timeline, event: Event) -> str:
    """Why the kernel took a page for none of its own: the page's PG_reserved or the vma's flag, as a clause."""
    if timeline.kernel == "2.6.14":
        flags = value_at(timeline, "page.flags", _pfn(event), event.transition)
        return "the page has PG_reserved" if flags & PG_reserved else ""
    deciding = {"2.6.15-rc2": "VM_RESERVED", "vm-unpaged": "VM_UNPAGED"}.get(timeline.kernel, "VM_PFNMAP")
    flag = next((name for name in _vma_flags(timeline, event) if name == deciding), "")
    return f"the vma has {flag}" if flag else ""


def _vma_flags(timeline: Timeline, event: Event) -> list[str]:
    """vm_flags of the vma that the event's transition went through, the weighty ones first."""
    pid, address = event.subject.get("pid"), event.subject.get("address")
    change = timeline.transition(event.transition)
    if change.table == "pte":
        pid, address = pte_owner(timeline, change.row, event.transition)
    if not isinstance(pid, int) or not isinstance(address, int):
        return []
    names = next((vma.flag_names for vma in timeline.vmas(pid) if vma.start <= address < vma.end), ())
    return sorted(names, key=lambda name: (name not in MAGIC_VM_FLAGS, name))


# Frees


def _free_unpaged(timeline: Timeline, event: Event) -> tuple[str, str]:
    what = f"{_page(event)}: {_count_words(timeline, event)}{_mapped_by(_windows(timeline, event))}."
    around = callers(timeline, timeline.transition(event.transition))
    function = around[0] if around else "the kernel"
    if "driver_free" in around or "op free" in around:
        return what, f"{function} by its owner; the pte that still maps it never took a reference."
    if {"zap_pte_range", "do_wp_page", "zap_pte"} & set(around):
        return what, f"{function} for a pte; the vma that still maps it never took a reference."
    return what, f"{function}; the vma that still maps it never took a reference."


def _free_mapped(timeline: Timeline, event: Event) -> tuple[str, str]:
    left = [row for row in timeline.holders(_pfn(event)).rows if row.ref and row.kind == "pte"]
    what = f"{_page(event)}: {_count_words(timeline, event)}{_mapped_by(left)}."
    return what, f"{function_of(timeline, event)} dropped a reference that the pte was counted for."


def _free_owned(timeline: Timeline, event: Event) -> tuple[str, str]:
    owners = [row.name for row in timeline.holders(_pfn(event)).rows if row.kind in ("owner", "pin", "cache")]
    held = f", held by {plain(owners[0])}" if owners else ""
    what = f"{_page(event)}: {_count_words(timeline, event)}{held}."
    return what, f"{function_of(timeline, event)} freed what its owner has not given back."


def _stray_put(timeline: Timeline, event: Event) -> tuple[str, str]:
    what = f"{_page(event)}: {_count_words(timeline, event)}."
    return what, f"{function_of(timeline, event)} dropped a reference that was never taken for this pte."


def _window_on_foreign(timeline: Timeline, event: Event) -> tuple[str, str]:
    what = f"{_page(event)}: handed out{_mapped_by(_windows(timeline, event))}."
    return what, "the old pte holds no reference: whoever has it sees the new owner's page."


def _limbo(timeline: Timeline, event: Event) -> tuple[str, str]:
    what = f"{_page(event)}: {_count_words(timeline, event)}, not free."
    return what, f"{function_of(timeline, event)} keeps a PG_reserved page off the free list: nobody has it."


def _free(timeline: Timeline, event: Event) -> tuple[str, str]:
    return f"{_page(event)}: free.", f"{function_of(timeline, event)} put it on the free list."


def _alloc(timeline: Timeline, event: Event) -> tuple[str, str]:
    return f"{_page(event)}: {_count_words(timeline, event)}.", "the lowest free frame is handed out first."


# What the kernel says


def _message(timeline: Timeline, event: Event) -> dict[str, Any]:
    """The message that belongs to an event: of its kind, about its page."""
    found = [message for message in timeline.messages(event.op) if message.get("kind") == event.kind]
    same = [message for message in found if message.get("pfn") == event.subject.get("pfn")]
    return next(iter(same or found), {})


def _bad_page(timeline: Timeline, event: Event) -> tuple[str, str]:
    said = _message(timeline, event)
    flags = int(said.get("flags", 0))
    numbers = f"flags {flags:#x}, mapcount {said.get('mapcount', 0)}, count {said.get('count', 0)}"
    reasons = [f"PG_{name} is set" for name in _BAD_FLAGS if flags & PAGE_FLAGS[name]]
    reasons += [f"{name} is {said[name]}" for name in ("mapcount", "count") if said.get(name)]
    reasons += ["mapping is set"] if said.get("mapping") else []
    why = list_text(reasons[:3]) or "it is still in use"
    return f"{_page(event)}: {numbers}.", f"{plain(said.get('fn', 'bad_page'))}: {why}."


def _bad_pte(timeline: Timeline, event: Event) -> tuple[str, str]:
    said = _message(timeline, event)
    address = said.get("vaddr", event.subject.get("address", 0))
    pid = event.subject.get("pid")
    where = f"{pid}:{address_text(int(address))}" if pid is not None else address_text(int(address))
    pfn = said.get("pfn", event.subject.get("pfn", 0))
    return f"pte {where}: pfn {pfn_text(int(pfn))} has no struct page.", "the vma does not say that this may be."


def _bug(timeline: Timeline, event: Event) -> tuple[str, str]:
    result = timeline.result(event.op)
    function = "put_page" if result == "OOPS" else result.partition(": ")[2]
    about = _argument_text(timeline, event, function)
    if result == "OOPS":
        return f"OOPS in put_page: {about}.", "The compound page has no destructor. The run ends here."
    rule = f"{_BUG_RULES[function]}. " if function in _BUG_RULES else ""
    return f"{_FILES.get(function, 'mm/memory.c')} {plain(function)}: {about}.", f"{rule}The run ends here."


def _argument_text(timeline: Timeline, event: Event, function: str) -> str:
    """What the call that broke was about: the last one of that function, or else the innermost that names a page."""
    last = len(timeline.log.calls) - 1
    for number in range(last, max(timeline.op_call(event.op), last - 64), -1):
        call = timeline.call(number)
        if "pfn" in call.args and call.name == function:
            return f"page {pfn_text(call.args['pfn'])}"
    for number in range(last, max(timeline.op_call(event.op), last - 64), -1):
        for name, value in timeline.call(number).args.items():
            if name in ("address", "addr", "start"):
                return address_text(value)
    return f"op {event.op}"


def _refused(timeline: Timeline, event: Event) -> tuple[str, str]:
    result = timeline.result(event.op)
    return f"op {event.op} {plain(timeline.op(event.op).name)}: {plain(result)}.", refusal_text(timeline, event.op)


def _fault(timeline: Timeline, event: Event) -> tuple[str, str]:
    pid, address = getattr(timeline.op(event.op), "pid", None), event.subject.get("address")
    whose = f"{pid}:" if pid is not None else ""
    where = f"{whose}{address_text(address)}" if isinstance(address, int) else "an access"
    calls = [call.name for call in timeline.calls_at(event.position)]
    inside = calls.index("handle_mm_fault") + 1 if "handle_mm_fault" in calls else len(calls)
    function = calls[inside] if inside < len(calls) else function_of(timeline, event)
    return f"{where}: no pte allows it.", f"{function} provides one."


_MESSAGE_RULES: Final = {
    "double_free": "the frame is on the free list already, and stays there.",
    "bogus_page": "do_wp_page has no struct page to copy from.",
    "private_write_reserved": "a writable area may not have VM_RESERVED in 2.6.15-rc2.",
    "incomplete": "a partial remap_pfn_range: its pages are inserted one by one and counted.",
}


def _other(timeline: Timeline, event: Event) -> tuple[str, str]:
    said = transition_text(timeline, event.transition)
    if timeline.transition(event.transition).column == "message":
        return f"{said.new}.", _MESSAGE_RULES.get(event.kind, "the kernel goes on.")
    return f"{said.subject}: {said.change}.", f"{said.clause}." if said.clause else plain(event.text)


_TEXTS: Final[dict[str, Callable[[Timeline, Event], tuple[str, str]]]] = {
    "leak": _leak,
    "free_unpaged": _free_unpaged,
    "free_mapped": _free_mapped,
    "free_owned": _free_owned,
    "stray_put": _stray_put,
    "window_on_foreign": _window_on_foreign,
    "limbo": _limbo,
    "free": _free,
    "alloc": _alloc,
    "bad_page": _bad_page,
    "bad_pte": _bad_pte,
    "bug": _bug,
    "refused": _refused,
    "fault": _fault,
}

