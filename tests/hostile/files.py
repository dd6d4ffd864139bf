"""Everything that reads what another program wrote: recordings, scenarios, stored logs, traces of other tools."""

from __future__ import annotations

import json
from typing import Any

from mmtui.engine.query_lang import MAX_TEXT
from mmtui.engine.timeline import Timeline
from mmtui.trace.errors import TraceError
from tests.hostile.fuzz import Target


def shown_well(text: str) -> str:
    """What is wrong with a line that is shown to a person, "" if nothing."""
    if not text or len(text) > 2000 + MAX_TEXT:
        return f"a message of {len(text)} characters"
    return "" if all(line.isprintable() for line in text.split("\n")) else f"a message that is not printable: {text!r}"


# Recordings, scenarios and stored logs


def _lines(*lines: object) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def recordings() -> list[bytes]:
    from tests.live.test_recording import HEADER, MUNMAP, START, SUMMARY
    from tests.live.test_replay import LIVES

    return [_lines(HEADER, START, MUNMAP, SUMMARY), _lines(*LIVES)]


RECORDING_WORDS = [
    b'"mmtui":1', b'"recording":', b'"i":1', b'"pid":8', b'"tid":9', b'"ev":{"k":"gone"}', b'"k":"fork"', b'"child":8',
    b'"k":"exec"', b'"vma":{"7":{"+":[],"-":[]}}', b'"pte":{"7":{"10000":[81,"p"]}}', b'"fr":{"81":[1,"5808"]}', b"\n",
    b'"unpte":{"7":["10000"]}', b'"end":7', b'"mm":{"8":7}', b'"found":[["leak",81]]', b'[81,"pfz"]', b"null", b"65536",
    b'{"summary":{"stops":2}}', b'"comm":"x"', b"140737488355328", b'"format":"mmtui-rec"', b'"pfn":false', b"{", b"}",
]  # fmt: skip


def walked(found: Timeline) -> str:
    """A timeline that somebody's file made can be walked and looked at."""
    at_boot = found.digest()
    found.seek(len(found))
    found.state()
    found.seek(0)
    return "" if found.digest() == at_boot else "it does not come back to where it began"


def _refused(error: TraceError) -> str:
    return shown_well(str(error))


def recording(data: bytes) -> str:
    from mmtui.live.timeline import load

    try:
        return walked(load(data))
    except TraceError as error:
        return _refused(error)


def scenarios() -> list[bytes]:
    steps = [
        {"i": -1, "by": "P", "op": "init", "procs": {"P": {"vmas": [], "ptes": {}}}, "frames": {}},
        {"i": 0, "by": "P", "op": "mmap A 8 rw private anon", "ret": [0], "frames": {"F1": [1, ["anon"]]},
         "procs": {"P": {"vmas": [["A+0", 8, "rw-p", "rd wr mr mw me ac"]], "ptes": {"A+0": "F1 x"}}}},
        {"i": 1, "by": "P", "op": "write A+0"},
        {"i": 2, "by": "P", "op": "fork Q"},
    ]  # fmt: skip
    words = tuple(str(step["op"]) for step in steps[1:])
    return [json.dumps({"oplist": words, "steps": steps, "regions": {"A": 8}, "kernel": "6.18"}).encode()]


SCENARIO_WORDS = [
    b'"oplist":[]', b'"steps":[]', b'"op":"fork Q"', b'"op":"munmap A+0 8"', b'"op":"read A+3"', b'"by":"Q"', b'"i":5',
    b'"op":"madvise A 8 dontneed"', b'"op":"exit"', b'"op":"mprotect A 8 r"', b'"op":"mmap B 4 r shared file f 0"',
    b'"regions":{"A":1048576}', b'"regions":{"A":-1}', b'"A+99999999999"', b'"F0"', b'"frames":{"F1":[1,[]]}', b"{",
    b'"op":"mremap A 8 16"', b'"op":"write A+0 write B+0"', b"}", b'"ret":[null]', b'"signals":["SIGSEGV"]', b'"A+-1"',
]  # fmt: skip


def scenario(data: bytes) -> str:
    from mmtui.live.scenario import check

    try:
        check(data, "s.json")
    except TraceError as error:
        return _refused(error)
    return ""


