"""What of a recording is the program's own doing, and what is not."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

import mmtui
from mmtui.engine.story import Stretch
from mmtui.live.asides import Region, base_name, foreign, loaders, program, startups, stretches
from mmtui.live.recording import Recording, decode
from mmtui.trace.source import read_bytes
from tests.live.test_recording import HEADER, SUMMARY, text
from tests.live.test_replay import FORK

PIPELINE = Path(__file__).parent / "data" / "pipeline.mmrec.gz"
R, RW, RX = (False, False), (True, False), (False, True)
SPACE = [
    Region(0x10000, 0x12000, "/bin/prog", *R),
    Region(0x12000, 0x14000, "/bin/prog", *RX),
    Region(0x14000, 0x15000, "/bin/prog", *RW),
    Region(0x15000, 0x16000, "", *RW),  # the program's bss
    Region(0x20000, 0x30000, "[heap]", *RW),
    Region(0x40000, 0x41000, "", *RW),
    Region(0x50000, 0x51000, "/lib/libc.so.6", *R),
    Region(0x51000, 0x52000, "/lib/libc.so.6", *RX),
    Region(0x52000, 0x53000, "/lib/libc.so.6", *RW),
    Region(0x53000, 0x54000, "", *RW),  # libc's bss
    Region(0x54000, 0x55000, "", *R),  # a mapping of the program's right behind it
    Region(0x60000, 0x61000, "/usr/share/data.txt", *R),
    Region(0x62000, 0x63000, "/memfd:jit (deleted)", *RX),
    Region(0x70000, 0x71000, "[vdso]", *RX),
    Region(0x7F000, 0x80000, "[stack]", *RW),
]


def area(start, end, perms, path, dev="fe:00:1"):
    return [start, end, perms, "rd mr mw me", 0, dev, path]


PROG = [area(0x10000, 0x11000, "r--p", "/bin/prog"), area(0x11000, 0x12000, "r-xp", "/bin/prog")]
LD = [area(0x70000, 0x71000, "r-xp", "/lib/ld.so", "fe:00:2")]
BEGIN = {"i": 0, "pid": 7, "ev": {"k": "start", "comm": "prog"}, "vma": {"7": {"+": PROG + LD, "-": []}}}


def fault(addr, ip, pid=7):
    return {"i": 1, "pid": pid, "ev": {"k": "fault", "addr": addr, "ip": ip}}


def call(name, pid=7):
    return {"i": 1, "pid": pid, "ev": {"k": "exit", "nr": 9, "name": name, "args": [], "ret": 0}}


def recording(*lines) -> Recording:
    return decode(text(HEADER, *lines, SUMMARY), "x")


LOADING = [fault(0x10000, 0x70010), call("openat"), call("mmap")]
OWN = fault(0x11008, 0x11008)


def test_libraries_with_their_bss_and_the_kernels_areas_are_not_the_programs_own():
    assert foreign(SPACE, frozenset()) == {
        0x50000: "libc.so.6", 0x51000: "libc.so.6", 0x52000: "libc.so.6", 0x53000: "libc.so.6", 0x70000: "[vdso]",
    }  # fmt: skip


def test_a_loader_below_the_program_is_not_taken_for_it():
    below = [Region(0x1000, 0x2000, "/lib/ld.so", *RX), *SPACE]

    assert program(below, frozenset({"/lib/ld.so"})) == "/bin/prog"
    assert 0x1000 in foreign(below, frozenset({"/lib/ld.so"}))


def test_the_loader_is_the_file_in_which_a_fresh_program_first_runs():
    assert loaders(recording(BEGIN, *LOADING, OWN)) == frozenset({"/lib/ld.so"})
    assert loaders(recording(BEGIN | {"vma": {"7": {"+": PROG, "-": []}}}, OWN)) == frozenset()


def test_start_up_ends_where_the_programs_own_code_begins():
    found = list(startups(recording(BEGIN, *LOADING, OWN, OWN)))

    assert [(part.pid, part.first, part.end, part.name) for part in found] == [(7, 1, 4, "prog")]


@pytest.mark.parametrize(
    "lines",
    [
        [BEGIN, *LOADING],  # it never came to its own code
        [BEGIN, *LOADING, {"i": 3, "pid": 7, "ev": {"k": "gone", "code": 1}}],
        [BEGIN | {"vma": {}}, *LOADING, OWN],  # nobody knows what it runs
        [BEGIN | {"vma": {"7": {"+": PROG + LD + [area(0x50000, 0x51000, "r-xp", "/lib/c.so")], "-": []}}}, OWN, OWN],
    ],
)
def test_where_it_is_not_known_nothing_is_start_up(lines):
    assert list(startups(recording(*lines))) == []


def test_stops_of_start_up_are_one_stretch_and_single_stops_stay():
    assert stretches(recording(BEGIN, *LOADING, OWN, OWN)) == [Stretch(1, 4, "start-up of prog")]
    assert stretches(recording(BEGIN, fault(0x10000, 0x70010), OWN)) == []


def test_faults_in_other_peoples_mappings_are_a_stretch_whoever_makes_them():
    child = FORK | {"vma": {"8": {"+": PROG + LD, "-": []}}, "pte": {}, "fr": {}}
    later = [OWN, fault(0x70008, 0x11000), child, fault(0x70010, 0x11000, 8), fault(0x70020, 0x11000), OWN]

    assert stretches(recording(BEGIN, *LOADING, *later)) == [
        Stretch(1, 4, "start-up of prog"),
        Stretch(7, 9, "faults in ld.so"),
    ]


def test_a_process_between_fork_and_exec_runs_the_programs_own_code():
    child = FORK | {"vma": {"8": {"+": PROG + LD, "-": []}}, "pte": {}, "fr": {}}

    found = stretches(recording(BEGIN, *LOADING, OWN, child, call("close", 8), call("dup2", 8)))

    assert found == [Stretch(1, 4, "start-up of prog")]


def test_the_stretches_of_a_real_pipeline():
    timeline = mmtui.load(PIPELINE)
    found = timeline.stretches()
    stops = decode(read_bytes(str(PIPELINE)), "x").stops
    started = [part for part in found if part.text.startswith("start-up")]

    assert {name for part in started for name in part.text.split(", ") if "start-up" in name} == {
        f"start-up of program{n}" for n in (1, 2, 3)
    }
    assert all(before.end <= after.first for before, after in pairwise(found))
    assert all(part.end - part.first >= 2 for part in found)
    folded = {number for part in found for number in range(part.first, part.end)}
    assert len(folded) > len(stops) // 3
    assert not any(stops[number].ev.k in ("start", "exec", "fork", "gone") for number in folded)
    for bookmark in timeline.trace.bookmarks:
        if bookmark.name.startswith("main-"):
            assert bookmark.at.op not in folded


def test_the_mappings_of_a_real_program_at_its_own_first_instruction():
    timeline = mmtui.load(PIPELINE)
    main = next(mark for mark in timeline.trace.bookmarks if mark.name.startswith("main-"))
    timeline.seek(timeline.op_end(main.at.op))
    pid = timeline.op(main.at.op).pid
    others = timeline.foreign(pid)
    own = [vma for vma in timeline.vmas(pid) if vma.start not in others]

    assert {vma.name for vma in own} == {"/file1", "anon", "[stack]"}
    assert {"[vdso]", "[vvar]"} <= set(others.values())
    assert base_name("/file1") not in others.values()


def test_in_an_ordinary_trace_everything_is_the_programs_own():
    timeline = mmtui.load(Path(__file__).parents[2] / "traces" / "fork-cow.json")
    timeline.seek(timeline.op_end(4))

    assert timeline.stretches() == []
    assert all(timeline.foreign(process.pid) == {} for process in timeline.processes())
