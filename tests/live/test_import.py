"""Importing kernel traces: lines of every form, the frames that they name, what contradicts them, what was lost."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mmtui
from mmtui.engine.schema import UNKNOWN
from mmtui.live import importer_file
from mmtui.live.importer_file import import_file, import_lines
from mmtui.live.importer_lines import read_lines, returned, system_call
from mmtui.trace.errors import TraceError
from tests.live.recorder import ROOT

BASE = 0x7F0000000000
MOVABLE = "migratetype=1 gfp_flags=GFP_HIGHUSER_MOVABLE|__GFP_ZERO|__GFP_COMP"


@pytest.fixture(scope="module")
def stored() -> Path:
    """Traces of a real kernel."""
    folder = Path(os.environ.get("MMTUI_SHARED", ROOT.parent / "shared")) / "live"
    if not folder.is_dir():
        pytest.skip("no stored traces here (MMTUI_SHARED names the folder that has live)")
    return folder


class Trace:
    """Writes ftrace text, a microsecond a line."""

    def __init__(self):
        self.lines = ["# tracer: nop"]

    def event(self, text, tid=100, tgid=None, comm="prog"):
        time = f"1.{len(self.lines):06}"
        self.lines.append(f"  {comm}-{tid}   ({tgid or tid:7}) [000] d.... {time}: {text}")
        return self

    def map(self, pages=4, flags="22", prot=3):
        self.event(f"sys_enter: NR 9 (0, {pages * 4096:x}, {prot}, {flags}, ffffffff, 0)")
        return self.event(f"sys_exit: NR 9 = {BASE}")

    def fault(self, page, error, pfn=None, tid=100):
        self.event(f"page_fault_user: address=0x{BASE + page * 4096:x} ip=0x401000 error_code={error:#x}", tid)
        return self.alloc(pfn, tid) if pfn is not None else self

    def alloc(self, pfn, tid=100):
        return self.event(f"mm_page_alloc: page=00000000aa pfn={pfn:#x} order=0 {MOVABLE}", tid)

    def free(self, pfn, tid=100):
        return self.event(f"mm_page_free: page=00000000aa pfn={pfn:#x} order=0", tid)

    def fork(self, child=101):
        self.event(f"sched_process_fork: comm=prog pid=100 child_comm=prog child_pid={child}")
        return self

    def call(self, number, *args, ret=0):
        self.event(f"sys_enter: NR {number} ({', '.join(f'{arg:x}' for arg in (*args, 0, 0, 0, 0, 0, 0)[:6])})")
        return self.event(f"sys_exit: NR {number} = {ret}")

    def import_(self, folder):
        """The timeline of the recording that it makes, at its end."""
        path = folder / "imported.jsonl"
        path.write_bytes(import_lines(read_lines(self.lines)).data)
        timeline = mmtui.load(path)
        timeline.seek(len(timeline))
        return timeline


def frames(timeline, pid=100):
    """The real frame numbers of a process's entries, by page."""
    pfn = timeline.machine.page.pfn
    return {(each.address - BASE) >> 12: int(pfn[each.pfn]) for each in timeline.ptes(pid)}


def row(timeline, pfn):
    return list(timeline.machine.page.pfn).index(pfn)


def kinds(timeline):
    return [(event.kind, int(timeline.machine.page.pfn[event.subject["pfn"]]))
            for event in timeline.events() if event.why == "observed"]  # fmt: skip


# What events come to


def test_a_fault_with_an_allocation_is_a_page_with_that_frame(tmp_path):
    timeline = Trace().map().fault(0, 6, 0x1234).import_(tmp_path)

    assert frames(timeline) == {0: 0x1234}
    assert timeline.machine.page.mapcount[row(timeline, 0x1234)] == 1
    assert [timeline.op(number).name for number in range(timeline.op_count)] == ["mmap", "fault"]
    assert timeline.vmas(100)[0].end - timeline.vmas(100)[0].start == 4 * 4096


def test_fork_shares_and_a_write_with_an_allocation_copies(tmp_path):
    timeline = Trace().map().fault(0, 6, 0x10).fork().fault(0, 7, 0x20, tid=101).import_(tmp_path)

    assert (frames(timeline), frames(timeline, 101)) == ({0: 0x10}, {0: 0x20})
    assert timeline.machine.page.mapcount[row(timeline, 0x10)] == 1
    assert [event.kind for event in timeline.events("cow")] == ["cow"]


