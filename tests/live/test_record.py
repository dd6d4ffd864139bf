"""Recording programs on the kernel that the tests run on."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

import mmtui
from tests.live.recorder import NOBODY, load, run, start

FORKS = """
import mmap, os
shared = mmap.mmap(-1, 8192)
shared[0] = 1
private = bytearray(64 * 4096)
if os.fork() == 0:
    private[32 * 4096] = 1
    shared[4096] = 1
    os._exit(3)
os.wait()
"""
PIPELINE = "ls / | wc -l"


def words(recording):
    return [stop.name for stop in recording.stops]


def test_the_programs_output_and_status_are_its_own(recorder, tmp_path):
    done = run("-o", "r.jsonl", "--", "sh", "-c", "echo out; echo err >&2; exit 7", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (7, "out\n")
    assert done.stderr.startswith("err\n")


def test_a_program_killed_by_a_signal_gives_the_status_that_a_shell_gives(recorder, tmp_path):
    done = run("-o", "r.jsonl", "--", "sh", "-c", "kill -9 $$", cwd=tmp_path)

    assert done.returncode == 128 + signal.SIGKILL


def test_every_stop_from_the_start_to_the_end_has_a_name(recorder, tmp_path):
    run("-o", "r.jsonl.gz", "--", "true", cwd=tmp_path)

    names = words(load(tmp_path / "r.jsonl.gz"))

    assert names[0] == "start"
    assert names[-2:] == ["exiting", "exit"]
    assert {"fault", "mmap", "munmap"} <= set(names)


def test_a_pipeline_is_followed_through_fork_and_exec(recorder, tmp_path):
    run("-o", "r.jsonl", "--", "sh", "-c", PIPELINE, cwd=tmp_path)

    recording = load(tmp_path / "r.jsonl")
    names = words(recording)

    assert len({stop.pid for stop in recording.stops}) == 3
    assert sum(names.count(name) for name in ("fork", "vfork", "clone")) == 2
    assert names.count("exec") == 2
    assert names.count("exit") == 3
    assert recording.summary.ended == "the program ended"


def test_no_stop_of_one_process_falls_between_anothers_fault_and_its_reading(recorder, tmp_path):
    run("-o", "r.jsonl", "--", "sh", "-c", PIPELINE, cwd=tmp_path)

    recording = load(tmp_path / "r.jsonl")

    assert recording.summary.inexact == 0
    assert [stop.i for stop in recording.stops] == list(range(len(recording.stops)))


def test_a_fork_gives_the_child_the_parents_frames_and_a_write_takes_one_of_its_own(frames, tmp_path):
    run("-o", "r.jsonl", "--", sys.executable, "-S", "-E", "-c", FORKS, cwd=tmp_path)

    recording = load(tmp_path / "r.jsonl")
    at = next(n for n, stop in enumerate(recording.stops) if stop.name == "fork")
    fork = recording.stops[at]
    child = fork.ev.tgid
    inherited = fork.pte[child]
    copied = [
        (inherited[address].pfn, entry.pfn)
        for stop in recording.stops[at + 1 :]
        if stop.name == "fault" and stop.pid == child
        for address, entry in stop.pte.get(child, {}).items()
        if address in inherited and inherited[address].pfn != entry.pfn
    ]

    counts = [fork.fr[e.pfn][0] for e in inherited.values() if e.letters == "p" and e.pfn in fork.fr]

    assert counts.count(2) > 50
    assert set(counts) <= {1, 2}  # 1: the kernel has written the child's tid into its copy already
    assert copied
    assert all(before != after for before, after in copied)


def test_at_the_end_of_a_process_the_map_counts_of_its_frames_are_told(frames, tmp_path):
    run("-o", "r.jsonl", "--", "true", cwd=tmp_path)

    last = load(tmp_path / "r.jsonl").stops[-1]

    assert last.end == last.pid
    assert any(count == 0 for count, _ in last.fr.values())


def test_threads_and_a_borrowed_address_space_belong_to_one_process(recorder, tmp_path):
    script = (
        "import subprocess, threading; t = threading.Thread(target=sum, args=(range(1000),)); t.start(); t.join();"
        "subprocess.run(['true'])"
    )
    run("-o", "r.jsonl", "--", sys.executable, "-S", "-E", "-c", script, cwd=tmp_path)

    recording = load(tmp_path / "r.jsonl")
    clone = next(stop for stop in recording.stops if stop.name == "clone")
    borrowed = [stop.mm for stop in recording.stops if stop.mm]

    assert clone.ev.tgid == clone.pid
    if borrowed:  # by vfork; a Python that uses fork has nothing to lend
        (child,) = borrowed[0]
        assert borrowed == [{child: clone.pid}, {child: child}]


def test_without_root_frames_are_unknown_and_the_recorder_says_so(recorder, tmp_path):
    if os.getuid():
        pytest.skip("only root can become another user")
    tmp_path.chmod(0o777)
    for folder in tmp_path.parents[:2]:
        folder.chmod(0o755)

    done = run("-o", "r.jsonl", "--", "/bin/sh", "-c", "echo hi", program=NOBODY, cwd=tmp_path)
    if done.returncode:
        pytest.skip(f"another user cannot record here: {done.stderr.splitlines()[-1:]}")
    recording = load(tmp_path / "r.jsonl")

    assert "frame numbers, map counts and page flags are not recorded" in done.stderr
    assert recording.missing == ("pfn", "mapcount", "page flags")
    assert not any(stop.fr for stop in recording.stops)
    found = [entry for stop in recording.stops for entries in stop.pte.values() for entry in entries.values()]
    assert {entry.pfn for entry in found} == {None}
    assert any("x" in entry.letters for entry in found)


def test_events_alone_find_the_same_faults_as_steps(recorder, tmp_path):
    command = ("--", "sh", "-c", "exit 0")
    run("--steps", "-o", "steps.jsonl", *command, cwd=tmp_path)
    done = run("--events", "-o", "events.jsonl", *command, cwd=tmp_path)

    steps = words(load(tmp_path / "steps.jsonl")).count("fault")
    events = load(tmp_path / "events.jsonl")

    assert done.returncode == 0
    assert abs(words(events).count("fault") - steps) <= 3
    assert events.summary.lost == 0
    assert all(stop.ev.late for stop in events.stops if stop.name == "fault")


def test_max_steps_ends_the_recording_and_not_the_program(recorder, tmp_path):
    done = run("--max-steps", "10", "-o", "r.jsonl", "--", "sh", "-c", "echo out; exit 4", cwd=tmp_path)

    recording = load(tmp_path / "r.jsonl")

    assert (done.returncode, done.stdout) == (4, "out\n")
    assert len(recording.stops) == 10
    assert recording.summary.ended == "the limit of --max-steps"


def test_an_interrupt_ends_the_recording_and_keeps_it(recorder, tmp_path):
    process = start("-o", "r.jsonl.gz", "--", "sh", "-c", "echo up; while :; do sleep 0.02; done", cwd=tmp_path)
    assert process.stdout.readline() == "up\n"

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    recording = load(tmp_path / "r.jsonl.gz")

    assert process.returncode == 128 + signal.SIGINT
    assert recording.summary.ended == "interrupted"
    assert len(recording.stops) > 50
    assert "interrupted" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("name", ["r.jsonl", "r.jsonl.gz"])
def test_a_killed_recorder_leaves_no_process_behind_and_what_it_wrote_can_be_read(recorder, tmp_path, name):
    script = "echo $$; sleep 300 & echo $!; wait"
    process = start("-o", name, "--", "sh", "-c", script, cwd=tmp_path)
    children = [int(process.stdout.readline()), int(process.stdout.readline())]
    deadline = time.monotonic() + 10
    while (tmp_path / name).stat().st_size < 4096 and time.monotonic() < deadline:
        time.sleep(0.1)

    process.kill()
    process.wait(timeout=10)
    while any(alive(pid) for pid in children) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert not any(alive(pid) for pid in children)
    assert load(tmp_path / name).cut


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def test_a_full_disk_ends_the_recording_and_not_the_program(recorder, tmp_path):
    done = run("-o", "/dev/full", "--", "sh", "-c", "sleep 1.2; echo out; ls / >/dev/null; exit 5", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (5, "out\n")
    assert "the recording stopped early: writing failed: No space left on device" in done.stderr


@pytest.mark.parametrize("mode", ["--steps", "--events"])
def test_an_anonymized_recording_names_nothing_of_this_machine(recorder, tmp_path, mode):
    run(mode, "-o", "open.jsonl", "--", "sh", "-c", PIPELINE, cwd=tmp_path)
    run(mode, "--anonymize", "-o", "r.jsonl", "--", "sh", "-c", PIPELINE, cwd=tmp_path)

    text = (tmp_path / "r.jsonl").read_text()
    areas = [a for stop in load(tmp_path / "r.jsonl").stops for areas in stop.vma.values() for a in areas.mapped]
    places = {area.start >> 40 for area in areas}

    headers = [load(tmp_path / name).header for name in ("open.jsonl", "r.jsonl")]

    assert [(header["addresses"], header["anonymized"]) for header in headers] == [(True, False), (False, True)]
    assert "/usr/" in (tmp_path / "open.jsonl").read_text()
    assert not any(word in text for word in ("/usr", "/lib", "/bin", '"ls', '"wc', '"sh"', str(tmp_path)))
    assert {area.path for area in areas} >= {"/file1", "[stack]"}
    assert max(places) < 64  # real ones lie at 0x55.. and 0x7f.. TiB


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--", "no-such-program"], "no-such-program: no such command, or not executable"),
        (["-o", "no/such/folder.jsonl", "--", "true"], "no/such/folder.jsonl: No such file or directory"),
        (["-o", "r.jsonl", "--", "./not-a-program"], "./not-a-program: Exec format error"),
    ],
)
def test_what_cannot_be_recorded_is_one_clear_line(recorder, tmp_path, arguments, reason):
    (tmp_path / "not-a-program").write_bytes(b"\x7fELF but no more")
    (tmp_path / "not-a-program").chmod(0o755)

    done = run(*arguments, cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"mmtui record: {reason}"
    assert not (tmp_path / "r.jsonl").exists()


def test_without_a_name_the_file_is_called_after_the_program_and_nothing_is_overwritten(recorder, tmp_path):
    for _ in range(2):
        run("--max-steps", "1", "--", "true", cwd=tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["true-2.mmrec.gz", "true.mmrec.gz"]


def test_a_parallel_make_is_recorded_walked_and_ends_with_nothing_mapped(recorder, tmp_path):
    if not (shutil.which("make") and shutil.which("cc")):
        pytest.skip("no make or no C compiler here")
    for name in ("one", "two"):
        (tmp_path / f"{name}.c").write_text(f"int {name}(void) {{ return 1; }}\n")
    (tmp_path / "Makefile").write_text("all: one.o two.o\n%.o: %.c\n\tcc -c $< -o $@\n")

    done = run("-o", "r.jsonl.gz", "--", "make", "-j2", cwd=tmp_path)
    timeline = mmtui.load(tmp_path / "r.jsonl.gz")
    timeline.seek(len(timeline))

    assert done.returncode == 0
    assert (tmp_path / "two.o").exists()
    assert len({timeline.op(number).pid for number in range(timeline.op_count)}) >= 5
    assert not timeline.processes()
    assert not timeline.machine.pt.mm.any()
    assert timeline.digest() != _rewound(timeline)


def _rewound(timeline):
    timeline.seek(0)
    return timeline.digest()


NO_FAULTS = (
    "import sys; from mmtui.cli.main import main; from mmtui.live import perf\n"
    "def refused(tid): raise PermissionError(13, 'Permission denied')\n"
    "perf.try_out = refused; perf.paranoid = lambda: 4\n"
    "main(['record', *sys.argv[1:]])"
)
NO_TRACING = (
    "import sys; from mmtui.cli.main import main; from mmtui.live import ptrace\n"
    "def refused(tid): raise PermissionError(1, 'Operation not permitted')\n"
    "ptrace.seize = refused\n"
    "main(['record', *sys.argv[1:]])"
)
ANOTHER_MACHINE = (
    "import platform, sys; from mmtui.cli.main import main\n"
    "platform.machine = lambda: 'riscv64'\n"
    "main(['record', *sys.argv[1:]])"
)


def test_where_faults_cannot_be_stopped_at_the_system_calls_are_recorded_and_the_remedy_is_named(recorder, tmp_path):
    done = run("-o", "r.jsonl", "--", "sh", "-c", "echo hi; ls / >/dev/null", program=NO_FAULTS, cwd=tmp_path)
    recording = load(tmp_path / "r.jsonl")

    assert (done.returncode, done.stdout) == (0, "hi\n")
    assert "kernel.perf_event_paranoid is 4: `sysctl kernel.perf_event_paranoid=2` allows it" in done.stderr
    assert "page faults" in recording.missing
    assert "fault" not in words(recording)
    assert any(stop.pte for stop in recording.stops if stop.ev.k == "exit")  # their effects are seen all the same


@pytest.mark.parametrize(
    ("program", "reason"),
    [(NO_TRACING, "this machine does not allow ptrace"), (ANOTHER_MACHINE, "record needs Linux on x86-64")],
)
def test_a_machine_that_does_not_allow_it_says_so_in_one_line_and_starts_nothing(tmp_path, program, reason):
    done = run("-o", "r.jsonl", "--", "touch", "started", program=program, cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert reason in done.stderr
    assert not any(tmp_path.iterdir())
