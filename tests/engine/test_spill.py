"""A log that is larger than its share of memory goes on in a file, and says so when the disk is full."""

from __future__ import annotations

import errno
import mmap
import os
from itertools import islice

import numpy as np
import pytest

from mmtui.engine import changes
from mmtui.engine.errors import DiskFullError
from mmtui.engine.ops import MachineSpec
from mmtui.engine.run import Run
from mmtui.engine.spill import Spill
from mmtui.engine.timeline import Timeline
from mmtui.trace.model import Trace
from tests.bench.generate import mixed


def run(count=4000):
    machine = Run("2.6.15", MachineSpec(frames=4096))
    machine.plan(islice(mixed(2), count))
    return machine


def whole(machine):
    while machine.advance(1.0):
        pass
    return Timeline(machine, Trace(ops=()))


def rows(log):
    return [np.concatenate([chunk[at] for chunk in log.chunks()]).tolist() for at in range(1, 6)]


def test_a_log_in_a_file_is_the_log_in_memory(monkeypatch):
    inside = whole(run())
    monkeypatch.setenv("MMTUI_LOG_MEMORY", "100000")

    outside = whole(run())

    assert outside.log.shelf.spilled
    assert not inside.log.shelf.spilled
    assert rows(outside.log) == rows(inside.log)
    for name in ("fn", "parent", "start", "end", "a0", "a1"):
        assert np.array_equal(getattr(outside.log.calls, name), getattr(inside.log.calls, name))
    for position in (len(inside), len(inside) // 3, 7):
        outside.seek(position)
        inside.seek(position)
        assert outside.digest() == inside.digest()


def test_what_it_takes_to_walk_it_is_in_the_file_too(monkeypatch):
    monkeypatch.setattr(changes, "LONG", 500)
    inside = whole(run())
    monkeypatch.setenv("MMTUI_LOG_MEMORY", "0")
    outside = whole(run())

    outside.prepare()

    nets = [net for net in outside._seeker._nets.values() if net is not None]
    assert nets
    assert all(isinstance(column.base, mmap.mmap | memoryview) for net in nets for column in net)
    runs = [found for found in outside._changes._runs if len(found.cell) >= 500]
    assert runs
    assert all(isinstance(column.base, mmap.mmap | memoryview) for found in runs for column in found[2:])
    for cell in (("page.count", 1), ("page.count", 3000), ("sys.nr_mapped", 0)):
        assert outside.history(*cell).tolist() == inside.history(*cell).tolist()


def test_the_file_has_no_name(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("MMTUI_LOG_MEMORY", "0")

    timeline = whole(run(300))

    assert timeline.log.shelf.spilled
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_what_is_there_can_be_walked(monkeypatch):
    monkeypatch.setenv("MMTUI_LOG_MEMORY", "100000")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    machine = run(20_000)

    with pytest.raises(DiskFullError, match="No space left"):
        whole(machine)

    timeline = Timeline(machine, Trace(ops=()))

    assert 0 < timeline.op_count < 20_000
    assert timeline.op_end(timeline.op_count - 1) == len(timeline)
    timeline.seek(len(timeline))
    assert timeline.result(timeline.op_count - 1) == "ok"
    assert timeline.step_back() == len(timeline) - 1


def test_an_array_larger_than_a_segment_has_its_place(monkeypatch):
    monkeypatch.setattr("mmtui.engine.spill.SEGMENT", 4096)
    spill = Spill()
    kept = [spill.keep(np.arange(size, dtype=np.int64)) for size in (10, 5000, 3)]

    assert [values.tolist() for values in kept] == [list(range(size)) for size in (10, 5000, 3)]
