"""What the frame map shows in a cell (state, count, age, holder), and the words about one frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mmtui.engine.arrays import np
from mmtui.engine.schema import UNKNOWN
from mmtui.ui.panes.common import (
    Line,
    address_text,
    flags_word,
    inode_name,
    kind_role,
    mapping_word,
    page_name,
    pfn_text,
    wrap,
)
from mmtui.ui.rows import Row
from mmtui.words import known_text, plain

if TYPE_CHECKING:
    from mmtui.ui.view import Overlay, View

Cell = tuple[str, str, str, str]
"""Glyph and its role, the character after it and its role."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_QUIET = "._R"
FIELDS = ("count", "mapcount", "flags", "mapping", "free")
_AGE_STEPS = 8
_HOLDERS = {"pte": ("t", "kind.A"), "owner": ("d", "kind.N"), "cache": ("f", "kind.F"), "pin": ("p", "kind.D")}

_WORDS = {
    ".": "free", "_": "a hole: no struct page", "A": "anonymous", "c": "shared, copy on write", "F": "page cache",
    "S": "slab", "P": "page table", "Z": "the zero page", "N": "nopage driver page", "D": "pfn-mapped", "R": "reserved",
    "!": "leaked", "X": "freed while mapped", "?": "not free, and nobody holds it",
}  # fmt: skip


def count_digit(number: int) -> str:
    """A count in one column: 0-9, then a-z, then `*`; `-` below zero, `?` unknown."""
    if number == UNKNOWN:
        return "?"
    if number < 0:
        return "-"
    return _DIGITS[number] if number < len(_DIGITS) else "*"


def cells(view: View, overlay: Overlay) -> Callable[[int, str, bool], Cell]:
    """The function that says what a frame's cell shows under an overlay: of a pfn, its glyph, and whether this
    operation changed how many users it has."""
    makers = {"state": _state, "count": _count, "age": _age, "holder": _holder}
    return makers[overlay](view)


def _state(view: View) -> Callable[[int, str, bool], Cell]:
    counts, mapcounts = view.machine.page.count, view.machine.page.mapcount

    def cell(pfn: int, glyph: str, changed: bool) -> Cell:
        number, role = int(counts[pfn]), kind_role(glyph, view.recorded)
        if number == UNKNOWN:  # a recording: what it can see is how many entries map the frame
            number = max(int(mapcounts[pfn]), 1)
        if glyph in _QUIET or (glyph == "Z" and number == 0):
            return glyph, role, " ", "dim"
        return glyph, role, count_digit(number) if changed or number != 1 else " ", "dim"

    return cell


def _count(view: View) -> Callable[[int, str, bool], Cell]:
    counts = view.machine.page.count

    def cell(pfn: int, glyph: str, changed: bool) -> Cell:
        role = kind_role(glyph, view.recorded)
        return (glyph, role, " ", "dim") if glyph in "._" else (count_digit(int(counts[pfn])), role, " ", "dim")

    return cell


def _age(view: View) -> Callable[[int, str, bool], Cell]:
    """How long ago the frame changed: the taller the bar, the more recent, in eighths of the way back to the start."""
    ramp = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588" if view.glyphs == "unicode" else ".:-=+*#@"

    def cell(pfn: int, glyph: str, changed: bool) -> Cell:
        at = changed_at(view, pfn)
        if at is None:
            return glyph if glyph in "._" else " ", "faint", " ", "dim"
        step = (_AGE_STEPS - 1) * at // max(view.position, 1)
        return ramp[min(step, _AGE_STEPS - 1)], "dim", " ", "dim"

    return cell


def _holder(view: View) -> Callable[[int, str, bool], Cell]:
    """The first letter of what holds the frame: pid of a pte, d driver, f page cache, p pin, `!` nobody."""

    def cell(pfn: int, glyph: str, changed: bool) -> Cell:
        if glyph in "._RZ":
            return glyph, kind_role(glyph), " ", "dim"
        ledger = view.timeline.holders(pfn)
        held = [row for row in ledger.rows if row.ref]
        if not held:
            return "!" if ledger.count > 0 else "-", "alarm" if ledger.count > 0 else "faint", " ", "dim"
        first = held[0]
        if first.kind == "pte":
            return count_digit(first.pid), "kind.A", " ", "dim"
        letter, role = _HOLDERS.get(first.kind, (first.kind[:1], "text"))
        return letter, role, " ", "dim"

    assert view.machine is not None
    return cell


