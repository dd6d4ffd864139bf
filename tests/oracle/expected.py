"""The vectors: what the kernels' own code did, read into the same columns that the machine has.

A case holds, for each kernel, one result per operation with a delta of the state. `Expected` replays the deltas into
arrays with one row per state: row 0 is the boot, row k + 1 the state after operation k.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Json = dict[str, Any]

KERNELS: Final = {"A": "2.6.14", "B": "2.6.15-rc2", "C": "vm-unpaged", "D": "2.6.15"}
SETS: Final = ("cases", "random", "cases_ext", "random_ext")

PAGE_FLAGS: Final = {
    "locked": 0, "referenced": 2, "uptodate": 3, "dirty": 4, "lru": 5, "active": 6, "slab": 7, "reserved": 10,
    "private": 11, "compound": 14,
}  # fmt: skip
VM_FLAGS: Final = {
    "VM_READ": 0x1, "VM_WRITE": 0x2, "VM_EXEC": 0x4, "VM_SHARED": 0x8, "VM_MAYREAD": 0x10, "VM_MAYWRITE": 0x20,
    "VM_MAYEXEC": 0x40, "VM_MAYSHARE": 0x80, "VM_UNPAGED": 0x400, "VM_PFNMAP": 0x400, "VM_LOCKED": 0x2000,
    "VM_IO": 0x4000, "VM_DONTCOPY": 0x20000, "VM_DONTEXPAND": 0x40000, "VM_RESERVED": 0x80000, "VM_ACCOUNT": 0x100000,
    "VM_NONLINEAR": 0x800000, "VM_INSERTPAGE": 0x2000000,
}  # fmt: skip
PTE_BITS: Final = {"P": 0x005, "RW": 0x002, "A": 0x020, "D": 0x040, "N": 0x080, "F": 0x040}
KINDS: Final = {"none": 0, "anon": 1, "file": 2, "other": 3}

FRAME: Final = ("listed", "free", "count", "mapcount", "flags", "kind")
"""What is known of a frame; all 0 for one that is not listed."""


def folder() -> Path | None:
    """Where the vectors are, if they are here: below MMTUI_SHARED, else in `shared` beside the checkout."""
    shared = Path(os.environ.get("MMTUI_SHARED") or Path(__file__).resolve().parents[3] / "shared")
    return shared / "oracle" if (shared / "oracle" / "cases").is_dir() else None


def files() -> list[list[Path]]:
    """The files of the vectors, in portions of some size: each of the small sets is one."""
    root = folder()
    if root is None:
        return []
    portions: list[list[Path]] = []
    for name in SETS:
        found = sorted((root / name).glob("*.json*"))
        portions += [found] if name.startswith("cases") else [[path] for path in found]
    return portions


def cases(paths: list[Path]) -> Iterator[Json]:
    """Every case of these files."""
    for path in paths:
        if path.name.endswith(".jsonl.gz"):
            with gzip.open(path, "rt", encoding="utf-8") as lines:
                yield from map(json.loads, lines)
        else:
            yield json.loads(path.read_text(encoding="utf-8"))


def trace_of(case: Json, kernel: str) -> Json:
    """The case as a trace."""
    machine = dict(case["machine"])
    machine["vma_merge"] = machine.pop("merge", True)
    return {"mmtui": 1, "kernel": kernel, "machine": machine, "ops": case["ops"]}


class Expected:
    """The states of one case on one kernel, as arrays.

    frames: one array (states x frames) for each of FRAME. ptes: (states x `pte_key`), a pte's number without software
    bits; `pte_key` is pid << 32 | address, sorted. vmas: per state the pids with their lists of vmas, the same object
    as in the state before where nothing changed. rss: per state {pid: (file_rss, anon_rss)}.
    """

    def __init__(self, case: Json, model: str) -> None:
        self.results: list[Json] = case["expect"][model]
        deltas: list[Json] = [case["boot"][model], *(result.get("d", {}) for result in self.results)]
        self.frames = self._frames(deltas, case["machine"]["frames"])
        self.pte_key, self.ptes = self._ptes(deltas)
        self.vmas: list[dict[int, list[tuple[int, ...]]]] = []
        self.rss: list[dict[int, tuple[int, int]]] = []
        self._processes(deltas)
        self.nfree = _series(deltas, "nfree")
        self.merges = _series(deltas, "merges")

    def _frames(self, deltas: list[Json], frames: int) -> dict[str, Ints]:
        now = np.zeros((len(FRAME), frames), np.int64)
        states = np.zeros((len(deltas), len(FRAME), frames), np.int64)
        for row, delta in enumerate(deltas):
            for pfn, frame in delta.get("frames", {}).items():
                now[:, int(pfn)] = (0,) * len(FRAME) if frame is None else _frame(frame)
            states[row] = now
        return {name: states[:, column] for column, name in enumerate(FRAME)}

    def _ptes(self, deltas: list[Json]) -> tuple[Ints, Ints]:
        changes = [dict(_pte_changes(delta)) for delta in deltas]
        keys = sorted({key for change in changes for key in change})
        column = {key: number for number, key in enumerate(keys)}
        now = np.zeros(len(keys), np.int64)
        states = np.zeros((len(deltas), len(keys)), np.int64)
        owner = np.array([key >> 32 for key in keys], np.int64)
        for row, (delta, change) in enumerate(zip(deltas, changes, strict=True)):
            for pid, process in delta.get("procs", {}).items():
                if process is None or process.get("new"):
                    now[owner == int(pid)] = 0
            for key, value in change.items():
                now[column[key]] = value
            states[row] = now
        return np.array(keys, np.int64), states

    def _processes(self, deltas: list[Json]) -> None:
        vmas: dict[int, list[tuple[int, ...]]] = {}
        rss: dict[int, tuple[int, int]] = {}
        for delta in deltas:
            if "procs" in delta:
                vmas, rss = dict(vmas), dict(rss)
            for number, process in delta.get("procs", {}).items():
                pid = int(number)
                if process is None:
                    del vmas[pid], rss[pid]
                    continue
                if "vmas" in process:
                    vmas[pid] = [_vma(vma) for vma in process["vmas"]]
                file_rss, anon_rss = rss.get(pid, (0, 0))
                rss[pid] = process.get("file_rss", file_rss), process.get("anon_rss", anon_rss)
            self.vmas.append(vmas)
            self.rss.append(rss)


def _frame(frame: list[Any]) -> tuple[int, ...]:
    free, count, mapcount, flags, kind = frame
    bits = sum(1 << PAGE_FLAGS[flag] for flag in flags.split("|") if flag)
    return 1, free, count, mapcount, bits, KINDS[kind]


def _vma(vma: list[Any]) -> tuple[int, ...]:
    start, end, flags, pgoff, anon_vma = vma
    return start, end, sum(VM_FLAGS[flag] for flag in flags), pgoff, anon_vma


def _pte_changes(delta: Json) -> Iterator[tuple[int, int]]:
    for pid, process in delta.get("procs", {}).items():
        for address, pte in ((process or {}).get("ptes") or {}).items():
            yield int(pid) << 32 | int(address), 0 if pte is None else _pte(*pte)


def _pte(pfn: int, text: str) -> int:
    return pfn << 12 | sum(PTE_BITS[bit] for bit in text.split("|"))


def _series(deltas: list[Json], name: str) -> list[int]:
    values: list[int] = []
    for delta in deltas:
        values.append(delta[name] if name in delta else values[-1])
    return values
