"""Real programs: recorded where this machine allows it, walked forwards and backwards, exported. And a stored one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import mmtui
from mmtui.live.recording import decode
from mmtui.trace.source import read_bytes
from mmtui.words import address_text, transition_text
from tests.live.recorder import run
from tests.live.test_asides import PIPELINE
from tests.live.test_timeline import command

SAMPLES = 12
"""Places at which the machine is compared, going forwards and going backwards."""


def walk(timeline: mmtui.Timeline) -> None:
    """A place is the same from both sides, at operations all along the log and around its first copy."""
    places = np.linspace(0, len(timeline), SAMPLES, dtype=np.int64).tolist()
    copy = timeline.next("cow", 0) or 0
    places = sorted({*places, *range(max(copy - 3, 0), copy + 5)})
    forward = []
    for place in places:
        timeline.seek(place)
        forward.append(timeline.digest())
    for place, digest in zip(reversed(places), reversed(forward), strict=True):
        timeline.seek(place)
        assert timeline.digest() == digest
    timeline.seek(copy)
    for _ in range(4):
        timeline.step()
    assert timeline.step_back(4) == copy
    assert timeline.digest() == forward[places.index(copy)]


def ended_well(timeline: mmtui.Timeline) -> None:
    """At the end nothing is left of any process, and no page was called a leak."""
    timeline.seek(len(timeline))
    assert timeline.processes() == []
    assert not timeline.machine.pt.mm.any()
    assert not timeline.machine.vma.state.any()
    assert len(timeline.events("leak")) == 0


def exported(path: Path, at: int) -> None:
    """A Perfetto trace of every stop, and a report of those around stop `at`, cut out."""
    done = [
        command("export", path.name, "-o", "out.perfetto.json", cwd=path.parent),
        command("cut", path.name, f"{max(at - 20, 0)}..{at + 20}", "-o", "piece.mmrec.gz", cwd=path.parent),
        command("export", "piece.mmrec.gz", "-o", "out.html", "--at", "50%", cwd=path.parent),
    ]
    assert [(one.returncode, one.stderr) for one in done if one.returncode] == []
    slices = json.loads((path.parent / "out.perfetto.json").read_text())["traceEvents"]
    recording = decode(read_bytes(path), "x")
    assert len([row for row in slices if row["ph"] == "X" and row.get("cat") == "op"]) >= len(recording.stops)
    assert recording.release in (path.parent / "out.html").read_text()


@pytest.fixture
def record(recorder: str, tmp_path: Path) -> Callable[..., mmtui.Timeline]:
    """Record a command here, and open what was recorded."""

    def make(*cmd: str) -> mmtui.Timeline:
        done = run("-o", "r.mmrec.gz", "--", *cmd, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return mmtui.load(tmp_path / "r.mmrec.gz")

    return make


def test_a_pipeline_of_the_shell(record, tmp_path):
    timeline = record("sh", "-c", "ls / | wc -l")
    names = [timeline.op(number).name for number in range(timeline.op_count)]

    walk(timeline)
    ended_well(timeline)
    exported(tmp_path / "r.mmrec.gz", timeline.events("cow")[-1].op)

    assert names.count("exec") == 2
    assert names.count("exit") == 3
    assert any(part.text.startswith("start-up of ls") for part in timeline.stretches())


FORKS = """
import os
data = bytearray(b"x" * 4096 * 64)
child = os.fork()
for page in range(0, len(data), 4096):
    data[page] = 1
if child:
    os.waitpid(child, 0)
else:
    os._exit(0)
