"""Traces for the exporters: the samples, and one in which every string is meant to do harm."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import mmtui
from mmtui.engine.timeline import Timeline
from mmtui.formats.annotated import with_added
from mmtui.sidecar import Sidecar
from mmtui.trace.model import Trace

TRACES = Path(__file__).parents[2] / "traces"
SAMPLES = sorted(path.stem for path in TRACES.glob("*.json"))
LEAK = TRACES / "nopage-leak.json"
COW = TRACES / "fork-cow.json"
BUG = TRACES / "usx2y-noget.json"

EVIL = (
    "=HYPERLINK(\"http://evil.example\")</script><script>document.title='owned'</script>"
    "<img src=http://evil.example/x onerror=alert(1)>&amp;[red]b[/red] [l](javascript:alert(1)) `c` ]]> <!-- "
    "\x1b[2J\x07\x9b31m\u202e\u2066\u200b\u2028\0\ufeff"
)
"""Markup of every kind, terminal escapes, bidi marks, what ends a line where none should end."""
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""What no export may hold as it is."""


def evil_trace() -> dict[str, Any]:
    """A trace that leaks, with harm in its title, its text, its notes and all its names."""
    name = EVIL[:2000]
    return {
        "mmtui": 1, "title": EVIL, "kernel": "2.6.15-rc2", "breakpoints": ["leak"],
        "about": f"{EVIL}\n\n# {EVIL}\n\n![p](http://evil.example/p.png)\n\n<b>x</b>\n\n- {EVIL}\n",
        "ops": [
            {"op": "alloc", "driver": name, "buf": name, "note": EVIL},
            {"op": "driver", "name": name, "buf": name},
            {"op": "spawn", "pid": 1, "name": name},
            {"op": "mmap", "pid": 1, "addr": 0x8048000, "pages": 1, "prot": "r", "flags": ["private"],
             "backing": {"file": name}},
            {"op": "read", "pid": 1, "addr": 0x8048000, "note": EVIL},
            {"op": "pin", "pid": 1, "addr": 0x8048000, "name": name},
            {"op": "mmap", "pid": 1, "addr": 0x10000000, "pages": 1, "prot": "rw", "flags": ["shared"],
             "backing": {"driver": name}, "vm_flags": ["VM_RESERVED"]},
            {"op": "read", "pid": 1, "addr": 0x10000000},
            {"op": "fork", "parent": 1, "child": 2},
            {"op": "exit", "pid": 1, "note": EVIL},
        ],
        "bookmarks": [{"at": {"op": 4}, "name": name}],
        "annotations": [{"at": {"op": 9, "transition": 3}, "about": EVIL, "text": f"{EVIL}\n{EVIL}", "author": EVIL}],
    }  # fmt: skip


@pytest.fixture
def evil(tmp_path: Path) -> tuple[Timeline, Trace]:
    """The harmful trace with a harmful sidecar: lone surrogates, a stop that is no query, a place that is nowhere."""
    path = tmp_path / "evil.json"
    path.write_text(json.dumps(evil_trace()))
    side = Sidecar.open(path)
    side.add("mark", id="mark:m", name=EVIL + "\ud800", op=10**9, transition=-4)
    side.add("note", text="\udc80 " + EVIL, about="\ud800", author=EVIL, op=5, transition=2)
    side.add("note", text="nowhere", op="x")
    side.add("stop", id="stop:x", expr="no query at all <b>", on=True)
    timeline = mmtui.load(path)
    return timeline, with_added(timeline, side, 12)
