"""Every way in which a file is not a trace: one clear line each, at its place."""

from __future__ import annotations

import gzip
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from mmtui.trace import codec
from mmtui.trace.errors import TraceError

MMAP = {
    "op": "mmap", "pid": 1, "addr": 0x10000000, "pages": 1, "prot": "rw", "flags": ["private"],
    "backing": {"anon": True},
}  # fmt: skip


def of(*ops: Any, **head: Any) -> dict[str, Any]:
    return {"mmtui": 1, "ops": list(ops), **head}


def mmap(**other: Any) -> dict[str, Any]:
    return of({**MMAP, **other})


def errors(source: Any) -> list[str]:
    with pytest.raises(TraceError) as caught:
        codec.decode(source, "x.json")
    return str(caught.value).splitlines()


WRONG_OBJECTS = [
    (of({"op": "exit", "pid": "two"}), 'ops[0].pid: expected an integer, got "two"'),
    (of({"op": "exit", "pid": True}), "ops[0].pid: expected an integer, got true"),
    (of({"op": "exit", "pid": 1.5}), "ops[0].pid: expected an integer, got 1.5"),
    (of({"op": "exit", "pid": -1}), "ops[0].pid: expected a number from 1 to 4194304, got -1"),
    (of({"op": "exit", "pid": 1 << 40}), "ops[0].pid: expected a number from 1 to 4194304, got 1099511627776"),
    (of({"op": "exit"}), 'ops[0]: exit needs "pid"'),
    (of({"op": "exit", "pdi": 1, "pid": 1}), 'ops[0].pdi: unknown key, did you mean "pid"?'),
    (of({"op": "exit", "colour": 1, "pid": 1}), "ops[0].colour: unknown key; known: pid, note"),
    (of({"op": "mmpa"}), 'ops[0].op: no operation "mmpa", did you mean "mmap"?'),
    (of({"op": 7}), "ops[0].op: expected an operation's name, got 7"),
    (of({"pid": 7}), 'ops[0]: needs "op"'),
    (of([]), "ops[0]: expected an operation (an object), got an empty list"),
    (of({"op": "read", "pid": 1, "addr": "0xbeer"}), 'ops[0].addr: expected an integer or "0x...", got "0xbeer"'),
    (of({"op": "read", "pid": 1, "addr": "0x1000000000000"}), 'ops[0].addr: expected an integer or "0x...", got "0x1000000000000"'),
    (of({"op": "read", "pid": 1, "addr": 1 << 48}), "ops[0].addr: expected a number from 0 to 0xffffffffffff, got 281474976710656"),
    (of({"op": "alloc", "driver": "d", "buf": "b", "order": 31}), "ops[0].order: expected a number from 0 to 30, got 31"),
    (of({"op": "driver", "name": "d", "get_page": "sometimes"}),
     'ops[0].get_page: expected true or false or "unless_reserved", got "sometimes"'),
    (of({"op": "madvise", "pid": 1, "addr": 0, "pages": 1, "advice": "willneed"}),
     'ops[0].advice: expected "dontneed", got "willneed"'),
    (of({"op": "spawn", "pid": 1, "name": 5}), "ops[0].name: expected a string, got 5"),
    (of({"op": "spawn", "pid": 1, "name": "x" * 5000}), "ops[0].name: expected at most 4096 characters, got 5000"),
    (mmap(prot="rwz"), 'ops[0].prot: expected one of r, rw, r-x, rwx, none, got "rwz", did you mean "rw"?'),
    (mmap(flags=["shared", "private"]), 'ops[0].flags: expected exactly one of ["shared"] and ["private"], got a list'),
    (mmap(flags="shared"), 'ops[0].flags: expected exactly one of ["shared"] and ["private"], got "shared"'),
    (mmap(backing={}), "ops[0].backing: expected exactly one of anon, file and driver, got none"),
    (mmap(backing={"anon": True, "file": "f"}), "ops[0].backing: expected exactly one of anon, file and driver, got anon and file"),
    (mmap(backing={"file": "f", "pgof": 1}), 'ops[0].backing.pgof: unknown key, did you mean "pgoff"?'),
    (mmap(vm_flags=["VM_UNPAGD"]), 'ops[0].vm_flags[0]: no kernel has a flag "VM_UNPAGD", did you mean "VM_UNPAGED"?'),
    (mmap(vm_flags=["reserved"]), 'ops[0].vm_flags[0]: no kernel has a flag "reserved", did you mean "VM_RESERVED"?'),
    (mmap(backing={"driver": "d"}, remap={"pages": 1}), "ops[0].remap[0]: expected exactly one of pfn and buf, got none"),
    (mmap(backing={"driver": "d"}, remap=[{"pfn": 9}, {"pfn": 9, "buf": "b"}]),
     "ops[0].remap[1]: expected exactly one of pfn and buf, got both"),
    (mmap(remap={"pfn": 9}), "ops[0].remap: only a driver's mmap method can do that: the backing is not a driver"),
    (mmap(ro_file=True), "ops[0].ro_file: anonymous memory has no file"),
    (of(kernel="2.6.51"),
     'kernel: no kernel "2.6.51", did you mean "2.6.15"? (known: 2.6.14, 2.6.15-rc2, vm-unpaged, 2.6.15-rc3, '
     "2.6.15-rc5, 2.6.15, 6.x)"),
    (of(kernel=6), "kernel: expected a string, got 6"),
    (of(titel="x"), 'titel: unknown key, did you mean "title"?'),
    (of(machine=[]), "machine: expected an object, got an empty list"),
    (of(machine={"frames": 10**9}), "machine.frames: 1000000000 frames; the limit is 4194304 (MMTUI_MAX_FRAMES raises it, up to 67108863)"),
    (of(machine={"frames": 1}), "machine.frames: expected a number from 2, got 1"),
    (of(machine={"reserved": [[8, 4]]}), "machine.reserved[0]: [8, 4] ends before it starts"),
    (of(machine={"reserved": [[0, 300]]}), "machine.reserved[0]: [0, 300] goes beyond the machine's 256 frames"),
    (of(machine={"reserved": [[0, 8], [20, 30]], "holes": [[25, 28]]}),
     "machine.holes[0]: [25, 28] overlaps machine.reserved[1], [20, 30]"),
    (of(machine={"reserved": [], "holes": [[0, 2]]}), "machine.holes[0]: [0, 2] covers frame 1, which is the ZERO_PAGE"),
    (of(machine={"holes": [[1, 2, 3]]}), "machine.holes[0]: expected [first, end], two page frame numbers, got a list of 3"),
    (of(position={"op": 3}), "position.op: expected at most 0, got 3: the trace has 0 operations"),
    (of(bookmarks=[{"at": {"op": 0}}]), 'bookmarks[0]: needs "name"'),
    (of(annotations=[{"at": 7, "text": "x"}]), "annotations[0].at: expected an object, got 7"),
    (of(breakpoints="leak"), 'breakpoints: expected a list, got "leak"'),
    (of(breakpoints=[1]), "breakpoints[0]: expected a string, got 1"),
    ({"mmtui": 1}, 'a trace needs "ops"'),
    ({"ops": []}, 'a trace needs "mmtui"'),
    ({"mmtui": 2, "ops": []}, "mmtui: version 2 of the format; this mmtui reads version 1"),
    ({"mmtui": "1", "ops": []}, 'mmtui: expected 1, got "1"'),
    ({"mmtui": 1, "ops": {}}, "ops: expected a list of operations, got an object"),
    ({"a": 1}, 'not a trace: it needs "mmtui": 1 and "ops"'),
    (of({"op": "spawn", "pid": 1, "name": "\x1b[31m\u202e"}, {"op": "\x1b[2J"}), r'ops[1].op: no operation "\u001b[2J"'),
]  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), WRONG_OBJECTS, ids=[message[:60] for _, message in WRONG_OBJECTS])
def test_a_wrong_trace_says_what_and_where(source: dict[str, Any], expected: str) -> None:
    assert errors(source) == [f"x.json: {expected}"]


