"""A recording as a log: what the columns say after each stop is what the recorder saw then."""

from __future__ import annotations

import numpy as np
import pytest

from mmtui.engine.pgtable import PTE_PRESENT, PTE_UNKNOWN, pte_pfn, pte_text
from mmtui.engine.schema import COLUMN, PTES_PER_PT, ROW_BITS, ROW_MASK, UNKNOWN
from mmtui.formats.crash import kmem_lines
from mmtui.live.recording import USER_END, Recording, decode
from mmtui.live.replay import Replay
from mmtui.live.timeline import load as load_timeline
from mmtui.words import ledger_text
from tests.live.recorder import load, run
from tests.live.test_recording import AREA, HEADER, MUNMAP, START, SUMMARY, text

FORK = {
    "i": 1, "t": 6, "pid": 7, "ev": {"k": "fork", "child": 8, "tgid": 8, "comm": "a.out"},
    "vma": {"8": {"+": [AREA], "-": []}}, "pte": {"8": {"10000": [81, "p"]}}, "fr": {"81": [2, "5808"]},
}  # fmt: skip
COPY = {
    "i": 2, "t": 7, "pid": 8, "ev": {"k": "fault", "addr": 0x10008, "ip": 0x400000},
    "pte": {"8": {"10000": [99, "p"]}}, "fr": {"81": [1, "400005808"], "99": [1, "400005808"]},
}  # fmt: skip
REUSE = {"i": 3, "t": 8, "pid": 7, "ev": {"k": "fault", "addr": 0x10010}, "fr": {"81": [1, "400005808"]}}
GONE = {"i": 4, "t": 9, "pid": 8, "ev": {"k": "gone", "code": 0}, "end": 8, "fr": {"99": [0, "400"]}}
LIVES = [HEADER, START, FORK, COPY, REUSE, GONE, SUMMARY]


class Machine:
    """The columns of a replay at the end of each operation, by applying the log to what was there at the beginning."""

    def __init__(self, replay: Replay) -> None:
        self.replay = replay
        self.columns = {name: np.zeros(size, np.int64) for name, size in zip(COLUMN, replay.rows(), strict=True)}
        for name, values in replay.boot.items():
            self.columns[name][: len(values)] = values
        self._names = {info.id: name for name, info in COLUMN.items()}
        self._rows = [
            (int(cell), int(old), int(new))
            for chunk in replay.log.chunks()
            for cell, old, new in zip(chunk.cell, chunk.old, chunk.new, strict=True)
        ]
        self._at = 0

    def run_to(self, op: int) -> None:
        """To the end of an operation; every change must find the old value that it names."""
        end = int(self.replay.log.calls.end[self.replay.op_calls[op]])
        for cell, old, new in self._rows[self._at : end]:
            column = self.columns[self._names[cell >> ROW_BITS]]
            assert column[cell & ROW_MASK] == old
            column[cell & ROW_MASK] = new
        self._at = end

    def processes(self) -> dict[int, int]:
        """The row of mm of each process that lives."""
        column = self.columns
        return {int(column["task.pid"][t]): int(column["task.mm"][t]) for t in np.flatnonzero(column["task.state"])}

    def areas(self, mm: int) -> dict[int, tuple[int, str]]:
        """End and VmFlags of each area by start."""
        column = self.columns
        rows = np.flatnonzero((column["vma.state"] == 1) & (column["vma.mm"] == mm))
        return {
            int(column["vma.vm_start"][row]): (
                int(column["vma.vm_end"][row]),
                self.replay.strings[int(column["vma.letters"][row])],
            )
            for row in rows
        }

    def entries(self, mm: int) -> dict[int, int]:
        """The entries of an address space by address."""
        column = self.columns
        found = {}
        for table in np.flatnonzero(column["pt.mm"] == mm):
            values = column["pte.val"][table * PTES_PER_PT : (table + 1) * PTES_PER_PT]
            for slot in np.flatnonzero(values):
                found[int(column["pt.base"][table]) + int(slot) * 4096] = int(values[slot])
        return found