"""


def test_a_python_program_that_forks_and_writes(record, tmp_path):
    timeline = record("python3", "-S", "-E", "-c", FORKS)
    fork = next(number for number in range(timeline.op_count) if timeline.op(number).child is not None)

    walk(timeline)
    ended_well(timeline)
    exported(tmp_path / "r.mmrec.gz", fork)

    copies = [event for event in timeline.events("cow") if event.op > fork]
    pages = {event.subject["address"] for event in copies}
    assert len(pages) >= 64, "every page that both write is copied for the first of them"


MAKEFILE = "all: one two\n\ttrue\none: in\n\t{}\ntwo: in\n\twc -c in > $@\n"


def test_make_with_two_jobs(record, tmp_path):
    if shutil.which("make") is None:
        pytest.skip("no make here")
    compiles = "cc -x c -c -o $@ in" if shutil.which("cc") else "cat in > $@"
    (tmp_path / "Makefile").write_text(MAKEFILE.format(compiles))
    (tmp_path / "in").write_text("int one(void) { return 1; }\n")

    timeline = record("make", "-j2")

    walk(timeline)
    ended_well(timeline)
    exported(tmp_path / "r.mmrec.gz", timeline.op_count // 2)
    assert (tmp_path / "one").stat().st_size
    assert sum(timeline.op(number).name == "exec" for number in range(timeline.op_count)) >= 2


# A recording that is stored beside the tests: `ls | wc -l` as a shell runs it, with --anonymize


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    return Path(shutil.copy(PIPELINE, tmp_path))


def test_the_stored_recording_is_walked_everywhere(stored):
    timeline = mmtui.load(stored)

    walk(timeline)
    ended_well(timeline)
    exported(stored, 118)


def test_the_stored_recording_names_nothing_of_the_machine_that_it_is_from(stored):
    recording = decode(read_bytes(stored), "x")
    paths = {area.path for stop in recording.stops for areas in stop.vma.values() for area in areas.mapped}

    assert recording.header["anonymized"] is True
    assert all(not path or path.startswith(("[", "/file")) for path in paths)
    assert stored.stat().st_size < 60 * 1024


def test_what_a_fault_on_the_stored_heap_did_is_told_by_every_view(stored):
    """Stop 118: the shell writes to its heap, which it shares with its child since the fork."""
    timeline = mmtui.load(stored)
    copy = next(event for event in timeline.events("cow") if event.op == 118)
    row, old = int(copy.subject["pfn"]), int(copy.subject["old"])
    timeline.seek(timeline.op_start(118))
    before = [(holder.pid, holder.kind) for holder in timeline.holders(old).rows]
    timeline.seek(timeline.op_end(118))

    assert sorted(before) == [(2938, "pte"), (2940, "pte")]
    assert [holder.pid for holder in timeline.holders(old).rows] == [2940]
    assert [holder.pid for holder in timeline.holders(row).rows] == [2938]
    assert (timeline.result(118), timeline.frame(row).glyph) == ("copied", "A")
    place = ["--at", "op:119", "--pid", "2938", "--addr", "0x100142d9a1c"]
    shown = command("show", "vtop", stored.name, *place, cwd=stored.parent)
    assert f"{int(timeline.machine.page.pfn[row]) << 12 | 0xA1C:x}" in shown.stdout


@pytest.mark.parametrize(("args", "code"), [(["--never", "cow"], 1), (["--never", "leak"], 0)])
def test_the_stored_recording_is_checked(stored, args, code):
    assert command("check", stored.name, *args, cwd=stored.parent).returncode == code


def test_what_changes_in_a_mapping_is_told_with_its_process_and_its_address(stored):
    """Rows of `vma` are used again: what a row was before, or will be later, does not name it."""
    timeline = mmtui.load(stored)
    fork = next(number for number in range(timeline.op_count) if timeline.op(number).child is not None)
    timeline.seek(timeline.op_end(fork))
    child = timeline.op(fork).child
    places = {f"vma {child}:{address_text(vma.start)}" for vma in timeline.vmas(child)}

    told = set()
    for number in range(timeline.op_start(fork), timeline.op_end(fork)):
        if timeline.transition(number).table == "vma":
            subject = transition_text(timeline, number).subject
            told.add(" ".join(subject.split()[:2]))

    assert told == places
