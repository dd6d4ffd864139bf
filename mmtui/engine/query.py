"""What a query means: the set of transitions that it denotes, found with array masks over the whole log.

A query stops *after* a transition: the hit of transition i is position i + 1, the same in both directions.

* An event's name is its transition. With `and`, the other terms speak of what the event is about: `pfn 8 and leak` is
  a leak of frame 8, `free and page.count > 0` a free of a frame whose count is above 0 just then.
* `page.count < 1` is a transition that makes it true: the new value satisfies it and the old one did not. Without a
  comparison (`page.count`, `page[8]`) it is any change. `vma.vm_flags has VM_IO` is the moment when the bit appears;
  `vma.VM_IO` is a condition: some vma that maps the frame or the address has the flag just then.
* `call NAME`, `op NAME` and `pid N` are stretches of the log. With other terms they mean "inside"; alone or only with
  each other they stop where the call or the operation begins, at its first transition.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from mmtui.engine import schema
from mmtui.engine.flags import vm_flags_of
from mmtui.engine.log import AnyInts, Ints
from mmtui.engine.pgtable import PAGE_SHIFT, PTE_FRAME
from mmtui.engine.query_data import Data, Items, Mask, Spans, data_of
from mmtui.engine.query_lang import STRINGS, QueryError, completions, parse
from mmtui.engine.query_tree import (
    Address,
    Call,
    Event,
    Field,
    Frame,
    Message,
    Node,
    Operation,
    Pid,
    Term,
    VmaFlag,
    conjunctions,
)
from mmtui.engine.query_vma import vmas_having

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline

MAX_ALTERNATIVES: Final = 256
_BLOCK: Final = 1 << 21
"""Transitions whose vmas are looked at together."""

_COMPARE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
    "has": lambda values, bits: (values & bits == bits) & (bits != 0),
}
_STRETCHES: Final = (Call, Operation, Pid)

Alternative = tuple[tuple[Term, bool], ...]


@dataclass(frozen=True)
class Query:
    """A query that was read. `text` is what the person wrote."""

    text: str
    tree: Node
    alternatives: tuple[Alternative, ...]

    def hits(self, timeline: Timeline) -> Ints:
        """The positions where it stops, ascending, each once."""
        data = data_of(timeline)
        return _merged([_alternative(alternative, data) for alternative in self.alternatives]) + 1


def compile(text: str) -> Query:  # noqa: A001  (the word that re.compile has taught everybody)
    """Read a query. QueryError: its column and what could stand there."""
    tree = parse(text)
    try:
        found = conjunctions(tree, MAX_ALTERNATIVES)
    except ValueError:
        raise QueryError(f"the query has more than {MAX_ALTERNATIVES} alternatives", 1) from None
    return Query(text, tree, tuple(found))


def _merged(found: list[Ints]) -> Ints:
    """Ascending numbers, each once. What is merged is mostly in order already, which a stable sort makes use of."""
    merged: Ints = np.sort(np.concatenate(found), kind="stable")
    new = np.ones(len(merged), bool)
    new[1:] = merged[1:] != merged[:-1]
    return merged[new]


def _alternative(terms: Alternative, data: Data) -> Ints:
    """The transitions that satisfy all terms."""
    if not data.length:
        return np.zeros(0, np.int64)
    event = next((term for term, wanted in terms if wanted and isinstance(term, Event)), None)
    if event is not None:
        return _satisfying(terms, data.events(event.kind), data).index
    stretches = [term for term, wanted in terms if wanted and isinstance(term, _STRETCHES)]
    if stretches and all(isinstance(term, _STRETCHES) for term, _ in terms):
        begins = _merged([_spans(term, data).start for term in stretches])
        return _satisfying(terms, data.rows_at(begins), data).index
    cheap = tuple(pair for pair in terms if not isinstance(pair[0], VmaFlag))
    left = np.concatenate([_satisfying(cheap, items, data).index for items in data.items()])
    dear = tuple(pair for pair in terms if isinstance(pair[0], VmaFlag))
    if not dear:
        return left
    # Each look at the vmas reads all entries: better a few times for many transitions than once for each piece.
    blocks = [left[at : at + _BLOCK] for at in range(0, len(left), _BLOCK)]
    return np.concatenate([_satisfying(dear, data.rows_at(block), data).index for block in blocks] or [left])


def _satisfying(terms: Alternative, items: Items, data: Data) -> Items:
    """Narrow the items term by term, the cheap terms first."""
    for term, wanted in sorted(terms, key=lambda pair: _COST.index(type(pair[0]))):
        if not len(items):
            break
        mask = _EVALUATE[type(term)](term, items, data)
        items = items.take(mask if wanted else ~mask)
    return items


# The terms


def _event(term: Event, items: Items, data: Data) -> Mask:
    """The event that the item stands for, or another one of the same transition."""
    if items.events is not None and items.events.kind == term.kind:
        return _reason_is(term, items.events.why)
    others = data.events(term.kind)
    assert others.events is not None
    return np.isin(items.index, others.index[_reason_is(term, others.events.why)])


def _reason_is(term: Event, why: Any) -> Mask:
    if term.why is None:
        return np.ones(len(why), bool)
    return np.asarray((why == term.why) == term.equal, bool)


def _message(term: Message, items: Items, data: Data) -> Mask:
    return np.isin(items.index, data.messages(term.kind))


def _spans(term: Term, data: Data) -> Spans:
    key = ("spans", term)
    if key not in data.kept:
        data.kept[key] = _read_spans(term, data)
    return cast(Spans, data.kept[key])


def _read_spans(term: Term, data: Data) -> Spans:
    if isinstance(term, Call):
        return data.calls_of(term.function)
    if isinstance(term, Operation):
        return data.operations_where(lambda op: getattr(op, "name", None) == term.name)
    pid = cast(Pid, term).pid
    fields: dict[type, tuple[str, ...]] = {}

    def about(op: object) -> bool:
        kind = type(op)
        if kind not in fields:
            fields[kind] = tuple(name for name in ("pid", "parent", "child") if hasattr(op, name))
        return any(getattr(op, name) == pid for name in fields[kind])

    return data.operations_where(about)


def _stretch(term: Term, items: Items, data: Data) -> Mask:
    mask = _spans(term, data).covers(items.index)
    if isinstance(term, Pid) and items.events is not None:
        mask = mask | (items.events.pid == term.pid)
    return mask


def _frame(term: Frame, items: Items, data: Data) -> Mask:
    mask: Mask = (items.cell & schema.ROW_MASK == term.pfn) & items.of_table("page")
    ptes = np.flatnonzero(items.of_column("pte.val"))
    for values in (items.old, items.new):
        same = ptes[values[ptes] >> PAGE_SHIFT == term.pfn]
        mask[same[values[same] & PTE_FRAME != 0]] = True
    for name in ("buf.pfn", "pin.pfn"):
        named = np.flatnonzero(items.of_column(name))
        mask[named] = (term.pfn != 0) & ((items.old[named] == term.pfn) | (items.new[named] == term.pfn))
    if items.events is not None:
        return np.where(items.events.pfn >= 0, items.events.pfn == term.pfn, mask).astype(bool)
    return mask


def _address(term: Address, items: Items, data: Data) -> Mask:
    mask = np.zeros(len(items), bool)
    at = np.flatnonzero(items.of_column("pte.val"))
    at = at[_same_slot(items.cell[at], term.address)]  # a cell ends in its row
    _, address = data.pte_place(items.row[at], items.index[at])
    mask[at] = address >> PAGE_SHIFT == term.address >> PAGE_SHIFT
    vmas = np.flatnonzero(items.of_table("vma"))
    for back in (0, 1):
        rows, times = items.row[vmas], items.index[vmas] - back
        start, end = (data.history(name).after(rows, times) for name in ("vma.vm_start", "vma.vm_end"))
        mask[vmas] |= (start <= term.address) & (term.address < end)
    if items.events is not None:
        named = items.events.address
        mask = np.where(named >= 0, named >> PAGE_SHIFT == term.address >> PAGE_SHIFT, mask)
    return mask


def _same_slot(rows: AnyInts, address: int) -> Mask:
    """Which entries can be an address's at all: those with its place in their page table."""
    slots = schema.PTES_PER_PT - 1
    mask: Mask = rows & slots == address >> PAGE_SHIFT & slots
    return mask