def follow(recording: Recording):
    """The machine after each stop, beside what plain dicts make of the same deltas."""
    machine = Machine(Replay(recording))
    areas, entries, owner = {}, {}, {}
    for number, stop in enumerate(recording.stops):
        machine.run_to(number)
        if stop.ev.k in ("fork", "vfork", "clone") and stop.ev.tgid != stop.pid:
            owner[stop.ev.tgid] = stop.ev.tgid
        owner.setdefault(stop.pid, stop.pid)
        owner.update(stop.mm)
        for key, change in stop.vma.items():
            for start in change.unmapped:
                areas.setdefault(key, {}).pop(start, None)
            areas.setdefault(key, {}).update({a.start: (a.end, a.flags) for a in change.mapped if a.start < USER_END})
        for key, gone in stop.unpte.items():
            for address in gone:
                entries[key].pop(int(address, 16))
        for key, new in stop.pte.items():
            entries.setdefault(key, {}).update({int(address, 16): entry for address, entry in new.items()})
        if stop.ev.k == "gone":
            del owner[stop.pid]
        if stop.end is not None:
            areas.pop(stop.end, None)
            entries.pop(stop.end, None)
        yield stop, machine, {pid: (areas.get(key, {}), entries.get(key, {})) for pid, key in owner.items()}


def assert_faithful(recording: Recording, every: int = 1) -> None:
    for number, (_, machine, seen) in enumerate(follow(recording)):
        if number % every and number + 1 < len(recording.stops):
            continue
        processes = machine.processes()
        assert set(processes) == set(seen)
        for pid, (areas, entries) in seen.items():
            assert machine.areas(processes[pid]) == areas
            found = machine.entries(processes[pid])
            assert set(found) == set(entries)
            for address, value in found.items():
                entry = entries[address]
                assert bool(value & PTE_PRESENT) == ("p" in entry.letters)
                if entry.pfn and "p" in entry.letters:
                    assert machine.columns["page.pfn"][pte_pfn(value)] == entry.pfn


def words(replay: Replay) -> list[tuple[str, str]]:
    return [(op.name, replay.result(number)) for number, op in enumerate(replay.operations)]


@pytest.mark.parametrize(("name", "every"), [("forkload2", 1), ("pipeline", 5), ("pyfork", 50)])
def test_a_stored_recording_is_replayed_to_the_same_areas_and_entries(samples, name, every):
    assert_faithful(load(samples / f"{name}.jsonl.gz"), every)


def test_a_fresh_recording_is_replayed_to_the_same_areas_and_entries(recorder, tmp_path):
    script = "import os, subprocess; subprocess.run(['true']); os.fork() or os._exit(0); os.wait()"
    run("-o", "r.jsonl", "--", "python3", "-S", "-E", "-c", script, cwd=tmp_path)

    assert_faithful(load(tmp_path / "r.jsonl"), 40)


def test_fork_copy_and_reuse_are_told_as_such():
    replay = Replay(decode(text(*LIVES), "x"))

    assert words(replay) == [("start", "ok"), ("fork", "ok"), ("fault", "copied"), ("fault", "reused"), ("exit", "ok")]
    assert [(event.kind, event.op) for event in replay.events()] == [
        ("fault", 2), ("cow", 2), ("fault", 3), ("free", 4),
    ]  # fmt: skip


def test_what_a_recording_does_not_know_is_unknown_and_not_zero():
    machine = Machine(Replay(decode(text(*LIVES), "x")))

    before = {name: int(machine.columns[f"page.{name}"][2]) for name in ("count", "mapcount", "kflags", "pfn")}
    machine.run_to(1)

    assert before == {"count": UNKNOWN, "mapcount": UNKNOWN, "kflags": UNKNOWN, "pfn": 81}
    assert (machine.columns["page.mapcount"][2], machine.columns["page.count"][2]) == (2, UNKNOWN)
    assert {pte_text(value) for value in machine.entries(machine.processes()[8]).values()} == {"P|?"}


