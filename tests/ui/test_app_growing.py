"""A long trace: its first state is there at once, the rest of it runs while one walks."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

import mmtui
from mmtui.engine.errors import MmtuiError
from mmtui.engine.ops import MachineSpec
from mmtui.trace import stream
from mmtui.ui import growing
from tests.bench.generate import mixed, write_trace
from tests.ui.stepping import Walk, walking

OPS = 4000


@pytest.fixture
def long_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trace that runs one slice at a time, each when the test says so."""
    monkeypatch.setattr(stream, "LONG", 1000)
    monkeypatch.setattr(growing, "SLICE", 0.001)
    monkeypatch.setattr(growing, "TELL", 0.0)
    path = tmp_path / "long.json"
    write_trace(path, islice(mixed(3), OPS), MachineSpec(frames=4096))
    return path


def stand_still(walk: Walk) -> None:
    """No further slice; the one that is planned finds nothing to do."""
    walk.app.growing = None


async def grown(walk: Walk) -> None:
    for _ in range(2000):
        await walk.pilot.pause(0.01)
        if walk.app.growing is None:
            return
    raise AssertionError("it still grows")


async def test_the_first_operations_can_be_walked_while_the_rest_runs(tmp_path: Path, long_trace: Path) -> None:
    async with walking(tmp_path, trace="long.json") as walk:
        assert walk.desk.timeline.growing
        assert "running:" in walk.text()
        for _ in range(3):
            await walk.press("n")

        assert walk.desk.timeline.op_at(walk.position) == 2
        await grown(walk)


async def test_in_the_end_it_is_the_timeline_that_load_makes(tmp_path: Path, long_trace: Path) -> None:
    async with walking(tmp_path, trace="long.json") as walk:
        await grown(walk)
        await walk.pilot.pause(0.05)
        timeline, whole = walk.desk.timeline, mmtui.load(long_trace)

        assert "running:" not in walk.text()
        assert timeline.trace == whole.trace
        assert list(timeline.events().transition) == list(whole.events().transition)
        timeline.seek(len(timeline))
        whole.seek(len(whole))
        assert timeline.digest() == whole.digest()


async def test_escape_stops_it_and_what_is_there_can_be_walked(tmp_path: Path, long_trace: Path) -> None:
    async with walking(tmp_path, trace="long.json") as walk:
        await walk.press("escape")
        there = len(walk.desk.timeline)
        assert "stopped after" in walk.message
        await walk.press("G")
        await walk.pilot.pause(0.05)

        assert 0 < walk.desk.timeline.op_count < OPS
        assert len(walk.desk.timeline) == there
        assert len(walk.desk.timeline.trace.ops) == walk.desk.timeline.op_count


async def test_another_kernel_and_an_export_must_wait(tmp_path: Path, long_trace: Path) -> None:
    async with walking(tmp_path, trace="long.json") as walk:
        stand_still(walk)

        with pytest.raises(MmtuiError, match="still being read"):
            walk.desk.timeline.with_kernel("2.6.14")
        await walk.press("E", "enter")
        assert "still being read" in walk.text()


async def test_a_fault_far_into_it_ends_the_program_with_its_place(tmp_path: Path, long_trace: Path) -> None:
    data = long_trace.read_bytes()
    at = data.rindex(b'"pid": 1')
    long_trace.write_bytes(data[:at] + b'"pit": 1' + data[at + 8 :])
    async with walking(tmp_path, trace="long.json") as walk:
        for _ in range(2000):
            await walk.pilot.pause(0.01)
            if walk.app.error is not None:
                break

        assert isinstance(walk.app.error, MmtuiError)
        assert "pit" in str(walk.app.error)
        assert walk.app.return_code == 2 or walk.app.return_value == 2
