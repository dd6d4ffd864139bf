"""Recordings leave mmtui as traces do."""

from __future__ import annotations

import json

import pytest

import mmtui
from tests.live.recorder import run
from tests.live.test_recording import text
from tests.live.test_replay import LIVES
from tests.live.test_timeline import command


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "r.jsonl").write_bytes(text(*LIVES))
    return tmp_path


def test_an_exported_recording_opens_again_with_the_same_log(folder):
    done = command("export", "r.jsonl", "-o", "copy.json", "--at", "op:2.1", cwd=folder)
    before, after = mmtui.load(folder / "r.jsonl"), mmtui.load(folder / "copy.json")

    for timeline in (before, after):
        timeline.seek(len(timeline))

    assert done.returncode == 0, done.stderr
    assert (len(after), after.digest()) == (len(before), before.digest())
    assert str(after.trace.position) == "op:2.1"


@pytest.mark.parametrize("name", ["r.html", "r.md", "r.svg", "r.perfetto.json"])
def test_a_recording_becomes_a_report(folder, name):
    done = command("export", "r.jsonl", "-o", name, "--at", "op:3", cwd=folder)
    written = (folder / name).read_text()

    assert done.returncode == 0, done.stderr
    assert "a.out" in written
    if name.endswith("json"):
        assert json.loads(written)


@pytest.mark.parametrize("what", ["vm", "vtop", "kmem"])
def test_the_state_of_a_recording_is_shown_as_crash_would_show_it(folder, what):
    done = command("show", what, "r.jsonl", "--at", "op:2", cwd=folder)

    assert done.returncode == 0, done.stderr
    if what != "vm":
        assert f"{81 << 12:x}" in done.stdout  # the frame's real number, not its row
    if what != "kmem":
        assert "a.out" in done.stdout


def test_a_translation_in_a_recording_names_the_real_frame_and_no_bit_that_nobody_saw(folder):
    done = command("show", "vtop", "r.jsonl", "--at", "op:2", "--pid", "7", "--addr", "0x10008", cwd=folder)
    lines = [line.split() for line in done.stdout.splitlines()]

    assert ["10008", f"{81 << 12 | 8:x}"] in lines
    assert ["PTE:", "entry", "16", "=>", "(PRESENT|?)"] in lines


def test_a_program_that_forks_and_writes_is_recorded_walked_and_exported(recorder, tmp_path):
    script = "import os; b = bytearray(400000); os.fork() or (b.__setitem__(0, 1), os._exit(0)); os.wait()"
    run("-o", "r.jsonl.gz", "--", "python3", "-S", "-E", "-c", script, cwd=tmp_path)
    timeline = mmtui.load(tmp_path / "r.jsonl.gz")
    copies = timeline.find(
        "cow and pid " + str(timeline.op(int(timeline.op_at(timeline.next("op fork", 0)))).args["child"])
    )

    timeline.seek(int(copies[0]))
    change = timeline.transition(timeline.position - 1)
    done = command("export", "r.jsonl.gz", "-o", "r.html", "--at", str(timeline.position), cwd=tmp_path)

    assert change.name == "pte.val"
    assert timeline.op(timeline.op_at(timeline.position)).name in ("fault", "fork")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "r.html").stat().st_size > 10000