def test_a_write_without_an_allocation_reuses_the_page(tmp_path):
    timeline = Trace().map().fault(0, 6, 0x10).fork().fault(0, 7).import_(tmp_path)

    assert frames(timeline) == frames(timeline, 101) == {0: 0x10}
    assert timeline.result(timeline.op_count - 1) == "reused"


def test_a_read_of_untouched_memory_is_the_zero_page(tmp_path):
    timeline = Trace().map().fault(1, 4).import_(tmp_path)

    assert timeline.result(1) == "zero page"


def test_a_page_of_a_file_has_no_known_frame(tmp_path):
    timeline = Trace().map(flags="2").fault(1, 4).import_(tmp_path)

    assert timeline.result(1) == "page of a file"
    assert frames(timeline) == {1: UNKNOWN}


def test_populate_gives_the_frames_in_the_order_of_the_addresses(tmp_path):
    trace = Trace().event(f"sys_enter: NR 9 (0, 3000, 3, 8022, ffffffff, 0)")  # noqa: F541
    trace.alloc(7).alloc(5).alloc(9).event(f"sys_exit: NR 9 = {BASE}")

    assert frames(trace.import_(tmp_path)) == {0: 7, 1: 5, 2: 9}


def test_munmap_mprotect_and_dontneed_change_the_areas_and_entries(tmp_path):
    trace = Trace().map().fault(0, 6, 1).fault(1, 6, 2).fault(3, 6, 3)
    trace.call(10, BASE + 4096, 4096, 1).call(28, BASE, 4096, 4).call(11, BASE + 3 * 4096, 4096)

    timeline = trace.import_(tmp_path)

    assert frames(timeline) == {1: 2}
    assert [(vma.start - BASE) >> 12 for vma in timeline.vmas(100)] == [0, 1, 2]


def test_mremap_takes_the_pages_along(tmp_path):
    trace = Trace().map().fault(1, 6, 5).call(25, BASE, 4 * 4096, 4 * 4096, 3, BASE + 64 * 4096, ret=BASE + 64 * 4096)

    timeline = trace.import_(tmp_path)

    assert frames(timeline) == {65: 5}
    assert not timeline.events("leak")


def test_an_area_that_nobody_saw_being_made_is_made_up_of_what_is_touched(tmp_path):
    timeline = Trace().fault(5, 6, 5).fault(6, 6, 6).fault(9, 6, 9).import_(tmp_path)

    assert [((vma.start - BASE) >> 12, (vma.end - BASE) >> 12, vma.name) for vma in timeline.vmas(100)] == [
        (5, 7, "[unknown]"),
        (9, 10, "[unknown]"),
    ]


def test_exec_and_exit_take_everything_away(tmp_path):
    trace = Trace().map().fault(0, 6, 1).fork().call(59, 1, 2, 3)
    trace.event("sys_enter: NR 231 (0, 0, 0, 0, 0, 0)", 101).free(1, 101)
    trace.event("sched_process_exit: comm=prog pid=101 prio=120 group_dead=true", 101)

    timeline = trace.import_(tmp_path)

    assert frames(timeline) == {}
    assert [process.pid for process in timeline.processes()] == [100]
    assert kinds(timeline) == []


def test_a_thread_is_no_process(tmp_path):
    trace = Trace().map().event("task_newtask: pid=101 comm=prog clone_flags=3d0f00 oom_score_adj=0").fork()

    timeline = trace.event("page_fault_user: address=0x7f0000000000 ip=0x1 error_code=0x6", 101, 100).import_(tmp_path)

    assert [process.pid for process in timeline.processes()] == [100]


# Contradictions


def test_a_free_of_a_mapped_frame_is_something_to_stop_at(tmp_path):
    timeline = Trace().map().fault(0, 6, 0x10).free(0x10).import_(tmp_path)

    assert kinds(timeline) == [("free_mapped", 0x10)]
    assert timeline.next("free_mapped", 0) == timeline.events("free_mapped")[0].position


