"""Events: what a run of the log means for the ledger of references, page_count against its holders.

The log is read in numpy columns. Every change of a page_count and of a holder (a pte with a reference, a driver's
buffer, the page cache, a pin) becomes a row (frame, time, changes); sorted by frame, running sums say at each row how
far the count is above its holders and how many ptes map the frame. Only what stands out is looked at one by one.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmtui.engine.events import Event, Events, Gathered, Rows, gather
from mmtui.engine.flags import PG_compound, PG_reserved
from mmtui.engine.log import Ints
from mmtui.engine.pgtable import PTE_FRAME, PTE_MANAGED, PTE_REF
from mmtui.engine.schema import COLUMN, ROW_BITS, ROW_MASK
from mmtui.engine.sums import Carried, Case, Changes, Slab, Sums

if TYPE_CHECKING:
    from mmtui.engine.run import Run

OUTER = ("handle_mm_fault", "do_page_fault", "get_user_pages")
"""Calls that hold no reference of their own: one lost in a fault is lost when the call below them ends."""

SIGNALS = ("SIGSEGV", "SIGBUS", "OOM", "LOOP")

_ID = {name: COLUMN[name].id for name in COLUMN}


def empty() -> Ints:
    """No numbers."""
    return np.zeros(0, np.int64)


class Checker:
    """Finds the events of a run, a stretch of whole operations at a time."""

    def __init__(self, run: Run) -> None:
        self.run = run
        frames = run.spec.frames
        self._told: list[Event] = []
        self._plain: list[Rows] = []
        self._events = Gathered()
        self._ops = 0
        self._position = 0
        self.carried = Carried(frames)
        """The sums of each frame where reading stopped."""
        self._head = np.arange(frames, dtype=np.int64)
        self._value: dict[tuple[int, int], int] = {}  # cells of buffers, pins and the cache
        self._blocks: dict[int, list[tuple[int, int, int]]] = {}  # frame -> (from, to, head) while a driver owns it
        self._flags = np.zeros(frames, np.int64)
        flags = run.boot.get("page.flags", empty())[:frames]
        self._flags[: len(flags)] = flags
        boot = run.boot.get("page.count", empty())[:frames]
        self.carried.owned[: len(boot)] = boot
        self.carried.held[: len(boot)] = boot
        self._names = {name: number for number, name in enumerate(f.name for f in run.build.functions)}

    def advance(self) -> Events:
        """Read what was sealed since; returns all events so far, by transition."""
        self.read()
        return self._events.all()

    def read(self) -> None:
        """Read what was sealed since: for whoever makes a long log, and has time for it now."""
        run = self.run
        starts = run.log.calls.start
        last = self._ops
        while last < run.done:
            first = last
            last = self._slab_end(first)
            end = int(starts[run.op_calls[last]]) if last < run.done else len(run.log)
            self._slab(first, last, end)
            self._position = end
            self._events.add(gather(self._plain, self._told))
            self._plain, self._told = [], []
        self._ops = last

    def _slab_end(self, first: int) -> int:
        """Operations are read together, up to about a million transitions."""
        calls, starts = self.run.op_calls, self.run.log.calls.start
        budget = int(starts[calls[first]]) + (1 << 20)
        return max(bisect_left(calls, budget, key=lambda call: int(starts[call])), first + 1)

    # Reading a slab

    def _slab(self, first: int, last: int, end: int) -> None:
        run = self.run
        chunks = list(run.log.chunks(self._position, end))
        if not chunks:
            return
        cell, old, new = (np.concatenate([chunk[at] for chunk in chunks]).astype(np.int64) for at in (1, 2, 3))
        time = np.arange(self._position, end, dtype=np.int64)
        column, row = cell >> ROW_BITS, cell & ROW_MASK
        op_starts = run.log.calls.start[np.array(run.op_calls[first:last], np.int64)].astype(np.int64)
        view = Slab(first, op_starts, time, column, row, old, new)
        self._plain_events(view)
        for piece in self._pieces(view):
            self._ledger(piece, self._rows(piece))
            flags = piece.column == _ID["page.flags"]
            self._flags[piece.row[flags]] = piece.new[flags]

    def _pieces(self, view: Slab) -> Iterator[Slab]:
        """The slab, cut at operations that make or break compound pages, whose parts count on their head."""
        toggles = np.flatnonzero((view.column == _ID["page.flags"]) & ((view.old ^ view.new) & PG_compound != 0))
        if not len(toggles):
            yield view
            return
        cut = 0
        for op in np.unique(view.op_of(view.time[toggles])).tolist():
            start, stop = view.range_of(op)
            made = [t for t in toggles.tolist() if start <= t < stop]
            if cut < start:
                yield view.part(cut, start)
            begun = view.row[[t for t in made if view.new[t] & PG_compound]]
            self._head[begun] = begun.min(initial=len(self._head))  # an operation makes one block
            yield view.part(start, stop)
            for t in made:
                if not view.new[t] & PG_compound:
                    self._head[view.row[t]] = view.row[t]
            cut = stop
        if cut < len(view.time):
            yield view.part(cut, len(view.time))

    def _rows(self, view: Slab) -> Changes:
        parts: list[tuple[Ints, ...]] = []
        at = np.flatnonzero(view.column == _ID["page.count"])
        none = np.zeros(len(at), np.int64)
        parts.append((view.row[at], view.time[at], view.new[at] - view.old[at], none, none, none, none))
        at = np.flatnonzero(view.column == _ID["pte.val"])
        for values, sign in ((view.old[at], -1), (view.new[at], 1)):
            parts += self._pte_rows(values, view.time[at], sign)
        owned = np.array(list(self._owner_rows(view)), np.int64).reshape(-1, 3)
        if len(owned):
            none = np.zeros(len(owned), np.int64)
            parts.append((owned[:, 0], owned[:, 1], none, owned[:, 2], owned[:, 2], none, none))
        rows = Changes(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        order = np.lexsort((rows.time, rows.frame))
        return Changes(*(column[order] for column in rows))

    def _pte_rows(self, values: Ints, time: Ints, sign: int) -> Iterator[tuple[Ints, ...]]:
        frames = len(self._head)
        pfn = values >> 12
        good = np.flatnonzero((values & PTE_FRAME != 0) & (pfn < frames))
        values, pfn, time = values[good], pfn[good], time[good]
        none = np.zeros(len(good), np.int64)
        held = np.where(values & PTE_REF != 0, sign, 0)
        managed = np.where(values & PTE_MANAGED != 0, sign, 0)
        yield pfn, time, none, none, none, sign - managed, managed
        yield self._head[pfn], time, none, held, none, none, none

    def _owner_rows(self, view: Slab) -> Iterator[tuple[int, int, int]]:
        """(frame, time, change) of what drivers, pins and the page cache hold; these are few."""
        for at in np.flatnonzero(np.isin(view.column, _OWNER_COLUMNS)).tolist():
            column, row, new, time = int(view.column[at]), int(view.row[at]), int(view.new[at]), int(view.time[at])
            value = self._value
            value[column, row] = new
            if column == _ID["buf.state"]:
                pfn, order = value.get((_ID["buf.pfn"], row), 0), value.get((_ID["buf.order"], row), 0)
                self._own_block(pfn, order, time, new == 1)
                yield int(self._head[pfn]) if new == 1 else pfn, time, 1 if new == 1 else -1
            elif column == _ID["pin.ref"]:
                pfn = value.get((_ID["pin.pfn"], row), 0)
                if pfn < len(self._head):
                    yield int(self._head[pfn]), time, new - int(view.old[at])
            elif column == _ID["cache.inode"]:
                yield value.get((_ID["cache.pfn"], row), 0), time, 1 if new else -1

    def _own_block(self, pfn: int, order: int, time: int, begin: bool) -> None:
        for frame in range(pfn, pfn + (1 << order)):
            spans = self._blocks.setdefault(frame, [])
            if begin:
                spans.append((time, 1 << 62, pfn))
            elif spans:
                spans[-1] = (spans[-1][0], time, pfn)

    def _block_of(self, frame: int, time: int) -> int:
        """The head of the block that a driver owns at this time and that the frame is in; -1 for none."""
        for start, end, head in reversed(self._blocks.get(frame, [])):
            if start <= time < end:
                return head
        return -1

    # The ledger

    def _ledger(self, view: Slab, rows: Changes) -> None:
        if len(rows.frame):
            sums = Sums(self.carried, rows)
            self._frees(view, rows, sums)
            self._surpluses(view, rows, sums)
            sums.carry(self.carried)

    def _frees(self, view: Slab, rows: Changes, sums: Sums) -> None:
        """free_*, window_on_foreign: a frame whose count reaches 0, or that comes to or leaves the free list, while
        somebody still maps or owns it."""
        zero = (view.column == _ID["page.count"]) & (view.new == 0)
        moves = view.column == _ID["page.free"]
        seen: set[tuple[str, int, int]] = set()
        candidates = np.flatnonzero(zero | moves)
        for at in candidates[self._suspect(view.row[candidates], view.time[candidates], sums)].tolist():
            frame, time = int(view.row[at]), int(view.time[at])
            window, managed, owned = sums.at(frame, time)
            to_list = bool(moves[at]) and view.new[at] == 1
            found = []
            if bool(moves[at]) and not to_list:
                if window + managed > 0:
                    found.append(("window_on_foreign", f"{window + managed} ptes of its last life map it"))
            else:
                for part in self._parts(frame):
                    part_window, part_managed, _ = sums.at(part, time)
                    if part_window > 0:
                        found.append(("free_unpaged", f"{part_window} ptes map it without a reference"))
                    if part_managed > 0:
                        found.append(("free_mapped", f"{part_managed} counted ptes map it"))
                if to_list and (owned > 0 or self._block_of(frame, time) >= 0):
                    found.append(("free_owned", "its owner still has it"))
            op = view.op_at(time)
            for kind, text in found:
                if (kind, frame, op) not in seen:
                    seen.add((kind, frame, op))
                    self._told.append(Event(kind, time, op, {"pfn": frame}, "", text))

    def _suspect(self, frame: Ints, time: Ints, sums: Sums) -> NDArray[np.bool_]:
        """Which of these frames somebody may still map or own just then; all others are freed or taken rightly."""
        blocks = np.zeros(len(self._head), bool)
        blocks[list(self._blocks)] = True
        after = np.minimum(frame + 1, len(self._head) - 1)
        compound = (self._head[after] == frame) & (after != frame)  # it is the head of the frame that follows it
        return np.asarray(sums.used(frame, time) | blocks[frame] | compound, bool)

    def _parts(self, frame: int) -> list[int]:
        """The frames whose ptes keep a count: a compound page's parts, else the frame itself."""
        if self._head[frame] != frame or frame + 1 >= len(self._head) or self._head[frame + 1] != frame:
            return [frame]
        end = frame + 1
        while end < len(self._head) and self._head[end] == frame:
            end += 1
        return list(range(frame, end))

    def _surpluses(self, view: Slab, rows: Changes, sums: Sums) -> None:
        """leak, stray_put: frames whose count ends an operation further above, or below, their holders than before."""
        op = view.op_of(rows.time)
        last = np.flatnonzero((rows.frame[1:] != rows.frame[:-1]) | (op[1:] != op[:-1]))
        last = np.append(last, len(rows.frame) - 1)
        frame, now = rows.frame[last], sums.surplus[last]
        before = np.where(np.append(True, frame[1:] != frame[:-1]), self.carried.surplus[frame], np.append(0, now[:-1]))
        freed = self._freed_by_driver(view)
        odd = (now > np.maximum(before, 0)) | (now < np.minimum(before, 0))
        if freed:
            odd |= (now > 0) & np.isin(frame, np.array(sorted({f for f, _ in freed}), np.int64))
        for index in np.flatnonzero(odd).tolist():
            end = int(last[index])
            start = int(last[index - 1]) + 1 if index else 0
            case = Case(int(frame[index]), int(op[end]), start, end + 1, int(before[index]), int(now[index]))
            self._surplus_events(view, rows, sums, case, freed)

    def _freed_by_driver(self, view: Slab) -> set[tuple[int, int]]:
        """(frame, operation) of the blocks that drivers gave back in this stretch."""
        found: set[tuple[int, int]] = set()
        for at in np.flatnonzero((view.column == _ID["buf.state"]) & (view.new == 2)).tolist():
            row = int(view.row[at])
            pfn = self._value.get((_ID["buf.pfn"], row), 0)
            op = view.op_at(int(view.time[at]))
            found |= {(each, op) for each in range(pfn, pfn + (1 << self._value.get((_ID["buf.order"], row), 0)))}
        return found

    def _surplus_events(self, view: Slab, rows: Changes, sums: Sums, case: Case, freed: set[tuple[int, int]]) -> None:
        times, surplus = rows.time[case.start : case.end], sums.surplus[case.start : case.end]
        aborted = self.run.over and case.op == self.run.done - 1
        if case.now < min(case.before, 0):
            at = (
                int(np.flatnonzero(surplus >= min(case.before, 0))[-1]) + 1
                if (surplus >= min(case.before, 0)).any()
                else 0
            )
            if rows.change[case.start + at] < 0 and self._caller(int(times[at])) != "bad_page":
                self._stray(int(times[at]), case)
            return
        confirmed = (case.frame, case.op) in freed and case.before > 0
        if confirmed and case.now > 0 and sums.count_at(case.frame, int(times[-1])) > 0:
            self._leak(view, int(self._last_count(rows, case)), case, "confirmed", sums)
        for level in range(max(case.before, 0) + 1, case.now + 1):
            below = np.flatnonzero(surplus < level)
            at = int(below[-1]) + 1 if len(below) else 0
            time = int(times[at])
            if aborted and time >= self._in_flight(view, case.op):
                continue
            took = bool(rows.change[case.start + at] > 0)
            owner = (case.frame, case.op) in freed
            why = self._why(view, case, time, owner, sums)
            self._leak(view, self._end_of_fault(time) if took else time, case, why, sums)

    def _last_count(self, rows: Changes, case: Case) -> int:
        """The transition that the owner's free made: its last change of the count, or of the buffer."""
        span = slice(case.start, case.end)
        counts = rows.time[span][rows.change[span] != 0]
        return int(counts[-1]) if len(counts) else int(rows.time[case.end - 1])

    def _in_flight(self, view: Slab, op: int) -> int:
        """After a BUG: from this transition on, references were still on their way."""
        start, stop = view.range_of(op)
        ptes = np.flatnonzero(view.column[start:stop] == _ID["pte.val"])
        return int(view.time[start + ptes[-1]]) if len(ptes) else int(view.time[start])

    def _why(self, view: Slab, case: Case, time: int, owner: bool, sums: Sums) -> str:
        if not owner and self.run.kernel_name == "2.6.14" and self._reserved_at(view, case.frame, time):
            return "stuck"
        if sums.held_at(case.frame, time) > 0 or self._block_of(case.frame, time) >= 0:
            return "surplus"
        return "orphan"

    def _reserved_at(self, view: Slab, frame: int, time: int) -> bool:
        """PG_reserved of a frame just after a transition of this stretch."""
        at = np.flatnonzero((view.column == _ID["page.flags"]) & (view.row == frame))
        before = at[view.time[at] <= time]
        if len(before):
            return bool(view.new[before[-1]] & PG_reserved)
        if len(at):
            return bool(view.old[at[0]] & PG_reserved)
        return bool(self._flags[frame] & PG_reserved)

    def _caller(self, time: int) -> str:
        """The function that made a transition."""
        return self.run.function_name(int(self.run.log.calls.fn[self.run.log.row(time)[3]]))

    def _end_of_fault(self, time: int) -> int:
        """The last transition of the call that should have given a reference to somebody, and ends without."""
        calls = self.run.log.calls
        call = self.run.log.row(time)[3]
        while calls.parent[call] >= 0:
            parent = int(calls.parent[call])
            if calls.parent[parent] < 0 or self.run.function_name(int(calls.fn[parent])) in OUTER:
                break
            call = parent
        return max(int(calls.end[call]) - 1, time) if calls.parent[call] >= 0 else time

    def _leak(self, view: Slab, time: int, case: Case, why: str, sums: Sums) -> None:
        count, held = sums.count_at(case.frame, time), sums.held_at(case.frame, time)
        text = f"count {count}, holders {held}"
        self._told.append(Event("leak", time, case.op, {"pfn": case.frame}, why, text))

    def _stray(self, time: int, case: Case) -> None:
        text = "a reference was dropped that nobody had taken"
        self._told.append(Event("stray_put", time, case.op, {"pfn": case.frame}, "", text))

    # Events that stand in the log as they are

    def _plain_events(self, view: Slab) -> None:
        self._frees_and_allocs(view)
        self._results(view)
        self._messages(view)
        self._faults(view)

    def _frees_and_allocs(self, view: Slab) -> None:
        moves = view.column == _ID["page.free"]
        for kind, at in (("alloc", moves & (view.new == 0)), ("free", moves & (view.new == 1))):
            self._add(kind, view, view.time[at], pfn=view.row[at])

    def _add(self, kind: str, view: Slab, time: Ints, pfn: Ints | None = None, address: Ints | None = None) -> None:
        """Events of one kind, in columns."""
        nothing = np.full(len(time), -1, np.int64)
        op = view.op_of(time)
        self._plain.append(
            Rows(kind, time, op, nothing if pfn is None else pfn, nothing if address is None else address)
        )

    def _results(self, view: Slab) -> None:
        for at in np.flatnonzero(view.column == _ID["trace.result"]).tolist():
            result, op, time = self.run.strings[int(view.new[at])], int(view.row[at]), int(view.time[at])
            if result.startswith("BUG") or result == "OOPS":
                subject: dict[str, int | str] = {"function": result.removeprefix("BUG: ")}
                self._told.append(Event("bug", time, op, subject, result, "the run ends here"))
            elif result.startswith("-") or result in SIGNALS:
                self._told.append(Event("refused", time, op, {}, result, result))

    def _messages(self, view: Slab) -> None:
        for at in np.flatnonzero(view.column == _ID["trace.message"]).tolist():
            message = json.loads(self.run.strings[int(view.new[at])])
            time, op = int(view.time[at]), view.op_at(int(view.time[at]))
            kind = message.pop("kind")
            subject = {"address" if key == "vaddr" else key: value for key, value in message.items()}
            text = ", ".join(f"{key} {value}" for key, value in message.items() if key not in ("pfn", "fn"))
            self._told.append(Event(kind, time, op, subject, "", text))
            if kind == "bad_page" and self.run.keeps_reserved and message["flags"] & PG_reserved:
                self._limbo(view, time, op, message["pfn"])

    def _limbo(self, view: Slab, time: int, op: int, pfn: int) -> None:
        """The PG_reserved net stops a free: no reference, and on no list. A tail that its driver owns is not lost."""
        head = self._block_of(pfn, time)
        if head not in (-1, pfn):
            return
        call = int(self.run.log.calls.parent[self.run.log.row(time)[3]])
        end = max(int(self.run.log.calls.end[call]) - 1, time)
        self._told.append(Event("limbo", end, op, {"pfn": pfn}, "", "count 0, PG_reserved: on no list"))

    def _faults(self, view: Slab) -> None:
        calls, names = self.run.log.calls, self._names
        first = self.run.op_calls[view.first_op]
        last_op = view.first_op + len(view.op_starts)
        last = self.run.op_calls[last_op] if last_op < self.run.done else len(calls)
        faults = np.flatnonzero(calls.fn[first:last] == names.get("handle_mm_fault", -1)) + first
        time = calls.end[faults].astype(np.int64) - 1
        self._add("fault", view, time, address=calls.a0[faults].astype(np.int64))
        self._copies(view, first, last)

    def _copies(self, view: Slab, first: int, last: int) -> None:
        """cow: do_wp_page gives a pte another frame, do_no_page an anonymous one."""
        calls, names = self.run.log.calls, self._names
        fn, parent = calls.fn[first:last], calls.parent[first:last]
        wp, no_page, rmap = (names.get(name, -1) for name in ("do_wp_page", "do_no_page", "page_add_anon_rmap"))
        early = parent[(fn == rmap) & (parent >= 0)]
        early = early[calls.fn[early] == no_page]
        at = np.flatnonzero(view.column == _ID["pte.val"])
        if not len(at):
            return
        made_by = np.concatenate(
            [chunk.call for chunk in self.run.log.chunks(int(view.time[0]), int(view.time[-1]) + 1)]
        )[at].astype(np.int64)
        present = (view.old[at] & PTE_FRAME != 0) & (view.old[at] >> 12 != view.new[at] >> 12)
        copied = (calls.fn[made_by] == wp) & present | np.isin(made_by, early)
        chosen = at[copied]
        self._add("cow", view, view.time[chosen], pfn=view.new[chosen] >> 12)


_OWNER_COLUMNS = np.array(
    [_ID[name] for name in ("buf.pfn", "buf.order", "buf.state", "pin.pfn", "pin.ref", "cache.pfn", "cache.inode")]
)