def legend(view: View, width: int) -> list[Row]:
    """What the characters of an overlay mean."""
    words = {
        "count": "page_count of each frame: 0-9, then a-z, * above",
        "age": "the taller, the later it changed; blank: never",
        "holder": "pid of the pte that holds it, d driver, f file, p pin",
        "state": "",
    }[view.overlay]
    return [Row(Line().put(2, text, "dim").spans) for text in wrap(f"{view.overlay}: {words}", width - 3)]


def changed_at(view: View, pfn: int, fields: tuple[str, ...] = FIELDS) -> int | None:
    """The position of the last change of a frame by now, None if nothing changed it yet."""
    latest = max((_last(view, field, pfn) for field in fields), default=0)
    return latest or None


def _last(view: View, field: str, pfn: int) -> int:
    return view.timeline.previous_change((f"page.{field}", pfn), view.position + 1) or 0


def field_change(view: View, pfn: int, field: str) -> str:
    """`23.1   1 -> 2`, or `never changed`."""
    at = _last(view, field, pfn)
    if not at:
        return "never changed"
    transition = view.timeline.transition(at - 1)
    old, new = (_field_word(view, field, value) for value in (transition.old, transition.new))
    return f"{view.timeline.place_name(at)}   {old} -> {new}"


def _field_word(view: View, field: str, value: int) -> str:
    if field == "flags":
        return flags_word(value)
    return mapping_word(view.timeline, value) if field == "mapping" else known_text(value)


def last_change(view: View, pfn: int) -> str:
    """`last change 23.1  count 1 -> 2`."""
    at = changed_at(view, pfn)
    if at is None:
        return "never changed"
    transition = view.timeline.transition(at - 1)
    old, new = (_field_word(view, transition.column, value) for value in (transition.old, transition.new))
    return f"last change {view.timeline.place_name(at)}  {transition.column} {old} -> {new}"


def state_words(view: View, pfn: int, glyph: str) -> str:
    """The glyph in words."""
    from mmtui.engine.inspect import AWAITS_FREE, awaits_free

    if awaits_free(view.timeline, pfn):
        return AWAITS_FREE
    return "not seen by the recorder" if glyph == "?" and view.recorded else _WORDS[glyph]


def whose_short(view: View, pfn: int) -> str:
    """The same in a few columns: `block 008+4`, `sh+3`, `anon`."""
    found = block_of(view, pfn)
    return f"block {pfn_text(view, found[1]).strip()}+{found[2]}" if found and found[2] > 1 else page_name(view, pfn)


def block_of(view: View, pfn: int) -> tuple[str, int, int] | None:
    """(driver, first frame, frames) of the driver's block around a frame."""
    buf = view.machine.buf
    for row in np.flatnonzero(buf.state == 1):
        first, size = int(buf.pfn[row]), 1 << int(buf.order[row])
        if first <= pfn < first + size:
            return plain(view.timeline.string(int(buf.driver[row]))), first, size
    return None


def _anonymous(view: View, pfn: int) -> str:
    """`anon page of pid 1, first at op 9`."""
    taken = _last(view, "free", pfn)
    if not taken:
        return "anon page"
    number = view.timeline.op_at(taken)
    pid = getattr(view.timeline.op(number), "pid", None)
    return f"anon page of pid {pid}, first at op {number}" if pid is not None else f"anon page, first at op {number}"


def whose(view: View, pfn: int) -> str:
    """Whose page it is: `nopage page of drv, block 008-00b`, `anon page of pid 1, first at op 9`, `page 3 of sh`."""
    machine, timeline = view.machine, view.timeline
    found = block_of(view, pfn)
    if found:
        owner, first, size = found
        block = f"{pfn_text(view, first).strip()}-{pfn_text(view, first + size - 1).strip()}"
        return f"page of {owner}, block {block}" if size > 1 else f"page of {owner}"
    mapping = int(machine.page.mapping[pfn])
    if mapping and not mapping & 1:
        return f"page {int(machine.page.index[pfn])} of {inode_name(timeline, mapping // 2)}"
    if mapping:
        return _anonymous(view, pfn)
    if pfn == 1:
        return "the zero page: reads of untouched anonymous memory"
    mapped = [row for row in timeline.holders(pfn).rows if row.kind == "pte"]
    return f"mapped by {mapped[0].pid}:{address_text(view, mapped[0].address)}" if mapped else ""
