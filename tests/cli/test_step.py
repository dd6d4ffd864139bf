"""The plain stepper: commands from a pipe, answers in words."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TRACES = Path(__file__).parents[2] / "traces"


@pytest.fixture
def trace(tmp_path):
    return Path(shutil.copy(TRACES / "nopage-leak.json", tmp_path))


def step(trace, *commands, args=()):
    return subprocess.run(
        [sys.executable, "-m", "mmtui", "step", str(trace), "--plain", *args],
        input="\n".join(commands) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_it_says_what_is_open_and_where_one_is(trace):
    done = step(trace)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "a driver's nopage pages leak from a VM_RESERVED area"
    assert "kernel 2.6.15-rc2, 29 operations" in done.stdout
    assert "before the first operation" in done.stdout


def test_c_runs_to_the_leak_and_says_why(trace):
    done = step(trace, "c")

    assert "exit  pid 2 aplay" in done.stdout
    assert "STOP leak  page 008: count 2, holders 1.  zap_pte_range put nothing: the vma has VM_RES" in done.stdout


def places(output):
    return [line.split(" of ")[0] for line in output.splitlines() if " of 28." in line]


def test_forward_and_back_stop_at_the_same_places(trace):
    forward = places(step(trace, "c", "c").stdout)[1:]
    back = places(step(trace, ">", "C", "C").stdout)[2:]

    assert len(forward) == 2
    assert [*reversed(back)] == forward or back == [forward[0]]


def test_moves_take_a_number(trace):
    assert places(step(trace, "n 5").stdout)[-1] == places(step(trace, *["n"] * 5).stdout)[-1]
    assert places(step(trace, "s12", "S 2").stdout)[-1] == places(step(trace, "s 10").stdout)[-1]


def test_an_empty_line_is_the_last_command_again(trace):
    assert places(step(trace, "n", "", "").stdout) == places(step(trace, "n", "n", "n").stdout)


def test_who_last_wrote_this(trace):
    done = step(trace, "c", "W page[8].count", "W")

    assert "page 008 count  1 -> 2  nopage takes a reference for the pte" in done.stdout
    assert "page 008 count  0 -> 1" in done.stdout


def test_goto_reads_every_kind_of_place(trace):
    done = step(trace, "g op:23", "g @exit", "g leak", "g 50%", "g +3", "g -3", "g 0x10000000")

    assert done.returncode == 0, done.stdout
    assert len(places(done.stdout)) == 8


def test_queries_list_their_hits_and_brackets_walk_them(trace):
    done = step(trace, "/ pfn 8 and page.count", "]", "]", "[")

    assert "3 hits of pfn 8 and page.count: 0 before, 3 after" in done.stdout
    assert places(done.stdout)[2] == "23.4"
    assert places(done.stdout)[3] == places(done.stdout)[1]


def test_marks_notes_and_stops_are_kept(trace):
    first = step(trace, "g op:23", "m before the read", "about page[8]", "i who frees it?", "b page[8].count < 2")
    second = step(trace, "'", "b", "g @before the read")

    assert first.returncode == 0, first.stdout
    assert "@before the read" in second.stdout
    assert "page[8]" in second.stdout
    assert "who frees it?" in second.stdout
    assert "page[8].count < 2" in second.stdout
    assert second.returncode == 0, second.stdout


def test_the_machine_can_be_looked_at(trace):
    done = step(trace, "g op:27", "vm", "vm 2", "pt 2", "frame 8", "frames", "why page[8]", "log 5", "bt", "src", "e")

    assert done.returncode == 0, done.stdout
    assert "pid 2 aplay" in done.stdout
    assert "VM_RESERVED: its ptes hold no reference" in done.stdout
    assert "10000000  008 P RW A .   ~" in done.stdout
    assert "page_count of 008" in done.stdout
    assert "of 128 frames are free" in done.stdout


def test_p_chooses_the_process_and_x_takes_all(trace):
    done = step(trace, "g op:20", "p", "p", "vm", "x", "vm")

    assert "in view: pid 1\nin view: pid 2\npid 2 aplay" in done.stdout
    assert "in view: all processes\npid 1 sh" in done.stdout


def test_where_another_kernel_parts_and_who_did_it(trace):
    done = step(trace, "D 2.6.15", "D", "g op:27.36", "V")

    assert "2.6.15-rc2 and 2.6.15 part in op" in done.stdout
    assert "because of" in done.stdout
    assert "? D takes another kernel" in done.stdout
    later = ("vm-unpaged", "2.6.15-rc3", "2.6.15-rc5", "2.6.15", "6.x")
    assert any(f"in {kernel}:\n" in done.stdout for kernel in later)


def test_what_was_added_can_be_exported_and_opens_again(trace):
    out = trace.parent / "story.json"

    first = step(trace, "g op:23", "m here", "i who frees it?", f"E {out}", f"E {out}", "E")
    second = step(out, "'")

    assert f"written: {out}" in first.stdout
    assert "exists" in first.stdout
    assert "? E takes a file" in first.stdout
    assert "@here" in second.stdout
    assert "who frees it?" in second.stdout
    assert places(second.stdout)[0] == places(first.stdout)[1]


def test_another_kernel_at_the_same_operation(trace):
    done = step(trace, "g op:27", "K 2.6.15", ">", "K")

    assert "kernel 2.6.15" in done.stdout
    assert "> 2.6.15\n" in done.stdout
    assert "STOP leak" not in done.stdout


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("dance", '? no command "dance".'),
        ("framez", "Did you mean frame?"),
        ("g nowhere", '? "nowhere" is not a place'),
        ("n x", '? "x" is not a number of steps'),
        ("/ leek", "? column 1:"),
        ("b page.count <", "? column 13:"),
        ("K 3.0", '? no kernel "3.0".'),
        ("vm 77", '? there is no process "77" here'),
        ("frame 999", '? "999" is no frame of this machine: 0 to 127'),
        ("why page[999]", "? there is no page[999]"),
        ("i", "? i takes the note's text"),
        ("g", "? g takes a place"),
        ("w", "? nothing has changed yet"),
        ("\x1b[31m", "? no command"),
        ("src nothing", '? there is no source of "nothing"'),
    ],
)
def test_a_wrong_command_is_one_line_and_a_script_hears_of_it(trace, command, answer):
    done = step(trace, command, "n")

    assert answer in done.stdout
    assert done.returncode == 2
    assert "Traceback" not in done.stdout + done.stderr
    assert places(done.stdout)[-1].startswith("0.")


def test_q_leaves_and_help_lists(trace):
    done = step(trace, "?", "q", "dance")

    assert done.returncode == 0
    assert "previous operation" in done.stdout


def test_at_and_kernel_are_taken(trace):
    done = step(trace, args=("--at", "op:15", "--kernel", "2.6.14"))
    wrong = step(trace, args=("--at", "nowhere"))

    assert "kernel 2.6.14" in done.stdout
    assert places(done.stdout) == ["14.10"]
    assert wrong.returncode == 2
    assert "is not a place" in wrong.stderr


def test_a_wrong_trace_is_one_clear_line(tmp_path):
    (tmp_path / "x.json").write_text("{")

    done = step(tmp_path / "x.json", "n")

    assert done.returncode == 2
    assert "x.json" in done.stderr
    assert "Traceback" not in done.stderr


def test_bytes_that_are_no_text_are_a_wrong_command(trace):
    done = subprocess.run(
        [sys.executable, "-m", "mmtui", "step", str(trace), "--plain"],
        input=b"\xff\xfe\x00\x9b31m\nn\n", capture_output=True, timeout=60,
    )  # fmt: skip

    assert done.returncode == 2
    assert b"? no command" in done.stdout
    assert b"\x9b" not in done.stdout
    assert b"Traceback" not in done.stderr
    assert b"0.12 of" in done.stdout


def test_a_closed_pipe_ends_it_quietly(trace):
    done = subprocess.run(
        f"printf 'log 400\nlog 400\nlog 400\nlog 400\n' | {sys.executable} -m mmtui step {trace} --plain | head -1",
        shell=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
