"""Marks and notes beside a trace: nothing that was entered is lost."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mmtui import sidecar as module
from mmtui.sidecar import Sidecar


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace.json"
    path.write_text("{}")
    return path


def journal(trace: Path) -> Path:
    return trace.with_name("trace.json.mmtui")


def names(side: Sidecar) -> list[str]:
    return [record["name"] for record in side.of_kind("mark")]


def test_looking_at_a_trace_leaves_nothing_behind(trace: Path) -> None:
    Sidecar.open(trace)

    assert not journal(trace).exists()


def test_what_was_added_is_there_again(trace: Path) -> None:
    side = Sidecar.open(trace)
    side.add("mark", name="first", op=3)
    side.add("note", text='a "quoted" \x1b[31m line\nand \udc80', op=4)
    side.put("position", {"op": 5})

    again = Sidecar.open(trace)

    assert again.records == side.records
    assert again.get("position") == {"op": 5}


def test_dropping_and_replacing(trace: Path) -> None:
    side = Sidecar.open(trace)
    gone = side.add("mark", name="gone")
    side.add("mark", id="mark:a", name="a", op=1)
    side.add("mark", id="mark:a", name="a", op=2)
    side.drop(gone["id"])

    assert [record["op"] for record in Sidecar.open(trace).of_kind("mark")] == [2]


def test_kill_9_loses_nothing(trace: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom mmtui.sidecar import Sidecar\n"
        "side = Sidecar.open(Path(sys.argv[1]))\nn = 0\n"
        "while True:\n    side.add('mark', name=str(n))\n    print(n, flush=True)\n    n += 1\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(trace)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    said = [int(child.stdout.readline()) for _ in range(20)]
    child.send_signal(signal.SIGKILL)
    said += [int(line) for line in child.stdout.read().split()]
    child.wait()

    assert set(map(str, said)) <= set(names(Sidecar.open(trace)))


def test_a_torn_last_line_costs_only_itself(trace: Path) -> None:
    side = Sidecar.open(trace)
    side.add("mark", name="kept")
    with journal(trace).open("ab") as file:
        file.write(b'{"kind":"mark","id":"x","na')

    Sidecar.open(trace).add("mark", name="after")

    assert names(Sidecar.open(trace)) == ["kept", "after"]


@pytest.mark.parametrize(
    "line", [b"\xff\xfe\n", b"[1]\n", b'{"kind":"mark"}\n', b'{"kind":"zap","id":"1"}\n', b"[" * 100_000 + b"\n"]
)
def test_foreign_lines_are_passed_over(trace: Path, line: bytes) -> None:
    Sidecar.open(trace).add("mark", name="kept")
    with journal(trace).open("ab") as file:
        file.write(line)

    assert names(Sidecar.open(trace)) == ["kept"]


def test_two_at_once_see_each_other(trace: Path) -> None:
    one, two = Sidecar.open(trace), Sidecar.open(trace)
    one.add("mark", name="one")
    two.add("mark", name="two")
    one.add("mark", name="three")

    assert names(two) == ["one", "two"]
    assert two.refresh()
    assert names(one) == names(two) == ["one", "two", "three"]


def _write_many(path: str, who: str) -> None:
    side = Sidecar.open(Path(path))
    for n in range(40):
        side.add("mark", name=f"{who}{n}")


def test_processes_that_write_at_the_same_time_lose_nothing(trace: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(str(trace), who)) for who in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert sorted(names(Sidecar.open(trace))) == sorted(f"{who}{n}" for who in "abc" for n in range(40))


def test_a_long_journal_is_compacted_under_another_ones_feet(trace: Path) -> None:
    busy = Sidecar.open(trace)
    for n in range(300):
        busy.put("position", n)
    busy.add("mark", name="kept")

    Sidecar.open(trace)  # compacts: the file is a new one now
    busy.add("mark", name="after")

    assert len(journal(trace).read_bytes().splitlines()) == 3
    assert names(Sidecar.open(trace)) == ["kept", "after"]
    assert Sidecar.open(trace).get("position") == 299


def test_a_folder_that_cannot_be_written_has_its_notes_elsewhere(
    trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Sidecar.open(trace).add("mark", name="of the owner")
    own = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: str(tmp_path / "state") in str(path) and own(path, mode))

    side = Sidecar.open(trace, tmp_path / "state")
    side.add("mark", name="mine")

    assert names(Sidecar.open(trace, tmp_path / "state")) == ["of the owner", "mine"]
    assert b"mine" not in journal(trace).read_bytes()


def test_with_nowhere_to_write_everything_stays_in_memory(trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    side = Sidecar.open(trace)
    side.add("mark", name="mine")

    assert names(side) == ["mine"]
    assert side.path is None


def test_a_full_disk_is_told_and_made_good_later(trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    side = Sidecar.open(trace)
    side.add("mark", name="before")
    write = os.write

    def full(fd: int, data: bytes) -> int:
        write(fd, data[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        side.add("mark", name="during")
        trouble = side.trouble
    side.add("mark", name="after")

    assert trouble == "not written to trace.json.mmtui: No space left on device; kept in memory"
    assert side.trouble == ""
    assert names(Sidecar.open(trace)) == ["before", "during", "after"]
    assert all(json.loads(line) for line in journal(trace).read_bytes().splitlines())


def test_each_entry_is_synced_before_the_key_returns(trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(module.os, "fsync", lambda fd: (synced.append(fd), real(fd)))

    Sidecar.open(trace).add("mark", name="x")

    assert synced