def test_an_allocation_of_a_mapped_frame_is_something_to_stop_at(tmp_path):
    timeline = Trace().map().fault(0, 6, 0x10).fault(1, 6, 0x10).import_(tmp_path)

    assert kinds(timeline) == [("window_on_foreign", 0x10)]


def test_a_last_unmap_without_a_free_is_something_to_stop_at(tmp_path):
    timeline = Trace().map().fault(0, 6, 0x10).fault(1, 6, 0x11).call(11, BASE, 4 * 4096).free(0x11).import_(tmp_path)

    assert kinds(timeline) == [("leak", 0x10)]
    assert timeline.op(timeline.events("leak")[0].op).name == "munmap"


def test_a_new_page_that_never_came_to_its_lru_list_has_a_grace(tmp_path):
    trace = Trace().map().fault(0, 6, 0x10).fault(1, 6, 0x11)
    trace.event("mm_lru_insertion: folio=00000000aa pfn=0x11 lru=0 flags=Ma b").call(11, BASE, 4 * 4096)
    timeline = trace.import_(tmp_path)

    assert sorted(kinds(timeline)) == [("leak", 0x11), ("limbo", 0x10)]
    assert timeline.frame(row(timeline, 0x10)).words == "unmapped, free not seen yet"


def test_the_pages_of_a_process_that_ended_have_a_grace(tmp_path):
    trace = Trace().map().fault(0, 6, 0x10).call(231, 0)
    timeline = trace.event("sched_process_exit: comm=prog pid=100 prio=120").import_(tmp_path)

    assert kinds(timeline) == [("limbo", 0x10)]
    assert timeline.holders(row(timeline, 0x10)).waits


def test_a_frame_that_comes_back_was_freed_unseen(tmp_path):
    trace = Trace().map().fault(0, 6, 0x10).call(28, BASE, 4096, 4).fault(1, 6, 0x10)

    assert kinds(trace.import_(tmp_path)) == []
    assert import_lines(read_lines(trace.lines)).unseen_frees == 1


# Lines


def test_lost_events_are_counted_and_stand_where_they_were_lost(tmp_path):
    trace = Trace().map()
    trace.lines.insert(1, "# entries-in-buffer/entries-written: 10/17   #P:2")
    trace.lines.append("CPU:1 [LOST 25 EVENTS]")
    trace.fault(0, 6, 1)

    timeline = trace.import_(tmp_path)

    assert [timeline.op(number).name for number in range(timeline.op_count)] == ["lost", "mmap", "lost", "fault"]
    assert [timeline.op(number).args["count"] for number in (0, 2)] == [7, 25]
    assert import_lines(read_lines(trace.lines)).lost == 32


@pytest.mark.parametrize("line", [
    "CPU:0 [123 EVENTS DROPPED]", "  prog 100 [000] 1.5: PERF_RECORD_LOST lost 123", "CPU 1: lost 123 events",
])  # fmt: skip
def test_every_tool_has_its_way_to_say_that_events_were_lost(line):
    assert read_lines([line]).lost == {0: 123}


def test_lines_that_mean_nothing_are_counted(tmp_path):
    trace = Trace().map()
    trace.lines += ["", "cpus=2", "\x00\xff binary", "  prog-100 [000] 1.0: sched_switch: prev_comm=x"]

    done = import_lines(read_lines(trace.lines))

    assert done.skipped == 3
    assert done.stops == 1


FORMS = [
    "        prog-100   (    100) [001] d..2.  2058.610011: mm_page_free: page=0 pfn=0x10 order=0",
    "        prog-100   [001] d..2.  2058.610011: mm_page_free: page=0 pfn=0x10 order=0",
    "        prog-100   [001]  2058.610011: mm_page_free:         page=0x10 pfn=0x10 order=0",
    "        prog-100   (-------) [001] .....  2058.610011: mm_page_free: page=0 pfn=16 order=0",
    "  trace: prog-100   [001]  2058.610011: kmem:mm_page_free:  pfn=0x10 order=0",
    "        prog   100 [001]  2058.610011:           kmem:mm_page_free: page=0x10 pfn=0x10 order=0",
    "        prog   100/100 [001]  2058.610011:    1 kmem:mm_page_free: page=0x10 pfn=0x10 order=0",
]


