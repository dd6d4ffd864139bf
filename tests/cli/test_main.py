"""`mmtui` itself: which command runs, what is loaded for it, how it ends."""

from __future__ import annotations

import gzip
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from mmtui.cli.registry import COMMANDS
from tests.cli.conftest import ROOT, TRACES, Mmtui

LEAK = TRACES / "nopage-leak-small.json"


def test_help_lists_every_command(mmtui: Mmtui) -> None:
    done = mmtui("--help")

    assert done.status == 0
    assert [name for name in COMMANDS if f"\n  {name} " not in done.out] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_help_of_its_own(name: str) -> None:
    command = importlib.import_module(f"mmtui.cli.{COMMANDS[name][0]}").command

    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.get_short_help_str()


@pytest.mark.parametrize(
    ("args", "unwanted"),
    [
        (["--help"], {"numpy", "textual", "msgspec", "rich", "mmtui.engine"}),
        (["kernels"], {"numpy", "textual", "rich"}),
        (["schema"], {"numpy", "textual", "rich"}),
        (["fmt", str(LEAK)], {"numpy", "textual", "rich"}),
        (["run", str(LEAK)], {"textual", "rich"}),
        (["check", str(LEAK), "--never", "bug"], {"textual", "rich"}),
    ],
)
def test_a_command_loads_no_more_than_it_needs(args: list[str], unwanted: set[str]) -> None:
    code = (
        "import sys\nfrom mmtui.cli.main import cli\ntry:\n    cli.main(sys.argv[1:], standalone_mode=False)\n"
        "finally:\n    sys.stderr.write(' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, cwd=ROOT, check=False)

    assert set(done.stderr.split()) & unwanted == set()
    assert "mmtui.cli.main" in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_takes_a_trace_takes_a_kernel(name: str) -> None:
    command = importlib.import_module(f"mmtui.cli.{COMMANDS[name][0]}").command

    params = {param.name for param in command.params}
    if params & {"trace", "traces"}:
        assert params & {"kernel", "kernels"}


def test_a_mistyped_command_is_not_taken_for_a_file(mmtui: Mmtui) -> None:
    done = mmtui("chekc", LEAK)

    assert (done.status, done.out) == (2, "")
    assert done.err == "mmtui: no command and no file 'chekc'; did you mean 'check'?  (mmtui --help)\n"


def test_a_file_opens_in_the_stepper_which_wants_a_terminal(mmtui: Mmtui) -> None:
    done = mmtui(LEAK)

    assert done.status == 2
    assert done.err.startswith("mmtui: the stepper needs a terminal")


def test_what_is_wrong_with_the_trace_comes_before_the_terminal(mmtui: Mmtui) -> None:
    assert mmtui("nowhere.json").err == "mmtui: nowhere.json: no such file\n"


def test_options_after_the_trace_are_the_steppers(mmtui: Mmtui) -> None:
    done = mmtui(LEAK, "--kernel", "2.6.51")

    assert done.status == 2
    assert 'no kernel "2.6.51", did you mean "2.6.15"?' in done.err


def test_options_before_the_trace_are_the_steppers_too(mmtui: Mmtui) -> None:
    done = mmtui("--kernel", "2.6.99", TRACES / "fork-cow.json")

    assert (done.status, done.err.split("'")[1]) == (2, "--kernel")


def test_an_unknown_option_is_told_with_the_nearest(mmtui: Mmtui) -> None:
    assert "--version" in mmtui("--verison").err
    assert "No such option '--fast'" in mmtui("--fast", "nothing.json").err


def test_nothing_said_is_wrong_usage(mmtui: Mmtui) -> None:
    done = mmtui()

    assert done.status == 2
    assert "Usage: mmtui" in done.out + done.err


def test_an_argument_cannot_speak_to_the_terminal(mmtui: Mmtui) -> None:
    for word in ("\x1b[31mred", "a\u202eb.json", "\x9b2J"):
        done = mmtui("run", word)
        assert done.status == 2
        assert done.err.rstrip("\n").isprintable()


def test_version(mmtui: Mmtui) -> None:
    assert mmtui("--version").out.startswith("mmtui 0.")


BROKEN = [
    (b"", "is empty"),
    (b"{", "not JSON"),
    (b"[" * 100_000, "nested too deeply"),
    (b'{"mmtui": 1, "ops": [{"op": "exit", "pid": "two"}]}', 'ops[0].pid: expected an integer, got "two"'),
    (b'{"mmtui": 1, "ops": [], "kernel": "3"}', "no kernel"),
    (b'{"mmtui": 1, "ops": [], "machine": {"frames": 1000000000}}', "MMTUI_MAX_FRAMES raises it"),
    (b"\xff\xfe\x00", "byte order mark"),
    (gzip.compress(b"{}", mtime=0)[:-4], "truncated"),
    (b'{"mmtui": 1, "ops": [], "breakpoints": ["page.cuont < 1"]}', "breakpoints[0]"),
]


@pytest.mark.parametrize(
    ("command", "data", "reason"),
    [
        *((["run"], *broken) for broken in BROKEN),
        *((command, *BROKEN[i]) for i in (3, 8) for command in ([], ["check"], ["fmt"], ["lint"], ["cut", "-", ".."])),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_broken_trace_ends_every_command_alike(
    mmtui: Mmtui, tmp_path: Path, command: list[str], data: bytes, reason: str
) -> None:
    if reason == "breakpoints[0]" and command and command[0] in ("fmt", "cut"):
        pytest.skip("only what runs a trace reads its queries")
    path = tmp_path / "broken.json"
    path.write_bytes(data)
    words = [str(path) if word == "-" else word for word in command]

    done = mmtui(*(words if "-" in command else [*words, path]))

    assert done.status == 2
    said = done.err if command != ["check"] else done.out
    assert reason in said
    assert len((done.err or done.out).splitlines()) <= 2


def test_standard_input_is_a_trace_too(mmtui: Mmtui) -> None:
    done = mmtui("run", "-", stdin=LEAK.read_bytes())

    assert done.status == 0
    assert done.out == mmtui("run", LEAK).out.replace(LEAK.name, "-", 1)


def test_a_closed_pipe_ends_it_quietly() -> None:
    many = [str(LEAK)] * 60
    with subprocess.Popen(
        [sys.executable, "-m", "mmtui", "run", "--state", "--format", "jsonl", *many],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""

    assert process.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_said() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mmtui", "schema"], stdout=full, stderr=subprocess.PIPE, cwd=ROOT, check=False
        )

    assert done.returncode == 2
    assert done.stderr == b"mmtui: No space left on device\n"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_signals_end_it_cleanly(tmp_path: Path, number: signal.Signals, status: int) -> None:
    fifo = tmp_path / "never.json"
    os.mkfifo(fifo)
    with subprocess.Popen(
        [sys.executable, "-m", "mmtui", "run", str(fifo)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stderr is not None
        writer = os.open(fifo, os.O_WRONLY)  # opens when the command reads
        time.sleep(0.1)
        process.send_signal(number)
        error = process.stderr.read()
        os.close(writer)

    assert error == b""
    assert process.returncode == status


def test_a_terminal_without_unicode_is_no_reason_to_fail(mmtui: Mmtui) -> None:
    done = mmtui("run", LEAK, env={"PYTHONIOENCODING": "ascii"})

    assert done.status == 0
    assert done.out.isascii()


# The small commands


def test_examples_lists_titles_and_finds_paths(mmtui: Mmtui) -> None:
    listed = mmtui("examples")

    assert listed.out.startswith("nopage-leak ")
    assert len(listed.out.splitlines()) >= 22
    assert mmtui("examples", "nopage-leak").out.strip() == str(TRACES / "nopage-leak.json")
    assert 'did you mean "nopage-leak"?' in mmtui("examples", "nopageleak").err


def test_examples_copies_but_not_over_a_file(mmtui: Mmtui, tmp_path: Path) -> None:
    assert mmtui("examples", "nopage-leak", "-o", ".").status == 0
    assert (tmp_path / "nopage-leak.json").read_bytes() == (TRACES / "nopage-leak.json").read_bytes()

    again = mmtui("examples", "nopage-leak", "-o", "nopage-leak.json")

    assert again.status == 2
    assert "exists already" in again.err
    assert mmtui("examples", "nopage-leak", "-o", ".", "--force").status == 0


def test_kernels_are_the_models_that_there_are(mmtui: Mmtui) -> None:
    from mmtui.engine.kernel import DEFAULT, RELEASES
    from mmtui.trace.kernels import KERNELS
    from mmtui.trace.model import DEFAULT_KERNEL

    assert list(KERNELS) == list(RELEASES)
    assert DEFAULT_KERNEL == DEFAULT
    assert [line[1:].split()[0] for line in mmtui("kernels").out.splitlines()[:-2]] == list(RELEASES)


def test_schema_prints_a_schema(mmtui: Mmtui) -> None:
    assert json.loads(mmtui("schema").out)["required"] == ["mmtui", "ops"]


def test_fmt_is_canonical_and_says_when_a_file_is_not(mmtui: Mmtui, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"ops":[{"pid":1,"op":"spawn","note":"first"}],"mmtui":1}')

    assert mmtui("fmt", "--check", path).status == 1
    printed = mmtui("fmt", path).out
    assert '    {"op": "spawn", "pid": 1, "note": "first"}\n' in printed
    assert mmtui("fmt", "--write", path).status == 0
    assert path.read_text() == printed
    assert mmtui("fmt", "--check", path).status == 0


def test_fmt_and_cut_may_name_another_kernel(mmtui: Mmtui) -> None:
    for done in (mmtui("fmt", LEAK, "--kernel", "2.6.14"), mmtui("cut", LEAK, "..3", "--kernel", "2.6.14")):
        assert json.loads(done.out)["kernel"] == "2.6.14"


def test_cut_keeps_a_piece(mmtui: Mmtui, tmp_path: Path) -> None:
    done = mmtui("cut", LEAK, "2..4", "-o", "piece.json")

    assert (done.status, done.out) == (0, "")
    assert [op["op"] for op in json.loads((tmp_path / "piece.json").read_text())["ops"]] == ["spawn", "mmap"]


@pytest.mark.parametrize("piece", ["4..2", "0..99", "x", "1", "..-1", "1..2..3"])
def test_cut_wants_a_range(mmtui: Mmtui, piece: str) -> None:
    assert mmtui("cut", LEAK, "--", piece).status == 2


def test_lint_doubts(mmtui: Mmtui, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    ops = [
        {"op": "driver", "name": "idle"}, {"op": "alloc", "driver": "d", "buf": "b"}, {"op": "spawn", "pid": 1},
        {"op": "mmap", "pid": 1, "addr": 0x10000000, "pages": 1, "prot": "rw", "flags": ["private"],
         "backing": {"anon": True}},
        {"op": "pin", "pid": 1, "addr": 0x10000000, "name": "p"}, {"op": "exit", "pid": 2},
    ]  # fmt: skip
    path.write_text(json.dumps({"mmtui": 1, "title": "doubtful", "ops": ops}))

    done = mmtui("lint", path)

    assert done.status == 1
    assert [line.split(": ", 1)[1] for line in done.out.splitlines()] == [
        'ops[0]: driver "idle" is never used',
        'ops[1]: buffer "b" is neither mapped nor freed',
        'ops[4]: pin "p" is never released',
        "ops[5].pid: there is no process 2 yet: the result will be -ESRCH",
        "breakpoints: no breakpoint, and there is no bookmark: nowhere to stop and look",
    ]


def test_blame_knows_what_a_release_changed(mmtui: Mmtui) -> None:
    assert mmtui("blame", "2.6.14", "--changed").out == ""
    assert "b5810039a54e" in mmtui("blame", "2.6.15-rc2", "put_page").out
    assert 'did you mean "put_page"?' in mmtui("blame", "2.6.15", "put_pag").err


def test_blame_lists_functions_of_the_kernel_only(mmtui: Mmtui) -> None:
    rows = [line.split() for line in mmtui("blame", "2.6.15").out.splitlines()]

    assert "put_page" in [row[3] for row in rows]
    assert not {"__init__", "row"} & {row[3] for row in rows}
    assert "area" not in [row[2] for row in rows]


@pytest.mark.parametrize("kernel", ["2.6.14", "2.6.15", "6.x"])
def test_flat_is_python_with_every_function_once(mmtui: Mmtui, kernel: str) -> None:
    import ast

    from mmtui.engine.instrument import kernel_functions
    from mmtui.engine.kernel import RELEASES

    tree = ast.parse(mmtui("flat", kernel).out)

    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert set(kernel_functions(RELEASES[kernel])) <= set(names)
    assert len(names) == len(set(names))


def test_info_prints_every_path(mmtui: Mmtui, tmp_path: Path) -> None:
    done = mmtui("info")

    assert done.status == 0
    assert str(tmp_path / "config" / "config.toml") in done.out
    assert str(TRACES) in done.out