WRONG_TEXTS = [
    (b"", ": is empty"),
    (b" \n ", ": is empty"),
    (b"hello", ":1:1: not JSON: invalid character at \"hello\""),
    (b"[1, 2]", ": expected an object, got a list"),
    (b"null", ": expected an object, got null"),
    (b'{"mmtui": 1,\n "ops": [}', ":2:10: not JSON: invalid character at \"}\""),
    (b'{"mmtui": 1, "ops": [', ":1:22: not JSON: it ends too early (truncated?)"),
    (b'{"mmtui": 1, "ops": []} x', ":1:25: not JSON: trailing characters at \"x\""),
    (b'{"mmtui": 1, "ops": [],}', ":1:24: not JSON: trailing comma in object at \"}\""),
    (b'{"mmtui": 1, "title": "a\x00b", "ops": []}', ":1:25: not JSON: invalid character at \"\\u0000b\\\", \\\"ops\\\": []}\""),
    (b'{"mmtui": 1, "title": "\xff", "ops": []}', ":1:24: not UTF-8 text: byte 0xff"),
    (b'{"mmtui": 1, "title": "\\ud800!", "ops": []}', ":1:24: not JSON: the lone surrogate \\ud800 is not text"),
    (b'{"mmtui": 1, "ops": [{"op": "exit", "pid": 1, "note": "\\udc00..........."}]}',
     ":1:56: not JSON: the lone surrogate \\udc00 is not text"),
    (b'{"mmtui": 1, "recording": {}, "title": "\xff", "ops": []}', ":1:41: not UTF-8 text: byte 0xff"),
    (b"\xef\xbb\xbf{}", ":1:1: begins with a byte order mark: save it as UTF-8 without one"),
    ('{"mmtui": 1}'.encode("utf-16"), ":1:1: begins with a byte order mark: save it as UTF-8 without one"),
    (b"[" * 1_000_000, ": nested too deeply"),
    (b'{"mmtui": 1, "ops": ' + b'[{"a":' * 100_000, ": nested too deeply"),
    (b'{"mmtui": 1, "ops": [], "log": {"x": ' + b"[" * 100_000, ": nested too deeply"),
    (b'{"mmtui": 1, "ops": [], "ops": []}', ": ops: given twice"),
    (b'{"mmtui": 1, "ops": [{"op": "exit", "pid": 1, "pid" : 2}]}', ": ops[0].pid: given twice"),
    (b'{"mmtui": 1, "ops": [], "machine": {"frames": 8, "frames": 9}}', ": machine.frames: given twice"),
    (b'{"mmtui": 1, "ops": [{"op": "exit", "pid": 1' + b"0" * 5000 + b"}]}", None),
    (b'{"mmtui": 1, "ops": [{"op": "exit", "pid": 1e999}]}', None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), WRONG_TEXTS, ids=[repr(text[:40]) for text, _ in WRONG_TEXTS])