def _vma_flag(term: VmaFlag, items: Items, data: Data) -> Mask:
    bit = vm_flags_of(data.timeline.kernel).get(term.flag, 0)
    return vmas_having(data, items, "vma.vm_flags", lambda flags: (flags & bit != 0) & (bit != 0))


def _field(term: Field, items: Items, data: Data) -> Mask:
    if items.events is not None and term.compare is not None and not term.ids:
        if term.kind == "page":
            return _page_just_then(term, items, data)
        if term.kind == "vma":
            return vmas_having(data, items, f"vma.{term.field}", lambda values: _satisfies(term, values, data))
    mask = _of_field(term, items)
    if term.compare is not None:
        at = np.flatnonzero(mask)
        old, new = (_read(term, values[at].astype(np.int64)) for values in (items.old, items.new))
        mask[at] = _satisfies(term, new, data) & ~_satisfies(term, old, data)
    elif term.field == "pfn":
        mask &= _read(term, items.old.astype(np.int64)) != _read(term, items.new.astype(np.int64))
    if term.ids:
        if term.kind == "pte":
            mask &= _same_slot(items.row, term.ids[1])
        at = np.flatnonzero(mask)
        mask[at] = _is_subject(term, items.take(mask), data)
    return mask


def _of_field(term: Field, items: Items) -> Mask:
    """Which cells are of the term's field, or of any field of its kind. pte.pfn is read out of pte.val."""
    if term.field is None:
        return items.of_table(term.kind)
    return items.of_column("pte.val" if (term.kind, term.field) == ("pte", "pfn") else f"{term.kind}.{term.field}")


