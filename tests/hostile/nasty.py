"""Strings that somebody put into a file on purpose, and traces, sidecars and recordings that are full of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mmtui.sidecar import Sidecar

NASTY = (
    "\x1b[2J\x1b[31mred",
    "\x1b]0;title\x07\x1b]8;;http://evil/\x07link",
    "[bold red]rich[/] [@click=app.quit]x[/] [/nothing]",
    "\u202egnp\u2066.exe\u200f",
    "<b onmouseover=alert(1)>&lt;img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script><!--",
    "]]></title></style><svg/onload=alert(1)>",
    "=1+1",
    "@SUM(A1) +cmd|' /C calc'!A0",
    "nul\0bell\x07back\x08del\x7f",
    "c1\x9b31m\x85next\x90q",
    "line\nfeed\r\nreturn\ttab\x0bvt\x0cff\u2028ls\u2029ps",
    "# head\n- list\n| a | b |\n```\n[x](javascript:alert(1)) ![y](http://evil/z.png) `c` *e* _u_ <http://a>",
    "{{7*7}} ${7*7} %s %n {0} $(id) `id` ; rm -rf ~",
    "zero\u200bwidth\ufeffbom\U000e0041tag\u00adsoft",
    "wide\u4e2d\u6587\uff21 zalgo\u0301\u0301\u0301\u0301 \U0001f468\u200d\U0001f469",
    "'\"\\'; DROP TABLE x; --",
)
LONE = "lone\ud800\udc80surrogate"
"""Only where JSON is read that allows it: the sidecar, file names."""


class Spoiler:
    """Gives out nasty strings, another one each time, always the same one for the same name."""

    def __init__(self, nasty: bool) -> None:
        self.nasty = nasty
        self.given: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        if name not in self.given:
            evil = NASTY[len(self.given) % len(NASTY)]
            self.given[name] = f"{evil}{name}" if self.nasty else f"a plain {name}"
        return self.given[name]


def trace(nasty: bool = True, about: bool = True) -> dict[str, Any]:
    """A driver's page that leaks, a pin, a file; every string is the spoiler's."""
    say = Spoiler(nasty)
    low, high, far = 0x10000000, 0x20000000, 0x30000000
    mapping = {"pid": 1, "pages": 2, "prot": "rw"}
    ops: list[dict[str, Any]] = [
        {"op": "alloc", "driver": say("drv"), "buf": say("buf"), "order": 1},
        {"op": "driver", "name": say("drv"), "buf": say("buf")},
        {"op": "driver", "name": say("unused")},
        {"op": "spawn", "pid": 1, "name": say("comm")},
        {"op": "mmap", **mapping, "addr": low, "flags": ["shared"], "backing": {"driver": say("drv")},
         "vm_flags": ["VM_RESERVED"]},
        {"op": "mmap", **mapping, "addr": high, "flags": ["private"], "backing": {"file": say("file"), "pgoff": 0}},
        {"op": "mmap", **mapping, "addr": far, "flags": ["shared"], "backing": {"driver": say("drv")},
         "remap": {"buf": say("buf")}, "vm_flags": ["VM_IO"]},
        {"op": "read", "pid": 1, "addr": low},
        {"op": "write", "pid": 1, "addr": high},
        {"op": "pin", "pid": 1, "addr": high, "write": True, "force": False, "name": say("pin")},
        {"op": "fork", "parent": 1, "child": 2},
        {"op": "munmap", "pid": 1, "addr": low, "pages": 2},
        {"op": "free", "driver": say("drv"), "buf": say("buf")},
        {"op": "unpin", "name": say("pin"), "dirty": True},
        {"op": "drop_cache", "file": say("file"), "pgoff": 0},
        {"op": "exit", "pid": 1},
        {"op": "exit", "pid": 2},
    ]  # fmt: skip
    for number, op in enumerate(ops):
        op["note"] = say(f"opnote{number}")
    return {
        "mmtui": 1, "title": say("title"), "about": "\n".join(NASTY) if nasty and about else "about it",
        "kernel": "2.6.15-rc2", "machine": {"frames": 64}, "ops": ops, "breakpoints": ["leak", "alloc"],
        "bookmarks": [{"at": {"op": n}, "name": say(f"mark{n}")} for n in (3, 6)],
        "annotations": [
            {"at": {"op": n}, "about": say(f"subject{n}") if n > 5 else "page[8]", "text": say(f"text{n}"),
             "author": say(f"author{n}")}
            for n in range(4, 8)
        ],
    }  # fmt: skip


def recording() -> bytes:
    """A recording whose program, files and flags have nasty names."""
    say = Spoiler(True)
    area = [0x10000, 0x12000, "rw-p", say("flags"), 0, "00:00:0", say("path")]
    lines: list[dict[str, Any]] = [
        {"mmtui": 1, "title": say("title"), "recording": {
            "version": 1, "kernel": say("release"), "pfn": True, "page": 4096, "command": [say("argv"), say("argv1")],
            "machine": say("machine"), "missing": [say("missing")]}},
        {"i": 0, "t": 5, "pid": 7, "ev": {"k": "start", "comm": say("comm")}, "vma": {"7": {"+": [area], "-": []}},
         "pte": {"7": {"10000": [81, say("letters")]}}, "fr": {"81": [1, "5808"]}},
        {"i": 1, "t": 6, "pid": 7, "ev": {"k": say("kind"), "name": say("event")}},
        {"i": 2, "t": 7, "pid": 7, "ev": {"k": "exit", "nr": 11, "name": say("syscall"), "args": [1, 2], "ret": -9}},
        {"i": 3, "t": 8, "pid": 7, "ev": {"k": "fork", "child": 8, "tgid": 8, "comm": say("child")}},
        {"i": 4, "t": 9, "pid": 7, "ev": {"k": "free", "args": [81, 0]},
         "found": [["leak", 81, say("why"), say("finding")]]},
        {"summary": {"stops": 5, "ended": say("ended"), "notes": [say("note")]}},
    ]  # fmt: skip
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def keep_nasty_notes(path: Path) -> None:
    """The sidecar of a trace, full of it, lone surrogates too."""
    side = Sidecar.open(path)
    for number, text in enumerate((*NASTY, LONE)):
        side.add("mark", id=f"mark:{text}", name=f"{text}M", op=number % 5, transition=0)
        side.add("note", text=f"{text}N", about=text, author=text, kernel=text, op=number % 5, transition=1)
        side.add("stop", id=f"stop:{text}", expr=text, on=True)
    side.put("drafts", {"note": LONE, "find": NASTY[0]})
    side.put("layouts", {NASTY[2]: {}, LONE: {}})