def logs() -> list[bytes]:
    from mmtui.formats.annotated import annotated_json
    from mmtui.loading import timeline_of
    from mmtui.trace import codec

    ops: list[dict[str, Any]] = [
        {"op": "spawn", "pid": 1},
        {"op": "mmap", "pid": 1, "addr": 0x10000, "pages": 1, "prot": "rw", "flags": ["private"],
         "backing": {"anon": True}},
        {"op": "write", "pid": 1, "addr": 0x10000},
    ]  # fmt: skip
    trace = codec.decode({"mmtui": 1, "machine": {"frames": 8}, "ops": ops})
    return [annotated_json(timeline_of(trace), trace, log=True)]


LOG_WORDS = [
    b'"log":', b'"format":1', b'"kernel":"2.6.15"', b'"over":true', b'"frames":8', b'"holes":[[0,8]]', b'"boot":{}',
    b'"strings":[""]', b'"ops":[]', b'"functions":[]', b'"parent":[-1]', b'"cells":["page.count[2]"]', b'"cell":[0]',
    b'"old":[', b'"new":[', b'"events":[]', b'"boot_held":[]', b'"page.count[67108863]"', b'"pte.val[1]"', b"[[0,1,1]]",
    b'"trace.op"', b"-1,", b"1,", b"9223372036854775807", b"9223372036854775808", b'"site":[', b'"start":[', b'"end":[',
]  # fmt: skip


def log(data: bytes) -> str:
    from mmtui.loading import timeline_of
    from mmtui.trace import codec

    try:
        return walked(timeline_of(codec.decode(data)))
    except TraceError as error:
        return _refused(error)


# Traces of other tools

FTRACE = b"""# tracer: nop
  prog-100 (    100) [000] d.... 1.000001: sys_enter: NR 9 (0, 4000, 3, 22, ffffffff, 0)
  prog-100 (    100) [000] d.... 1.000002: sys_exit: NR 9 = 140000000000000
  prog-100 (    100) [000] d.... 1.000003: page_fault_user: address=0x7f5410c46000 ip=0x401000 error_code=0x6
  prog-100 (    100) [000] d.... 1.000004: mm_page_alloc: page=00000000aa pfn=0x1234 order=0 migratetype=1 gfp_flags=G
  prog-100 (    100) [000] d.... 1.000005: sched_process_fork: comm=prog pid=100 child_comm=prog child_pid=101
  prog-101 (    101) [000] d.... 1.000006: page_fault_user: address=0x7f5410c46000 ip=0x401000 error_code=0x7
  prog-100 (    100) [000] d.... 1.000007: mm_page_free: page=00000000aa pfn=0x1234 order=0
CPU:0 [LOST 12 EVENTS]
  prog-100 (    100) [000] d.... 1.000008: sched_process_exit: comm=prog pid=100 prio=120
"""
PERF = b"""\
prog  100/100 [000]     1.000001:          1 exceptions:page_fault_user: address=0x7f5410c46000 ip=1 error_code=0x6
prog  100/100 [000]     1.000002:          1 kmem:mm_page_alloc: page=0xaa pfn=0x1234 order=0 migratetype=1
prog  100/100 [000]     1.000003:          1 syscalls:sys_enter_munmap: addr: 0x7f5410c46000, len: 0x1000
"""
FTRACE_WORDS = [
    *FTRACE.split(b"\n"), *PERF.split(b"\n"), b"sys_enter:", b"sys_exit:", b"NR 11 (", b"pfn=", b"order=", b"order=99",
    b"address=0x", b"error_code=0x7", b"child_pid=100", b"child_pid=-1", b"[LOST 99999999999 EVENTS]", b"-100", b"\n",
    b"(-----)", b"[000]", b"1.000009:", b"9.9e9:", b"mm_page_free:", b"sched_process_exec: filename=x pid=100",
    b"-1" * 3000, b"a:" * 3000, b"prog-", b" " * 3000, b"x=" * 3000, b"pfn=0xffffffffffffffffffff", b"NR 9 = -1",
]  # fmt: skip


def imported(data: bytes) -> str:
    """Text of ftrace and perf; the recording that it becomes opens."""
    from mmtui.live.importer_file import import_lines
    from mmtui.live.importer_lines import read_lines
    from mmtui.live.timeline import load

    lines = read_lines(data.decode("utf-8", "replace").splitlines())
    if not lines.events:
        return ""
    done = import_lines(lines)
    return walked(load(done.data)) if done.stops else ""


TARGETS = (
    Target("recording", recordings, RECORDING_WORDS, recording, b","),
    Target("scenario", scenarios, SCENARIO_WORDS, scenario, b","),
    Target("log", logs, LOG_WORDS, log, b","),
    Target("imported", lambda: [FTRACE, PERF], FTRACE_WORDS, imported, b""),
)
