"""Operations and calls in words: `exit  pid 2 aplay`, `zap_pte_range 10000000`, `2 ptes   11 changes`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mmtui.engine import ops, schema
from mmtui.engine.arrays import np
from mmtui.words.text import address_text, count_text, pfn_text, plain

if TYPE_CHECKING:
    from mmtui.engine.timeline import Call, Timeline

_ADDRESSES: Final = frozenset({"address", "addr", "start", "end", "floor", "ceiling", "new_addr", "old_addr"})
_PFNS: Final = frozenset({"pfn", "page", "old_page", "new_page"})
_SPAWN_SEARCH: Final = 5000
"""Operations that are looked through for the name of a process."""

_COUNTED: Final = (("pte", "pte"), ("vma", "vma"), ("page", "page"))


def op_text(timeline: Timeline, number: int) -> str:
    """Operation `number` in one line: its name, two spaces, what it is about."""
    op = timeline.op(number)
    details = op_details(timeline, number)
    return f"{plain(op.name)}  {details}" if details else plain(op.name)


def op_details(timeline: Timeline, number: int) -> str:
    """What operation `number` is about, without its name: `pid 1 sh -> pid 2`, `10000000 4 pages drv`."""
    op: Any = timeline.op(number)
    match op:
        case ops.Spawn(pid=pid, comm=comm):
            return f"pid {pid} {plain(comm)}" if comm else f"pid {pid}"
        case ops.Fork(parent=parent, child=child):
            return f"{_process(timeline, number, parent)} -> pid {child}"
        case ops.Exit(pid=pid):
            return _process(timeline, number, pid)
        case ops.Mmap():
            return f"{_range(op.addr, op.pages)} {_backing(op.backing)}"
        case ops.Mremap():
            moved = f" -> {address_text(op.new_addr)}" if op.new_addr is not None else ""
            return f"{address_text(op.addr)} {op.old_pages} -> {count_text(op.new_pages, 'page')}{moved}"
        case ops.Munmap() | ops.Mprotect() | ops.Madvise() | ops.RemapFilePages():
            more = {"mprotect": "prot", "madvise": "advice", "remap_file_pages": "pgoff"}.get(op.name)
            return _range(op.addr, op.pages) + (f" {getattr(op, more)}" if more else "")
        case ops.Read(addr=addr) | ops.Write(addr=addr):
            value = getattr(op, "value", None)
            return address_text(addr) + (f" value {value}" if value is not None else "")
        case ops.SetReserved(pfn=pfn) | ops.ClearReserved(pfn=pfn):
            return f"page {pfn_text(pfn)}"
    return _driver_details(op)


def _driver_details(op: Any) -> str:
    match op:
        case ops.Driver():
            serves = f" serves {plain(op.buf)}" if op.buf else ""
            how = "" if op.get_page is True else ", get_page unless reserved" if op.get_page else ", without get_page"
            return f"{plain(op.driver)}{serves}{how}"
        case ops.Alloc():
            extras = [word for word in ("comp", "reserved") if getattr(op, word)]
            return " ".join([plain(op.driver), plain(op.buf), f"order {op.order}", *extras])
        case ops.Free():
            return f"{plain(op.driver)} {plain(op.buf)}"
        case ops.InsertPage():
            return f"{address_text(op.addr)} page {op.index} of {plain(op.buf)}"
        case ops.Pin():
            extras = [word for word in ("write", "force") if getattr(op, word)]
            return " ".join([address_text(op.addr), plain(op.pin), *extras])
        case ops.Unpin():
            return plain(op.pin) + (" dirty" if op.dirty else "")
        case ops.DropCache():
            return f"{plain(op.file)} page {op.pgoff}"
    # An operation of a recording says for itself what it is about.
    return plain(getattr(op, "details", ""))


def _range(address: int, pages: int) -> str:
    return f"{address_text(address)} {count_text(pages, 'page')}"


def _backing(backing: ops.Backing) -> str:
    if backing.anon:
        return "anon"
    return plain(backing.file if backing.file is not None else backing.driver)


def _process(timeline: Timeline, number: int, pid: int) -> str:
    comm = process_name(timeline, number, pid)
    return f"pid {pid} {plain(comm)}" if comm else f"pid {pid}"


def process_name(timeline: Timeline, number: int, pid: int) -> str:
    """The name that process `pid` has when operation `number` begins, "" where the trace gives it none nearby."""
    for before in range(number - 1, max(-1, number - _SPAWN_SEARCH), -1):
        op = timeline.op(before)
        if isinstance(op, ops.Spawn) and op.pid == pid:
            return op.comm or f"p{pid}"
        if isinstance(op, ops.Fork) and op.child == pid:
            pid = op.parent
    return ""


def call_text(call: Call) -> str:
    """A call with its first argument as the kernel would be asked about it: `copy_one_pte 0804c000`."""
    for argument, value in call.args.items():
        return f"{plain(call.name)} {argument_text(argument, value)}"
    return plain(call.name)


def argument_text(argument: str, value: int) -> str:
    """An argument's value, spelled as its name says: an address or a pfn in hex, anything else in decimal."""
    if argument in _ADDRESSES:
        return address_text(value)
    return pfn_text(value) if argument in _PFNS and value >= 0 else str(value)


def call_summary(timeline: Timeline, call: Call) -> str:
    """What a call did in sum: `2 ptes   11 changes`, `nothing`; one change as itself is the caller's to show."""
    changes = call.end - call.start
    if changes <= 0:
        return "nothing: the child will fault" if call.name == "copy_page_range" else "nothing"
    parts = []
    columns = _rows_changed(timeline, call)
    for table, word in _COUNTED:
        rows = columns.get(table, 0)
        if rows > 1 or (rows == 1 and table == "pte"):
            parts.append(count_text(rows, word))
            break
    return "   ".join([*parts, count_text(changes, "change")])


def _rows_changed(timeline: Timeline, call: Call, limit: int = 1 << 16) -> dict[str, int]:
    """How many rows of each table the call changed; a very long call is counted by its beginning only."""
    if call.end - call.start > limit:
        return {}
    cells = [chunk.cell for chunk in timeline.log.chunks(call.start, call.end)]
    found: dict[str, set[int]] = {}
    for number in set(np.concatenate(cells).tolist()):  # np.unique would import numpy.ma, while a person waits
        info = schema.COLUMNS[number >> schema.ROW_BITS]
        found.setdefault(info.table, set()).add(number & schema.ROW_MASK)
    return {table: len(rows) for table, rows in found.items()}
