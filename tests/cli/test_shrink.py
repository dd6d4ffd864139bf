"""`mmtui shrink`: the smallest trace that still does it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

import mmtui as api
from mmtui.cli import shrink
from mmtui.engine import query
from mmtui.formats.shrinking import Shrinking, complements
from mmtui.trace import codec
from tests.cli.conftest import ROOT, TRACES, Mmtui

LEAK = TRACES / "nopage-leak.json"


def test_a_leak_of_29_operations_needs_6(mmtui: Mmtui, tmp_path: Path) -> None:
    out = tmp_path / "small.json"

    done = mmtui("shrink", LEAK, "--keep", "leak", "-o", out)

    assert done.status == 0
    # A slow machine is told how far it is in lines before that.
    assert done.err.splitlines()[-1].startswith("kept 6 of 29 operations, after ")
    small = api.load(out)
    assert [op.name for op in small.trace.ops] == ["alloc", "driver", "spawn", "mmap", "read", "exit"]
    assert small.trace.ops[3].pages == 1
    assert small.trace.ops[0].order == 0
    assert small.trace.kernel == "2.6.15-rc2"
    assert {mark.name for mark in small.trace.bookmarks} == {"mmap-drv", "first-touch", "exit"}
    assert len(small.events("leak"))
    assert "machine" not in json.loads(out.read_text())


@pytest.mark.parametrize(
    ("trace", "keep"),
    [
        ("fork-cow", "cow"),
        ("usx2y-noget", "bug"),
        ("hole-in-pfnmap", "call remap_pfn_range"),
        ("gup-reserved", "op unpin"),
    ],
)
def test_nothing_more_can_be_left_out(trace: str, keep: str) -> None:
    whole = codec.read(TRACES / f"{trace}.json")
    wanted = query.compile(keep)
    kernel = "2.6.15"
    shrinking = Shrinking(whole, kernel, wanted, lambda _: None)
    assert shrinking.hits(whole)

    best = shrinking.run()

    assert len(codec.encode(best)) < len(codec.encode(whole))
    assert shrinking.hits(best)
    again = Shrinking(best, kernel, wanted, lambda _: None)
    assert again.run() == best


def test_complements_leave_out_each_piece_once() -> None:
    assert [list(kept) for kept in complements(5, 2)] == [[0, 1], [2, 3, 4]]
    assert [list(kept) for kept in complements(3, 3)] == [[0, 1], [0, 2], [1, 2]]
    assert [list(kept) for kept in complements(1, 1)] == [[]]


def test_what_does_not_happen_cannot_be_kept(mmtui: Mmtui) -> None:
    done = mmtui("shrink", LEAK, "--keep", "leak", "--kernel", "2.6.14")

    assert done.status == 2
    assert done.err == f"mmtui: {LEAK}: 'leak' does not happen on 2.6.14: there is nothing to keep\n"


def test_a_wrong_query_and_a_file_that_exists_are_told_before_any_work(mmtui: Mmtui, tmp_path: Path) -> None:
    out = tmp_path / "x.json"
    out.write_text("mine")

    assert mmtui("shrink", LEAK, "--keep", "lek").status == 2
    done = mmtui("shrink", LEAK, "--keep", "leak", "-o", out)

    assert done.status == 2
    assert done.err == f"mmtui: {out}: exists already (--force writes over it)\n"
    assert out.read_text() == "mine"


def test_ctrl_c_keeps_the_smallest_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "small.json"

    def interrupt(shrinking: Shrinking) -> None:
        if shrinking.tried == 12:
            raise KeyboardInterrupt

    monkeypatch.setattr(shrink, "_progress", lambda: interrupt)
    done = CliRunner().invoke(
        shrink.command, [str(LEAK), "--keep", "leak", "-o", str(out)], standalone_mode=False, catch_exceptions=False
    )

    assert done.return_value == 130
    assert done.stderr.startswith("stopped: the smallest so far has ")
    small = api.load(out)
    assert len(small.trace.ops) < 29
    assert len(small.events("leak"))


def test_ctrl_c_of_a_process_leaves_a_whole_trace_or_none(tmp_path: Path) -> None:
    """The signal comes at any time; whatever is written is a trace that does it."""
    leak = json.loads(LEAK.read_text())
    touches = [{"op": "write", "pid": 7, "addr": 0x20000000 + 4096 * n} for n in range(3000)]
    area = {"op": "mmap", "pid": 7, "addr": 0x20000000, "pages": 3000, "prot": "rw", "flags": ["private"]}
    ops = [{"op": "spawn", "pid": 7}, {**area, "backing": {"anon": True}}, *touches, *leak["ops"]]
    source, out = tmp_path / "big.json", tmp_path / "small.json"
    source.write_text(json.dumps({**leak, "machine": {"frames": 8192}, "ops": ops, "bookmarks": []}))
    for seconds in (0.3, 0.9, 1.5):
        running = subprocess.Popen(
            [sys.executable, "-m", "mmtui", "shrink", str(source), "--keep", "leak", "-o", str(out), "--force"],
            stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        time.sleep(seconds)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)

        assert running.returncode in (0, 130, -signal.SIGINT), said  # done, stopped, not yet begun
        if out.exists():
            assert len(api.load(out).events("leak"))