def _read(term: Field, values: Ints) -> Ints:
    """What the comparison is about: the cell, or the frame in a pte; -1 for an entry without one."""
    if (term.kind, term.field) != ("pte", "pfn"):
        return values
    return np.where(values & PTE_FRAME != 0, values >> PAGE_SHIFT, -1)


def _satisfies(term: Field, values: Ints, data: Data) -> Mask:
    """Which values the comparison holds for. What is not there, or was not seen by a recording, satisfies nothing."""
    name = f"{term.kind}.{term.field}"
    if name in STRINGS:
        numbers = np.unique(values)
        equal = [number for number in numbers if data.timeline.string(int(number)) == term.text]
        named = np.isin(values, equal, invert=term.compare == "!=")
        return np.asarray(named & (values != 0), bool)
    value = term.value
    if name == "vma.vm_flags" and term.text is not None:
        value = vm_flags_of(data.timeline.kernel).get(term.text, 0)
    mask = np.asarray(_COMPARE[term.compare or "=="](values, value), bool)
    if name == "pte.pfn":
        mask &= values >= 0
    elif term.kind == "page":
        mask &= values != schema.UNKNOWN
    return mask


def _page_just_then(term: Field, items: Items, data: Data) -> Mask:
    """The comparison for the frame that each event is about, just after its transition."""
    assert items.events is not None
    pfn = np.where(items.events.pfn >= 0, items.events.pfn, np.where(items.of_table("page"), items.row, -1))
    values = data.history(f"page.{term.field}").after(np.clip(pfn, 0, None), items.index)
    return (pfn >= 0) & _satisfies(term, values, data)


def _is_subject(term: Field, items: Items, data: Data) -> Mask:
    """Which cells belong to the subject `page[8]`, `pte[2:0x8000]` ..."""
    rows, times = items.row, items.index
    if term.kind == "page":
        return np.equal(rows, term.ids[0])
    if term.kind == "task":
        return np.equal(data.pid_of_task(rows, times), term.ids[0])
    if term.kind == "mm":
        return np.equal(data.pid_of_mm(rows, times), term.ids[0])
    if term.kind == "pte":
        pid, address = data.pte_place(rows, times)
        here: Mask = np.equal(address >> PAGE_SHIFT, term.ids[1] >> PAGE_SHIFT)
        return here & np.equal(pid, term.ids[0])
    mm = data.mm_of_vma(rows, times)
    starts = data.history("vma.vm_start")
    begins: Mask = np.equal(starts.after(rows, times), term.ids[1])
    begins |= np.equal(starts.after(rows, times - 1), term.ids[1])
    return np.equal(data.pid_of_mm(mm, times), term.ids[0]) & begins


_EVALUATE: Final[dict[type, Callable[[Any, Items, Data], Mask]]] = {
    Event: _event,
    Field: _field,
    Message: _message,
    Frame: _frame,
    Operation: _stretch,
    Pid: _stretch,
    Call: _stretch,
    Address: _address,
    VmaFlag: _vma_flag,
}
_COST: Final = list(_EVALUATE)
"""Terms in the order in which they are tried: the narrow and cheap ones first."""

__all__ = ["Query", "QueryError", "compile", "completions"]
