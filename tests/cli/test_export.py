"""`mmtui export`: by the ending of the name, with what people added."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import stat
from pathlib import Path

import pytest

import mmtui as api
from mmtui.sidecar import Sidecar
from tests.cli.conftest import TRACES, Mmtui

LEAK = TRACES / "nopage-leak.json"


@pytest.fixture
def leak(tmp_path: Path) -> Path:
    """A copy of the trace, with notes kept beside it."""
    path = tmp_path / "leak.json"
    shutil.copy(LEAK, path)
    side = Sidecar.open(path)
    side.add("note", text="look here", about="page[8]", author="ada", op=27, transition=36)
    side.add("mark", id="mark:free", name="free", op=28, transition=1)
    side.add("stop", id="stop:cow", expr="cow", on=True)
    side.add("stop", id="stop:leak", expr="leak", on=False)
    return path


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("out.json", b'{\n  "mmtui": 1,'),
        ("out.html", b"<!doctype html>"),
        ("out.md", b"# a driver's nopage pages leak"),
        ("out.svg", b"<svg "),
        ("out.perfetto.json", b'{"traceEvents":['),
    ],
)
def test_the_ending_says_what_is_written(mmtui: Mmtui, leak: Path, name: str, begins: bytes) -> None:
    out = leak.with_name(name)

    done = mmtui("export", leak, "-o", out, "--at", "leak")

    assert (done.status, done.out, done.err) == (0, "", "")
    assert out.read_bytes().startswith(begins)


def test_gz_may_follow(mmtui: Mmtui, leak: Path) -> None:
    out = leak.with_name("out.html.gz")

    assert mmtui("export", leak, "-o", out).status == 0

    assert gzip.decompress(out.read_bytes()).startswith(b"<!doctype html>")


def test_an_annotated_trace_opens_at_the_place_with_the_notes(mmtui: Mmtui, leak: Path) -> None:
    out = leak.with_name("out.json")

    mmtui("export", leak, "-o", out, "--at", "leak")

    trace = api.load(out).trace
    before = api.load(LEAK).trace
    assert str(trace.position) == "op:27.36"
    assert [(str(note.at), note.about, note.text, note.author) for note in trace.annotations] == [
        ("op:27.36", "page[8]", "look here", "ada")
    ]
    assert {mark.name: str(mark.at) for mark in trace.bookmarks} == {
        "mmap-drv": "op:15", "first-touch": "op:23", "exit": "op:27", "free": "op:28.1",
    }  # fmt: skip
    assert trace.breakpoints == ("free_unpaged", "cow")
    assert (trace.ops, trace.about, trace.machine) == (before.ops, before.about, before.machine)


def test_exporting_what_was_exported_changes_nothing(mmtui: Mmtui, leak: Path) -> None:
    first, second = leak.with_name("first.json"), leak.with_name("second.json")

    mmtui("export", leak, "-o", first, "--at", "op:27.36")
    mmtui("export", first, "-o", second)

    assert first.read_bytes() == second.read_bytes()


def test_a_log_is_put_in_and_check_says_whether_it_still_holds(mmtui: Mmtui, leak: Path) -> None:
    out = leak.with_name("log.json")

    assert mmtui("export", leak, "-o", out, "--log").status == 0
    assert mmtui("check", out, "--rerun").out.startswith("ok ")

    text = out.read_text()
    data = json.loads(text)
    data["log"]["strings"] = [one.replace("ok", "-EIO") for one in data["log"]["strings"]]
    out.write_text(json.dumps(data))
    done = mmtui("check", out, "--rerun")
    assert done.status == 1
    assert "rerun: at op:0: result ok, expected -EIO" in done.out


def test_the_log_belongs_into_json(mmtui: Mmtui, leak: Path) -> None:
    done = mmtui("export", leak, "-o", "x.md", "--log")

    assert done.status == 2
    assert done.err.startswith("mmtui: --log puts the log into a .json trace")


def test_kernel_is_the_one_that_ran(mmtui: Mmtui, leak: Path) -> None:
    out = leak.with_name("out.json")

    mmtui("export", leak, "-o", out, "--kernel", "2.6.14")

    assert json.loads(out.read_text())["kernel"] == "2.6.14"


def test_standard_output_and_input(mmtui: Mmtui, leak: Path) -> None:
    done = mmtui("export", "-", "-o", "-", "--format", "md", stdin=leak.read_bytes())

    assert done.status == 0
    assert done.out.startswith("# a driver's nopage pages leak from a VM_RESERVED area\n")


def test_the_trace_itself_and_other_files_are_kept_without_force(mmtui: Mmtui, leak: Path) -> None:
    before = leak.read_bytes()

    done = mmtui("export", leak, "-o", leak)

    assert done.status == 2
    assert done.err == f"mmtui: {leak}: is the trace itself (--force writes over it)\n"
    assert leak.read_bytes() == before
    assert mmtui("export", leak, "-o", leak, "--force").status == 0
    assert b"look here" in leak.read_bytes()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("-o", "x.pdf"), "-o x.pdf: expected a name ending in .perfetto.json, .json, .html, .md, .svg (or --format)"),
        (("-o", "x.md", "--at", "@nowhere"), "--at @nowhere: "),
        (("-o", "x.svg", "--size", "10x10"), "--size 10x10: expected 60x16 to 400x200, as 120x40"),
        (("-o", "none/x.md"), "none/x.md: not written: No such file or directory"),
        (("-o", "/dev/full", "--format", "md"), "/dev/full: not written: No space left on device"),
    ],
)
def test_what_is_wrong_is_one_line(mmtui: Mmtui, leak: Path, args: tuple[str, ...], said: str) -> None:
    done = mmtui("export", leak, *args)

    assert done.status == 2
    assert done.err.startswith(f"mmtui: {said}")
    assert done.err.count("\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to a read-only folder")
def test_a_read_only_folder(mmtui: Mmtui, leak: Path) -> None:
    leak.parent.chmod(0o555)
    try:
        done = mmtui("export", leak, "-o", leak.with_name("x.md"))
    finally:
        leak.parent.chmod(0o755)

    assert done.status == 2
    assert done.err.endswith("x.md: not written: Permission denied\n")


def test_a_new_file_has_the_mode_of_new_files(mmtui: Mmtui, leak: Path) -> None:
    out = leak.with_name("x.md")

    mmtui("export", leak, "-o", out)

    assert stat.S_IMODE(out.stat().st_mode) & 0o600 == 0o600
    assert [path.name for path in leak.parent.iterdir() if path.name.startswith(".")] == []
