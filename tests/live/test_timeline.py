"""A recording through the public surface: it opens, walks, answers and prints like any trace."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys

import numpy as np
import pytest

import mmtui
from mmtui.engine.schema import UNKNOWN
from mmtui.live.recording import decode
from mmtui.live.timeline import load, with_notes
from mmtui.trace.model import Annotation, Bookmark, Place
from tests.live.recorder import ROOT, run
from tests.live.test_recording import HEADER, MUNMAP, START, SUMMARY, text
from tests.live.test_replay import LIVES


def timeline_of(*lines):
    return load(text(*lines))


def command(*arguments, cwd):
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(cwd)}
    return subprocess.run(
        [sys.executable, "-m", "mmtui", *arguments],
        cwd=cwd,
        env=environment,
        text=True,
        capture_output=True,
        timeout=90,
    )


@pytest.fixture
def lives():
    return timeline_of(*LIVES)


def test_the_operations_are_the_stops_with_what_they_are_about(lives):
    told = [(lives.op(k).name, lives.op(k).details, lives.result(k)) for k in range(lives.op_count)]

    assert told == [
        ("start", "pid 7 a.out", "ok"),
        ("fork", "pid 7 a.out  -> pid 8", "ok"),
        ("fault", "pid 8 a.out  10008", "copied"),
        ("fault", "pid 7 a.out  10010", "reused"),
        ("exit", "pid 8 a.out  status 0", "ok"),
    ]


def test_every_position_can_be_reached_from_both_sides(lives):
    forward = []
    for position in range(len(lives) + 1):
        lives.seek(position)
        forward.append(lives.digest())

    for position in reversed(range(len(lives) + 1)):
        lives.seek(position)
        assert lives.digest() == forward[position]


def test_queries_and_events_find_what_happened(lives):
    assert [event.op for event in lives.events("fault")] == [2, 3]
    assert [lives.op_at(int(p)) for p in lives.find("cow")] == [2]
    assert [lives.op_at(int(p)) for p in lives.find("op fork")] == [1]
    assert lives.op_at(lives.next("page.mapcount > 1", 0)) == 1
    assert len(lives.find("vma.VM_ACCOUNT")) > 0


def test_what_is_not_known_is_null_in_the_state(lives):
    lives.seek(lives.op_end(1))
    state = lives.state()

    assert state["frames"]["2"] == {
        "pfn": 81, "free": False, "count": None, "mapcount": 2,
        "flags": ["UPTODATE", "MMAP", "ANON", "SWAPBACKED"], "kind": "anon",
    }  # fmt: skip
    assert state["procs"]["8"]["ptes"] == {str(0x10000): [2, "P|?"]}
    assert state["nfree"] is None


def test_the_ledger_of_a_frame_names_its_ptes_and_does_not_judge_an_unknown_count(lives):
    lives.seek(lives.op_end(1))
    ledger = lives.holders(2)

    assert ledger.count == UNKNOWN
    assert [(row.pid, row.address, row.ref) for row in ledger.rows] == [(7, 0x10000, 1), (8, 0x10000, 1)]
    assert ledger.surplus == 0
    assert not list(lives.events("leak"))


def test_a_recording_cannot_be_run_on_another_kernel():
    with pytest.raises(mmtui.TraceError, match="it cannot be run on another kernel"):
        load(text(*LIVES), kernel="2.6.15")


def test_notes_are_kept_in_the_first_line_and_the_stops_are_left_as_they_are(lives):
    trace = lives.trace
    noted = type(trace)(
        ops=(), recording=trace.recording, title="a copy", breakpoints=("cow",), position=Place(2, 3),
        bookmarks=(Bookmark(Place(1), "fork"),), annotations=(Annotation(Place(2), "here", "page[2]", "me"),),
    )  # fmt: skip

    data = with_notes(text(*LIVES), noted)
    again = load(data)

    assert data.partition(b"\n")[2] == text(*LIVES).partition(b"\n")[2]
    assert (again.trace.title, again.trace.breakpoints, again.trace.position) == ("a copy", ("cow",), Place(2, 3))
    assert (again.trace.bookmarks, again.trace.annotations) == (noted.bookmarks, noted.annotations)
    assert again.place("@fork") == again.op_start(1)


@pytest.mark.parametrize("name", ["r.jsonl", "r.gz", "r"])
def test_a_recording_is_known_by_its_content_not_by_its_name(tmp_path, name):
    data = text(HEADER, START, MUNMAP, SUMMARY)
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)

    timeline = mmtui.load(tmp_path / name)

    assert (timeline.kernel, timeline.op_count) == ("6.18.0", 2)


def test_a_wrong_line_is_told_by_its_number(tmp_path):
    (tmp_path / "r.jsonl").write_bytes(text(HEADER, START) + b"{nonsense}\n")

    done = command("run", "r.jsonl", cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr.startswith("mmtui: r.jsonl:3: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(("name", "at_least"), [("forkload2", 5000), ("pipeline", 13000), ("pyfork", 40000)])
def test_a_stored_recording_is_walked_from_end_to_end_and_back(samples, name, at_least):
    timeline = mmtui.load(samples / f"{name}.jsonl.gz")
    start = timeline.digest()

    timeline.seek(len(timeline))
    end = timeline.digest()
    for part in (3, 1, 4, 2, 0):
        timeline.seek(len(timeline) * part // 4)
    assert timeline.digest() == start
    timeline.seek(len(timeline))

    assert timeline.digest() == end
    assert len(timeline) > at_least
    assert not timeline.processes()  # all have ended
    assert not timeline.machine.pt.mm.any()
    assert not timeline.machine.vma.state.any()


def test_in_a_stored_recording_the_map_counts_are_the_entries_that_are_seen(samples):
    timeline = mmtui.load(samples / "forkload2.jsonl.gz")
    compared = 0

    for op in range(0, timeline.op_count, 10):
        timeline.seek(timeline.op_end(op))
        values = timeline.machine.pte.val
        rows = (values >> 12)[values & 1 != 0]
        mapped = np.bincount(rows, minlength=len(timeline.machine.page.count))
        mapcount = timeline.machine.page.mapcount
        anonymous = np.flatnonzero((timeline.machine.page.mapping == 1) & (mapped > 0))
        assert (mapcount[anonymous] == mapped[anonymous]).all()
        compared += len(anonymous)

    assert compared > 300


def test_run_prints_one_object_per_stop_of_a_fresh_recording(recorder, tmp_path):
    run("-o", "r.bin", "--", "sh", "-c", "ls / | wc -l", cwd=tmp_path)

    done = command("run", "--format", "jsonl", "r.bin", cwd=tmp_path)
    printed = [json.loads(line) for line in done.stdout.splitlines()]

    assert [entry["name"] for entry in printed] == [
        s.name for s in decode((tmp_path / "r.bin").read_bytes(), "r").stops
    ]
    assert {"fault", "mmap", "fork", "exec", "exit"} <= {entry["name"] for entry in printed}
    assert all(isinstance(entry["pid"], int) for entry in printed)


def test_check_stops_at_the_first_copy_on_write_of_a_fresh_recording(recorder, tmp_path):
    run("-o", "r.jsonl", "--", "sh", "-c", "(:) ; true", cwd=tmp_path)

    found = command("check", "r.jsonl", "--never", "cow", cwd=tmp_path)
    fine = command("check", "r.jsonl", "--never", "leak", cwd=tmp_path)

    assert (found.returncode, fine.returncode) == (1, 0)
    assert "cow" in found.stdout
