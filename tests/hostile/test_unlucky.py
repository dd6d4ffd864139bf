"""What happens to people: full disks, other programs, closed terminals. Notes are kept, the terminal is given back."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mmtui.sidecar import SUFFIX, Sidecar
from tests.ui.stepping import walking
from tests.ui.test_app import LEAVE, Terminal

ROOT = Path(__file__).parents[2]
TRACES = ROOT / "traces"
Limit = Callable[[], None]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return Path(shutil.copy(TRACES / "nopage-leak-small.json", tmp_path / "t.json"))


def mmtui(*args: object, folder: Path, stdin: str = "", limit: Limit | None = None) -> subprocess.CompletedProcess[str]:
    """The program; it says no more than a line about what went wrong."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("MMTUI_")}
    env |= {"MMTUI_CONFIG_DIR": str(folder), "MMTUI_STATE_DIR": str(folder / "state"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "mmtui", *map(str, args)],
        input=stdin, capture_output=True, text=True, timeout=60, check=False, cwd=folder, env=env, preexec_fn=limit,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 1
    return done


def texts(trace: Path) -> list[str]:
    side = Sidecar.open(trace)
    return [str(record.get("text") or record.get("name")) for record in side.records.values() if "op" in record]


# Disks


def no_file_grows(size: int) -> Limit:
    """A disk with this much room: whatever is longer is not written."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.mark.parametrize("ending", [".json", ".html", ".md", ".svg", ".perfetto.json", ".json.gz"])
def test_a_disk_that_fills_while_exporting_leaves_what_was_there(trace: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"out{ending}"
    out.write_text("the old one")
    there = sorted(path.name for path in tmp_path.iterdir())
    done = mmtui("export", trace, "-o", out, "--force", folder=tmp_path, limit=no_file_grows(100))

    assert done.returncode == 2
    assert done.stderr.endswith(": not written: File too large\n")
    assert out.read_text() == "the old one"
    assert sorted(path.name for path in tmp_path.iterdir()) == there


@pytest.mark.parametrize(
    "command",
    [
        ("run",),
        ("check", "--never", "leak"),
        ("compare",),
        ("show", "kmem"),
        ("fmt",),
        ("export", "-o", "-", "--format", "md"),
    ],
    ids=" ".join,
)
def test_a_full_disk_behind_standard_output_is_one_line(trace: Path, command: tuple[str, ...]) -> None:
    args = [*command[:2], trace, *command[2:]] if command[0] == "show" else [command[0], trace, *command[1:]]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mmtui", *map(str, args)],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=ROOT,
        )  # fmt: skip

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "No space left on device" in done.stderr


def test_a_note_on_a_full_disk_is_said_and_written_when_there_is_room_again(trace: Path, tmp_path: Path) -> None:
    terminal = Terminal(trace, tmp_path)
    assert terminal.until(b"VMAs")
    os.write(terminal.fd, b"nm")
    assert terminal.until(b"mark a at")
    kept = trace.with_name(trace.name + SUFFIX).read_bytes()
    resource.prlimit(terminal.pid, resource.RLIMIT_FSIZE, (len(kept), resource.RLIM_INFINITY))
    os.write(terminal.fd, b"nm")
    assert terminal.until(b"File too large; kept in memory")
    assert trace.with_name(trace.name + SUFFIX).read_bytes() == kept
    resource.prlimit(terminal.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    os.write(terminal.fd, b"nm")
    assert terminal.until(b"mark c at")
    os.write(terminal.fd, b"q")

    assert os.waitstatus_to_exitcode(terminal.wait()) == 0
    assert texts(trace) == ["a", "b", "c"]


def test_the_prompt_says_that_a_note_is_not_written(trace: Path, tmp_path: Path) -> None:
    done = mmtui("step", trace, "--plain", folder=tmp_path, stdin="n\nm here\nn\n'\n", limit=no_file_grows(0))

    assert "! not written to t.json.mmtui: File too large; kept in memory" in done.stdout
    assert "@here" in done.stdout


def as_anybody() -> None:
    """Root, too, is refused what the permissions refuse (PR_CAPBSET_DROP of CAP_DAC_OVERRIDE)."""
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)


@pytest.fixture
def read_only(trace: Path) -> Iterator[Path]:
    folder = trace.parent / "ro"
    folder.mkdir()
    shutil.copy(trace, folder / "t.json")
    folder.chmod(0o555)
    yield folder / "t.json"
    folder.chmod(0o755)


def test_notes_on_a_trace_in_a_read_only_folder_are_kept_elsewhere(read_only: Path, tmp_path: Path) -> None:
    for _ in range(2):
        done = mmtui("step", read_only, "--plain", folder=tmp_path, stdin="n\ni mine\n'\n", limit=as_anybody)
        assert done.returncode == 0
        assert "mine" in done.stdout

    assert [path.name for path in read_only.parent.iterdir()] == ["t.json"]
    assert sum(b"mine" in path.read_bytes() for path in (tmp_path / "state").iterdir()) == 1


def test_an_export_into_a_read_only_folder_is_refused_in_a_line(read_only: Path, tmp_path: Path) -> None:
    out = read_only.parent / "out.html"
    done = mmtui("export", read_only, "-o", out, folder=tmp_path, limit=as_anybody)

    assert (done.returncode, done.stderr) == (2, f"mmtui: {out}: not written: Permission denied\n")


# Others at the same files


def test_another_mmtui_writes_the_same_sidecar(trace: Path, tmp_path: Path) -> None:
    terminal = Terminal(trace, tmp_path)
    assert terminal.until(b"VMAs")
    os.write(terminal.fd, b"nm")
    assert terminal.until(b"mark a at")
    other = Sidecar.open(trace)
    other.add("note", text="from elsewhere", about="", op=1, transition=0)
    os.write(terminal.fd, b"nm")
    assert terminal.until(b"mark b at")
    other.add("mark", id="mark:z", name="z", op=2, transition=0)
    os.write(terminal.fd, b"'")
    assert terminal.until(b"from elsewhere")
    os.write(terminal.fd, b"\x1bq")

    assert os.waitstatus_to_exitcode(terminal.wait()) == 0
    assert texts(trace) == ["a", "from elsewhere", "b", "z"]


async def test_a_trace_that_changes_while_it_is_open_is_read_again_with_its_notes(tmp_path: Path) -> None:
    async with walking(tmp_path) as walk:
        path = tmp_path / "nopage-leak.json"
        await walk.press("n", "n", "n", "m")
        before, place = walk.position, walk.desk.timeline.place_name(walk.position)
        story = {**json.loads(path.read_text()), "bookmarks": [], "annotations": []}
        for changed, said in (("{", "nopage-leak.json"), ("", "is empty"), (None, "no such file")):
            path.unlink() if changed is None else path.write_text(changed)
            await walk.press("R")
            assert said in walk.message
            assert walk.position == before
        path.write_text(json.dumps({**story, "ops": story["ops"][:5], "title": "shorter"}))
        await walk.press("R")
        assert walk.desk.timeline.op_count == 5
        assert walk.desk.timeline.place_name(walk.position) == place
        path.write_text(json.dumps({**story, "ops": story["ops"][:1]}))
        await walk.press("R")
        assert walk.position == len(walk.desk.timeline)
        assert [note.name for note in walk.desk.stepper.notes() if note.name == "a"] == ["a"]

    assert texts(path)[0] == "a"


# Terminals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_half_a_note_outlives_a_signal(trace: Path, tmp_path: Path, number: signal.Signals) -> None:
    terminal = Terminal(trace, tmp_path)
    assert terminal.until(b"VMAs")
    os.write(terminal.fd, b"nihalf a note")
    assert terminal.until(b"half a note")
    os.kill(terminal.pid, number)

    assert os.waitstatus_to_exitcode(terminal.wait()) == 0
    assert LEAVE in terminal.seen
    assert Sidecar.open(trace).get("drafts") == {"note": "half a note"}


def test_half_a_note_outlives_kill_9(trace: Path, tmp_path: Path) -> None:
    terminal = Terminal(trace, tmp_path)
    assert terminal.until(b"VMAs")
    os.write(terminal.fd, b"nihalf a note")
    assert terminal.until(b"half a note")
    deadline = time.monotonic() + 20
    while Sidecar.open(trace).get("drafts") != {"note": "half a note"} and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(terminal.pid, signal.SIGKILL)
    terminal.wait()

    assert Sidecar.open(trace).get("drafts") == {"note": "half a note"}
    assert texts(trace) == []
    again = Terminal(trace, tmp_path)
    assert again.until(b"VMAs")
    os.write(again.fd, b"i")
    assert again.until(b"half a note")
    os.write(again.fd, b"\rq")
    again.wait()
    assert texts(trace) == ["half a note"]
    assert not Sidecar.open(trace).get("drafts")


def test_a_terminal_that_is_closed_ends_it_and_keeps_what_was_typed(trace: Path, tmp_path: Path) -> None:
    terminal = Terminal(trace, tmp_path)
    assert terminal.until(b"VMAs")
    os.write(terminal.fd, b"nmihalf a note")
    assert terminal.until(b"half a note")
    os.close(terminal.fd)
    terminal.wait()

    assert texts(trace) == ["a"]
    assert Sidecar.open(trace).get("drafts") == {"note": "half a note"}


def test_a_thousand_sizes_of_a_terminal(trace: Path, tmp_path: Path) -> None:
    terminal = Terminal(trace, tmp_path)
    assert terminal.until(b"VMAs")
    sizes = random.Random(1)
    for _ in range(1000):
        width, height = sizes.choice(
            ((1, 1), (0, 0), (5, 200), (300, 3), (80, 24), (sizes.randrange(250), sizes.randrange(80)))
        )
        fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        with contextlib.suppress(OSError):
            terminal.seen += os.read(terminal.fd, 1 << 20)
        time.sleep(0.002)
    fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    terminal.seen = b""
    os.write(terminal.fd, b"nm")
    assert terminal.until(b"mark a at")
    os.write(terminal.fd, b"q")

    assert os.waitstatus_to_exitcode(terminal.wait()) == 0
    assert b"Traceback" not in terminal.seen


@pytest.mark.parametrize(
    "command",
    [("run", "--format", "jsonl", "--state"), ("compare",), ("show", "kmem"), ("export", "-o", "-", "--format", "html"),
     ("step", "--plain")],
    ids=" ".join,
)  # fmt: skip
def test_a_reader_that_leaves_early_ends_it_quietly(trace: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    args = [*command[:2], trace, *command[2:]] if command[0] == "show" else [command[0], trace, *command[1:]]
    process = subprocess.Popen(
        [sys.executable, "-m", "mmtui", *map(str, args)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
        env={**os.environ, "MMTUI_STATE_DIR": str(tmp_path)},
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.close()
    _, said = process.communicate(b"n\n" * 1000, timeout=60)

    assert process.returncode == 141
    assert said == b""


@pytest.mark.parametrize("words", [("t.json",), ("step", "t.json")])
def test_the_screen_wants_a_terminal(trace: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    done = mmtui(*words, folder=tmp_path)

    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
    assert done.stdout == ""


def test_standard_streams_may_be_closed(trace: Path) -> None:
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        for command in ("run", "step --plain", "fmt"):
            shell = f'exec "$0" -m mmtui {command} "$1" {closed}'
            done = subprocess.run(
                ["sh", "-c", shell, sys.executable, str(trace)], capture_output=True, cwd=ROOT, check=False
            )
            assert b"Traceback" not in done.stderr
            assert done.returncode in (0, 2), (command, closed)