def test_what_is_not_a_trace_at_all_is_one_line(text: bytes, expected: str | None) -> None:
    lines = errors(text)

    assert len(lines) == 1
    assert lines[0].startswith("x.json:") if expected is None else lines[0] == f"x.json{expected}"


def test_every_wrong_operation_is_reported() -> None:
    lines = errors(of({"op": "exit", "pid": "a"}, {"op": "exit", "pid": 1}, mmap(backing={})["ops"][0], {"op": "nop"}))

    assert [line.split(": ")[1] for line in lines] == ["ops[0].pid", "ops[2].backing", "ops[3].op"]


@pytest.mark.parametrize("wrong", [20, 21, 5000])
def test_twenty_faults_are_shown_and_the_others_counted(wrong: int) -> None:
    lines = errors(of(*({"op": "exit", "pid": "x"} for _ in range(wrong))))

    assert len([line for line in lines if "expected an integer" in line]) == 20
    assert lines[20:] == ([f"x.json: and {wrong - 20} more"] if wrong > 20 else [])


def test_with_many_faults_each_operation_shows_its_first() -> None:
    lines = errors(of(*({"op": "mmap", "pid": "x", "addr": "y"} for _ in range(8))))

    assert [line.split(": ")[1] for line in lines[:8]] == [f"ops[{i}].pid" for i in range(8)]
    assert lines[8] == f"x.json: and {8 * 5} more"  # addr, and four keys that are missing


