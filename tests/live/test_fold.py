"""A piece of a recording: what came before is folded into its first stops."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from mmtui.engine.pgtable import pte_pfn
from mmtui.live import fold
from mmtui.live.recording import decode
from mmtui.live.timeline import load
from tests.live.test_recording import AREA, HEADER, START, SUMMARY, text
from tests.live.test_replay import FORK, LIVES
from tests.live.test_timeline import command


def piece(data, first, end=None):
    recording = decode(data, "x")
    return fold.cut(data, recording, first, len(recording.stops) if end is None else end)


def shown(timeline):
    """Every process with its areas and entries, frames by their real numbers."""
    real = timeline.machine.page.pfn
    return {
        process.pid: (
            [(vma.start, vma.end, vma.flags, vma.name) for vma in timeline.vmas(process.pid)],
            {pte.address: int(real[pte_pfn(pte.val)]) for pte in timeline.ptes(process.pid)},
            (process.name, process.file_rss, process.anon_rss),
        )
        for process in timeline.processes()
    }


def test_the_piece_begins_with_one_stop_for_each_process_and_goes_on_as_before():
    timeline = load(piece(text(*LIVES), 2))

    names = [timeline.op(number).name for number in range(timeline.op_count)]
    assert names == ["start", "start", "fault", "fault", "exit"]
    assert [timeline.result(number) for number in (2, 3)] == ["copied", "reused"]


def test_a_piece_from_the_middle_of_a_stored_recording_shows_the_same_memory(samples):
    data = gzip.decompress((samples / "pipeline.jsonl.gz").read_bytes())
    whole = load(data)
    compared = 0

    for first, end in ((0, 50), (130, 160), (200, 460), (500, 652)):
        part = load(piece(data, first, end))
        skipped = part.op_count - (end - first)
        for number in range(first, end, 25):
            whole.seek(whole.op_end(number))
            part.seek(part.op_end(number - first + skipped))
            assert shown(part) == shown(whole)
            compared += len(shown(whole))

    assert compared > 30


def test_a_borrowed_address_space_stays_borrowed():
    vfork = FORK | {"ev": FORK["ev"] | {"k": "vfork"}, "mm": {"8": 7}, "vma": {}, "pte": {}, "fr": {}}
    more = {"i": 2, "pid": 8, "ev": {"k": "exit", "nr": 39, "name": "getpid", "args": [], "ret": 8}}

    timeline = load(piece(text(HEADER, START, vfork, more, SUMMARY), 2))
    timeline.seek(len(timeline))

    assert [process.pid for process in timeline.processes()] == [7, 8]
    assert len({process.mm for process in timeline.processes()}) == 1
    assert np.count_nonzero(timeline.machine.vma.state) == len([AREA])


def test_notes_move_with_their_stops_and_the_others_are_left_out():
    noted = HEADER | {
        "title": "t",
        "bookmarks": [{"at": {"op": 1}, "name": "before"}, {"at": {"op": 3, "transition": 1}, "name": "kept"}],
    }

    timeline = load(piece(text(noted, *LIVES[1:]), 2))

    assert [(mark.name, mark.at.op, mark.at.transition) for mark in timeline.trace.bookmarks] == [("kept", 3, 1)]
    assert timeline.trace.title == "t"


def test_without_frame_numbers_a_piece_that_would_forget_what_is_shared_is_refused():
    hidden = HEADER | {"recording": HEADER["recording"] | {"pfn": False}}

    with pytest.raises(fold.FoldError, match="2 address spaces"):
        piece(text(hidden, *LIVES[1:]), 2)
    assert load(piece(text(hidden, *LIVES[1:]), 1)).op_count == 5


def test_the_command_cuts_a_piece_that_opens(tmp_path):
    (tmp_path / "r.jsonl").write_bytes(text(*LIVES))

    done = command("cut", "r.jsonl", "2..4", "-o", "p.jsonl", cwd=tmp_path)
    printed = command("run", "p.jsonl", cwd=tmp_path)

    assert (done.returncode, printed.returncode) == (0, 0)
    assert [line.split()[1] for line in printed.stdout.splitlines()[1:5]] == ["start", "start", "fault", "fault"]
