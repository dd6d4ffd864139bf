"""One case on one kernel: the engine's results, messages and whole state, after each operation, against the vectors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import mmtui
from tests.oracle.expected import FRAME, KERNELS, PAGE_FLAGS, Expected, Ints, Json, trace_of

REMARKABLE = sum(1 << PAGE_FLAGS[name] for name in ("reserved", "lru", "compound"))
KNOWN_FLAGS = sum(1 << bit for bit in PAGE_FLAGS.values())
PTE_SHOWN = ~0xFFF | 0x1E7
"""A pte without the two software bits of the ledger (and the two cache bits, which are never set)."""
VMA = ("state", "mm", "vm_start", "vm_end", "vm_flags", "vm_pgoff", "anon_vma")


class Seen:
    """The machine at the boot and after each operation, in the columns of `Expected`."""

    def __init__(self, timeline: Any, operations: int, holes: list[list[int]], total_rss: bool) -> None:
        self.timeline = timeline
        self.total_rss = total_rss
        positions = [timeline.op_start(0), *(timeline.op_end(op) for op in range(operations))]
        machine = timeline.machine
        self.valid = np.ones(len(machine.page.count), bool)
        for start, end in holes:
            self.valid[start:end] = False
        self.page: list[list[Ints]] = []
        self.ptes: list[tuple[Ints, Ints]] = []
        self.vmas: list[dict[int, list[tuple[int, ...]]]] = []
        self.rss: list[dict[int, tuple[int, int]]] = []
        self.merges: list[int] = []
        self._vma_key = b""
        for position in positions:
            timeline.seek(position)
            self._look(timeline.machine)

    def _look(self, machine: Any) -> None:
        page, task, mm = machine.page, machine.task, machine.mm
        self.page.append([x.copy() for x in (page.free, page.count, page.mapcount, page.flags, page.mapping)])
        running = np.flatnonzero(task.state == 1)
        pid_of_mm = np.zeros(len(mm.anon_rss), np.int64)
        pid_of_mm[task.mm[running]] = task.pid[running]
        rows = [(int(task.pid[row]), int(task.mm[row])) for row in running]
        self.rss.append({pid: self._rss_of(mm, row) for pid, row in rows})
        self.ptes.append(self._ptes_of(machine, pid_of_mm))
        self.vmas.append(self._vmas_of(machine.vma, pid_of_mm))
        self.merges.append(int(machine.sys.merges[0]))

    def _rss_of(self, mm: Any, row: int) -> tuple[int, int]:
        anon_rss = int(mm.anon_rss[row])
        return int(mm.rss[row]) - anon_rss if self.total_rss else int(mm.file_rss[row]), anon_rss

    def _ptes_of(self, machine: Any, pid_of_mm: Ints) -> tuple[Ints, Ints]:
        values = machine.pte.val
        rows = np.flatnonzero(values)
        table = rows >> 10
        pid = pid_of_mm[machine.pt.mm[table]]
        keys = pid << 32 | machine.pt.base[table] + ((rows & 1023) << 12)
        return keys[pid > 0], (values[rows] & PTE_SHOWN)[pid > 0]

    def _vmas_of(self, vma: Any, pid_of_mm: Ints) -> dict[int, list[tuple[int, ...]]]:
        columns = np.stack([getattr(vma, name) for name in VMA])
        key = columns.tobytes() + pid_of_mm.tobytes()
        if key == self._vma_key and self.vmas:
            return self.vmas[-1]
        self._vma_key = key
        linked = columns[:, columns[0] == 1]
        found: dict[int, list[tuple[int, ...]]] = {int(pid): [] for pid in pid_of_mm if pid}
        for _, mm, start, end, flags, pgoff, anon in sorted(zip(*linked.tolist(), strict=True), key=lambda v: v[1:3]):
            if pid_of_mm[mm]:
                found[int(pid_of_mm[mm])].append((start, end, flags, pgoff, int(anon != 0)))
        return found

    def frames(self) -> dict[str, Ints]:
        """One array (states x frames) for each of FRAME, as the vectors list them: dull free frames are left out."""
        free, count, mapcount, flags, mapping = (np.array(column) for column in zip(*self.page, strict=True))
        flags = flags & KNOWN_FLAGS
        dull = (free != 0) & (count == 0) & (mapcount == 0) & (flags & REMARKABLE == 0) & (mapping == 0)
        listed = ~dull & self.valid
        kind = np.where(mapping == 0, 0, np.where(mapping & 1, 1, 2))
        columns = (listed, free, count, mapcount, flags, kind)
        return {name: np.where(listed, column, 0) for name, column in zip(FRAME, columns, strict=True)}

    def nfree(self) -> list[int]:
        """The number of free frames in each state."""
        return [int(columns[0][self.valid].sum()) for columns in self.page]


def differences(case: Json, model: str) -> tuple[int, list[str]]:
    """How many operations were compared, and each difference: the operation, what was wanted, what was got."""
    timeline = mmtui.load(trace_of(case, KERNELS[model]))
    expected = Expected(case, model)
    report = list(timeline.report(state=False))
    if len(report) != len(expected.results):
        return 0, [f"{len(expected.results)} operations wanted, {len(report)} run; the last: {report[-1]}"]
    seen = Seen(timeline, len(report), case["machine"].get("holes", []), model == "A")
    found = [
        *_result_differences(expected.results, report),
        *_frame_differences(expected, seen),
        *_pte_differences(expected, seen),
        *_process_differences(expected, seen),
    ]
    found.sort(key=lambda difference: difference[0])
    return len(report), [f"op {op - 1} {_op_text(case, op)}: {text}" for op, text in found]


def _op_text(case: Json, state: int) -> str:
    return "boot" if state == 0 else str(case["ops"][state - 1])


def _result_differences(wanted: list[Json], report: list[Json]) -> Iterator[tuple[int, str]]:
    for op, (want, got) in enumerate(zip(wanted, report, strict=True)):
        pairs = [("r", "result"), ("pfn", "pfn"), ("value", "value"), ("faults", "faults")]
        for theirs, ours in pairs:
            if want.get(theirs) != got.get(ours):
                yield op + 1, f"{ours}: want {want.get(theirs)} got {got.get(ours)}"
        if want.get("m", []) != got["messages"]:
            yield op + 1, f"messages: want {want.get('m', [])} got {got['messages']}"
        if bool(want.get("abort")) != bool(got.get("abort")):
            yield op + 1, f"abort: want {want.get('abort')} got {got.get('abort')}"


def _frame_differences(expected: Expected, seen: Seen) -> Iterator[tuple[int, str]]:
    frames = seen.frames()
    for name in FRAME:
        want, got = expected.frames[name], frames[name]
        for state, pfn in np.argwhere(want != got)[:20]:
            yield int(state), f"frame {pfn} {name}: want {want[state, pfn]} got {got[state, pfn]}"
    for name, want, got in (("nfree", expected.nfree, seen.nfree()), ("merges", expected.merges, seen.merges)):
        yield from ((k, f"{name}: want {w} got {g}") for k, (w, g) in enumerate(zip(want, got, strict=True)) if w != g)


def _pte_differences(expected: Expected, seen: Seen) -> Iterator[tuple[int, str]]:
    keys = expected.pte_key
    for state, (found, values) in enumerate(seen.ptes):
        place = np.searchsorted(keys, found)
        known = place < len(keys)
        known[known] = keys[place[known]] == found[known]
        got = np.zeros(len(keys), np.int64)
        got[place[known]] = values[known]
        for key, value in zip(found[~known].tolist(), values[~known].tolist(), strict=True):
            yield state, f"pte {key >> 32}:{key & 0xFFFFFFFF:08x}: want none got {value:08x}"
        for column in np.flatnonzero(expected.ptes[state] != got).tolist():
            key, want = int(keys[column]), int(expected.ptes[state, column])
            yield state, f"pte {key >> 32}:{key & 0xFFFFFFFF:08x}: want {want:08x} got {int(got[column]):08x}"


def _process_differences(expected: Expected, seen: Seen) -> Iterator[tuple[int, str]]:
    for state, (want, got) in enumerate(zip(expected.vmas, seen.vmas, strict=True)):
        if want != got:
            yield state, f"vmas: want {want} got {got}"
    for state, (rss, ours) in enumerate(zip(expected.rss, seen.rss, strict=True)):
        if rss != ours:
            yield state, f"(file_rss, anon_rss): want {rss} got {ours}"