def test_without_frame_numbers_a_fork_shares_symbolic_frames_and_a_fault_makes_a_new_one():
    hidden = HEADER | {"recording": HEADER["recording"] | {"pfn": False}}
    lines = [hidden, *LIVES[1:]]
    for index, line in enumerate(lines):
        lines[index] = {key: value for key, value in line.items() if key != "fr"}
        if "pte" in line:
            lines[index]["pte"] = {
                pid: {a: [None, letters] for a, (_, letters) in e.items()} for pid, e in line["pte"].items()
            }

    machine = Machine(Replay(decode(text(*lines), "x")))
    machine.run_to(1)
    pids = machine.processes()
    shared = [pte_pfn(machine.entries(pids[pid])[0x10000]) for pid in (7, 8)]
    machine.run_to(2)
    apart = [pte_pfn(machine.entries(pids[pid])[0x10000]) for pid in (7, 8)]

    assert shared[0] == shared[1] == apart[0]
    assert apart[1] != apart[0]
    assert set(machine.columns["page.mapcount"].tolist()) == {UNKNOWN}
    assert set(machine.columns["page.pfn"].tolist()) == {UNKNOWN}


def test_a_borrowed_address_space_is_the_same_mm_until_the_exec():
    vfork = FORK | {"ev": FORK["ev"] | {"k": "vfork"}, "mm": {"8": 7}, "vma": {}, "pte": {}, "fr": {}}
    execs = {
        "i": 2, "t": 7, "pid": 8, "ev": {"k": "exec", "comm": "ls"}, "mm": {"8": 8},
        "vma": {"8": {"+": [AREA], "-": []}},
    }  # fmt: skip

    machine = Machine(Replay(decode(text(HEADER, START, vfork, execs, SUMMARY), "x")))
    machine.run_to(1)
    borrowed = machine.processes()
    machine.run_to(2)
    own = machine.processes()

    assert borrowed[7] == borrowed[8]
    assert own[8] != own[7] == borrowed[7]
    assert machine.areas(own[8]) == {0x10000: (0x12000, AREA[3])}


def test_swapped_and_guarded_entries_are_not_present_and_not_nothing():
    line = START | {"pte": {"7": {"10000": [0x1234, "s"], "11000": [0x1F, "sg"]}}, "fr": {}}

    machine = Machine(Replay(decode(text(HEADER, line, SUMMARY), "x")))
    machine.run_to(0)
    found = machine.entries(machine.processes()[7])

    assert [pte_text(value) for value in found.values()] == ["S", "G"]
    assert all(value & PTE_UNKNOWN and not value & PTE_PRESENT for value in found.values())


def test_munmap_takes_the_entry_the_table_and_the_area_away():
    replay = Replay(decode(text(HEADER, START, MUNMAP, SUMMARY), "x"))
    machine = Machine(replay)
    machine.run_to(1)
    mm = machine.processes()[7]

    assert (machine.entries(mm), machine.areas(mm)) == ({}, {})
    assert not machine.columns["pt.mm"].any()
    assert replay.operations[1].details == "pid 7 a.out  addr 10000 length 8192"


WAITING = MUNMAP | {"fr": {"81": [0, "5008"]}}
"""Nothing maps the page any more; it is anonymous still, and on no LRU list."""


def test_a_page_that_waits_for_its_free_is_no_leak():
    timeline = load_timeline(text(HEADER, START, WAITING, SUMMARY))
    timeline.seek(len(timeline))
    ledger = timeline.holders(2)

    assert timeline.frame(2).words == "unmapped, free not seen yet"
    assert (ledger.waits, ledger.surplus, ledger.rows) == (True, 0, ())
    assert ledger_text(ledger) == [" ?  page_count of 002, not seen; nothing maps it, and it waits to be freed"]
    assert "unmapped, free not seen yet" in kmem_lines(timeline, [2])[1]
    assert not list(timeline.events("leak"))
    assert timeline.frame_kinds()[2] != b"!"


@pytest.mark.parametrize("frame", [[0, "0"], [0, "400"], [1, "5808"], [2, "5808"]])
def test_a_page_that_is_mapped_or_was_given_back_does_not_wait(frame):
    timeline = load_timeline(text(HEADER, START, MUNMAP | {"fr": {"81": frame}}, SUMMARY))
    timeline.seek(len(timeline))

    assert not timeline.holders(2).waits