def test_a_dict_may_not_hold_what_json_cannot() -> None:
    assert errors({"mmtui": 1, "ops": [object()]})[0].startswith("x.json: holds what JSON cannot: ")
    assert errors({"mmtui": 1, "ops": [], "title": "\ud800"}) == ["x.json: holds a lone surrogate, which is not text"]
    loop: dict[str, Any] = {"mmtui": 1, "ops": []}
    loop["log"] = loop
    assert errors(loop) == ["x.json: nested too deeply"]


# Files


def file_errors(path: Path | str) -> str:
    with pytest.raises(TraceError) as caught:
        codec.read(path)
    return str(caught.value).replace(str(path), "FILE")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert file_errors(tmp_path / "none.json") == "FILE: no such file"


def test_a_directory(tmp_path: Path) -> None:
    assert file_errors(tmp_path) == "FILE: is a directory, not a trace"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "secret.json"
    path.write_text("{}")
    path.chmod(0)

    assert file_errors(path) == "FILE: not readable: permission denied"


def test_a_name_that_no_file_can_have() -> None:
    assert "not a file name" in file_errors("a\0b.json")
    assert "\n" not in file_errors("x" * 5000)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero here")
def test_a_device_without_an_end() -> None:
    assert file_errors("/dev/zero") == "FILE: not JSON: binary data without an end"


def test_a_file_larger_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMTUI_MAX_BYTES", str(2 << 20))
    path = tmp_path / "large.json"
    path.write_bytes(b" " * (5 << 20))

    assert file_errors(path) == "FILE: larger than 2 MiB, which is the limit (MMTUI_MAX_BYTES raises it)"


def test_a_gzip_bomb_stops_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMTUI_MAX_BYTES", str(2 << 20))
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(b" " * (50 << 20)))

    assert (
        file_errors(path) == "FILE: larger than 2 MiB when uncompressed, which is the limit (MMTUI_MAX_BYTES raises it)"
    )


def test_damaged_gzip_data(tmp_path: Path) -> None:
    whole = gzip.compress(json.dumps(of()).encode() + os.urandom(1000))
    short, bent = tmp_path / "short.json.gz", tmp_path / "bent.json.gz"
    short.write_bytes(whole[:-300])
    bent.write_bytes(whole[:10] + b"\xff" * 40 + whole[50:])

    assert file_errors(short) == "FILE: truncated: its gzip data ends early"
    assert file_errors(bent) == "FILE: damaged: its gzip data cannot be uncompressed"


def test_a_file_name_cannot_speak_to_the_terminal(tmp_path: Path) -> None:
    with pytest.raises(TraceError) as caught:
        codec.read(tmp_path / "\x1b[31m\u202e.json")

    assert str(caught.value).endswith("\\x1b[31m\\u202e.json: no such file")


def test_processes_have_a_limit_that_can_be_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = of(*({"op": "spawn", "pid": pid} for pid in range(1, 13)))
    monkeypatch.setenv("MMTUI_MAX_PROCESSES", "10")
    assert errors(trace) == ["x.json: ops: 12 processes; the limit is 10 (MMTUI_MAX_PROCESSES raises it)"]

    monkeypatch.setenv("MMTUI_MAX_PROCESSES", "12")
    assert len(codec.decode(trace).ops) == 12


def test_an_error_is_an_object_with_its_place() -> None:
    with pytest.raises(TraceError) as caught:
        codec.decode(of({"op": "exit", "pid": "two"}, {"op": "exit"}), "x.json")

    first, second = caught.value.errors
    assert (first.trace, first.place, first.reason) == ("x.json", "ops[0].pid", 'expected an integer, got "two"')
    assert str(second) == 'x.json: ops[1]: exit needs "pid"'
    assert caught.value.more == 0
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