@pytest.mark.parametrize("line", FORMS)
def test_a_line_of_any_tool_is_the_same_event(line):
    (event,) = read_lines([line]).events

    assert (event.comm, event.tid, event.event, event.number("pfn")) == ("prog", 100, "mm_page_free", 16)
    assert event.time == 2058.610011


def test_a_name_may_have_blanks_and_dashes():
    line = "  Web-Content 7-123-456   [001] .....  1.5: sys_exit: NR 3 = 0"

    assert (read_lines([line]).events[0].comm, read_lines([line]).events[0].tid) == ("Web-Content 7-123", 456)


def test_system_calls_are_read_with_and_without_their_raw_form():
    raw = "00, 10, 00, 00, 00, 00, 00, 00, ff, ff, ff, ff, 00, 00, 00, 00"
    cooked, bare, left, minus = read_lines([
        "  prog-1 [000] 1.0: sys_enter: NR 9 (1000, ffffffff)",
        f"  prog-1 [000] 1.0: sys_enter: id=9 args=ARRAY[{raw}]",
        "  prog-1 [000] 1.0: sys_exit: NR 9 = -12", "  prog-1 [000] 1.0: sys_exit: id=9 ret=0xfffffffffffffff4",
    ]).events  # fmt: skip

    assert system_call(cooked) == system_call(bare) == (9, (0x1000, 0xFFFFFFFF))
    assert returned(left) == returned(minus) == (9, -12)


def test_page_faults_alone_are_faults_of_symbolic_frames(tmp_path):
    lines = [f"  prog 7/7  1.{n:06}: page-faults:u:     {BASE + n * 4096:x}" for n in range(3)]
    path = tmp_path / "faults.jsonl"
    path.write_bytes(import_lines(read_lines(lines)).data)

    timeline = mmtui.load(path)
    timeline.seek(len(timeline))

    assert timeline.op_count == 3
    assert len({each.pfn for each in timeline.ptes(7)}) == 3
    assert {int(timeline.machine.page.pfn[each.pfn]) for each in timeline.ptes(7)} == {UNKNOWN}


# Files


def test_a_file_without_any_event_is_one_clear_line(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("nothing\nof the kind\n")

    with pytest.raises(TraceError, match="no line of it is an event of a kernel trace"):
        import_file(str(path))


@pytest.mark.parametrize(("magic", "tool"), [(b"\x17\x08\x44tracing7\x00", "trace-cmd"), (b"PERFILE2....", "perf")])
def test_a_binary_file_without_its_tool_says_what_to_do(tmp_path, monkeypatch, magic, tool):
    monkeypatch.setattr(importer_file.shutil, "which", lambda name: None)
    path = tmp_path / "x.dat"
    path.write_bytes(magic)

    with pytest.raises(TraceError, match=f"is read by {tool}, which is not installed here; import the output of"):
        import_file(str(path))


def test_a_broken_binary_file_is_what_its_tool_says(tmp_path):
    if shutil.which("perf") is None:
        pytest.skip("perf is not installed here")
    path = tmp_path / "x.data"
    path.write_bytes(b"PERFILE2 and nothing of the kind")

    with pytest.raises(TraceError, match="perf cannot read it: "):
        import_file(str(path))


def test_the_command_writes_a_recording_that_every_command_opens(tmp_path):
    (tmp_path / "t.txt").write_text("\n".join(Trace().map().fault(0, 6, 0x10).free(0x10).lines))

    done = cli("import", "t.txt", "-o", "t.jsonl.gz", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:2] == [
        "t.jsonl.gz: 3 stops of 5 events (ftrace)",
        "1 place contradicts what the events before it say: stop at leak, limbo, free_mapped, window_on_foreign",
    ]
    shown = cli("run", "--format", "jsonl", "t.jsonl.gz", cwd=tmp_path).stdout.splitlines()
    assert [json.loads(line)["name"] for line in shown] == ["mmap", "fault", "free"]
    assert cli("check", "t.jsonl.gz", "--never", "free_mapped", cwd=tmp_path).returncode == 1
    assert cli("import", "t.txt", "-o", "t.jsonl.gz", cwd=tmp_path).returncode == 2  # it is there already
    assert cli("import", "gone.txt", "-o", "x", cwd=tmp_path).returncode == 2


def cli(*arguments, cwd):
    program = "import sys; from mmtui.cli.main import main; main(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=cwd, text=True, capture_output=True, timeout=60, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip


# Traces of a real kernel


@pytest.mark.parametrize("name", [
    "ftrace/forkload5.ftrace.txt.gz", "rec/forkload2.ftrace.txt.gz", "rec/pipeline.ftrace.txt.gz",
    "perf/forkload5.script.txt.gz",
])  # fmt: skip
def test_a_real_trace_contradicts_nothing_but_for_pages_still_in_a_batch(stored, name, tmp_path):
    done = import_file(str(stored / name))
    path = tmp_path / "x.jsonl"
    path.write_bytes(done.data)

    timeline = mmtui.load(path)

    assert timeline.op_count == done.stops > 100
    assert {kind for kind, _ in kinds(timeline)} <= {"limbo"}
    assert len(timeline.events("cow")) > 10


def test_a_real_list_of_faults_is_a_recording(stored):
    assert import_file(str(stored / "perf/faults.script.txt.gz")).stops == 123


def test_a_perf_data_file_comes_to_what_perf_script_prints(stored):
    if shutil.which("perf") is None:
        pytest.skip("perf is not installed here")

    assert import_file(str(stored / "perf/forkload5.perf.data.gz")).stops == \
        import_file(str(stored / "perf/forkload5.script.txt.gz")).stops  # fmt: skip


def test_a_trace_dat_file_is_read_or_explained(stored):
    path = str(stored / "ftrace/forkload5.dat")
    if shutil.which("trace-cmd"):
        assert import_file(path).stops == import_file(path.replace(".dat", ".ftrace.txt.gz")).stops
    else:
        with pytest.raises(TraceError, match="trace-cmd, which is not installed here"):
            import_file(path)


@pytest.mark.parametrize("name", ["fork_cow", "kernfault", "thp", "shared", "filemap"])
def test_the_frames_of_anonymous_memory_are_the_observed_ones_after_every_operation(stored, name, tmp_path):
    """The same run was traced and, between its operations, read from /proc."""
    text = gzip.decompress((stored / f"scen/{name}.ftrace.txt.gz").read_bytes()).decode()
    observed = json.loads(gzip.decompress((stored / f"scen/{name}.json.gz").read_bytes()))
    lines = read_lines(text.splitlines())
    path = tmp_path / "x.jsonl"
    path.write_bytes(import_lines(lines).data)
    timeline = mmtui.load(path)
    times = [json.loads(line)["t"] for line in path.read_bytes().splitlines()[1:-1]]
    compared = 0

    for line in lines.events:
        mark = re.search(r"mmrec op=(\d+) end", line.rest)
        if mark is None:
            continue
        until = round((line.time - lines.events[0].time) * 1e9)
        timeline.seek(timeline.op_end(max(number for number, time in enumerate(times) if time <= until)))
        state = next(each["state"] for each in observed["steps"] if each["i"] == int(mark[1]))
        for process in state["procs"].values():
            compared += compare(timeline, process, state["frames"])
    assert compared > 20


def compare(timeline, process, seen_frames):
    """Entries of anonymous memory in the regions of the observed program, one by one; how many there were."""
    pfn = timeline.machine.page.pfn
    ours = {each.address: int(pfn[each.pfn]) for each in timeline.ptes(process["pid"])}
    starts = {}
    for start, *_, path, _ in process["vmas"]:
        region = re.fullmatch(r"([A-Z])\+(\d+)", path)
        if region:
            starts.setdefault(region[1], int(start, 16) - int(region[2]) * 4096)
    compared = 0
    for place, (number, letters) in process["ptes"].items():
        region = re.fullmatch(r"([A-Z])\+(\d+)", place)
        if region is None or region[1] not in starts or "f" in letters or "g" in letters:
            continue
        address = starts[region[1]] + int(region[2]) * 4096
        zero = "ZERO_PAGE" in seen_frames[str(number)][1]
        assert ours[address] == (UNKNOWN if zero else number), (place, letters)
        compared += 1
    return compared
