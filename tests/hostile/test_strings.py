"""A stranger's strings are shown as text: on the screen, by every command, in every export."""

from __future__ import annotations

import io
import json
import os
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

import mmtui
from mmtui.cli.main import main
from tests.hostile.nasty import NASTY, keep_nasty_notes, recording, trace
from tests.ui.stepping import walking

Said = Callable[..., str]


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The trace, under a name that is as bad, with notes beside it."""
    monkeypatch.setenv("MMTUI_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("MMTUI_STATE_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "e\x1b[2J[red]\u202e<b>\udc80.json"
    path.write_text(json.dumps(trace()))
    keep_nasty_notes(path)
    return path


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    """Runs a command; what it wrote to both of its outputs, each line of it printable."""

    def run(*args: str | Path, stdin: str = "", status: tuple[int, ...] = (0, 1)) -> str:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            main([os.fspath(arg) for arg in args])
        out, err = capfd.readouterr()
        assert ended.value.code in status, err
        assert "Traceback" not in err
        assert_harmless(out + err)
        return out + err

    return run


def assert_harmless(text: str) -> None:
    wrong = [line for line in text.split("\n") if not line.isprintable()]
    assert wrong == []


COMMANDS = [
    ("run",), ("run", "--state"), ("run", "--format", "jsonl", "--state"), ("run", "--break", "leak"),
    ("check", "--never", "leak"), ("check", "--never", "leak", "--format", "json"),
    ("check", "--never", "leak", "--format", "junit"), ("check", "--always", "page.count >= 0"),
    ("compare",), ("compare", "--kernels", "all", "--format", "json"), ("lint",), ("lint", "--format", "json"),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_prints_them_as_text(evil: Path, said: Said, command: tuple[str, ...]) -> None:
    text = said(command[0], evil, *command[1:])

    assert "json" in text
    if "junit" in command:
        ElementTree.fromstring(text)
    elif "--format" in command and command[0] != "run":
        json.loads(text)
    elif "jsonl" in command:
        assert all(isinstance(json.loads(line), dict) for line in text.splitlines())


@pytest.mark.parametrize("what", ["vm", "vtop", "kmem", "ledger"])
@pytest.mark.parametrize("place", ["op:10", "end", "leak"])
def test_show_prints_them_as_text(evil: Path, said: Said, what: str, place: str) -> None:
    assert said("show", what, evil, "--at", place)


def test_the_prompt_prints_them_as_text(evil: Path, said: Said) -> None:
    lines = (
        "n 4", "n 4", "e", "vm", "pt", "frame 8", "frames", "why", "log 20", "bt", "src", "'", "b", "m \x1b[31mx",
        "i [red]\u202e", "/ leak", "g @\x1b[2J", "/ \x1b", "K \u202e", "about \x1b", "E \x1b.txt", "\x1b[A", "c", "e",
        "t page[8].\u202e", "D \x1b", "notes", "why page[8]", ">", "e", "info",
    )  # fmt: skip
    text = said("step", evil, "--plain", stdin="\n".join(lines), status=(2,))

    assert "\\e[2J" in text
    assert "[bold red]rich[/]" in text


def test_errors_print_them_as_text(evil: Path, said: Said, tmp_path: Path) -> None:
    for bad in ({"op": NASTY[0]}, {"op": "spawn", "pid": NASTY[3]}, {NASTY[2]: 1}, {"op": "exit", NASTY[9]: 1}):
        (tmp_path / "bad\x1b.json").write_text(json.dumps({"mmtui": 1, "kernel": NASTY[1], "ops": [bad], NASTY[5]: 1}))
        said("run", tmp_path / "bad\x1b.json", status=(2,))
    for text in NASTY:
        for args in (("run", evil, "--break", text), ("show", "vm", evil, "--at", text), ("run", evil, "-k", text)):
            said(*(str(arg).replace("\0", "0") for arg in args), status=(2,))
        said(text.replace("\0", "0").lstrip("-"), status=(2,))
    lone = json.dumps({"mmtui": 1, "title": "\ud800", "ops": []})
    (tmp_path / "lone.json").write_text(lone)
    said("run", tmp_path / "lone.json", status=(0, 2))


def exported(said: Said, path: Path, ending: str) -> bytes:
    out = path.parent / f"out{ending}"
    said("export", path, "-o", out, "--at", "leak", "--force")
    return out.read_bytes()


def test_json_carries_them_unchanged(evil: Path, said: Said) -> None:
    before, after = mmtui.load(evil).trace, exported(said, evil, ".json")
    (evil.parent / "again.json").write_bytes(after)
    again = mmtui.load(evil.parent / "again.json").trace

    assert (again.title, again.about, again.ops) == (before.title, before.about, before.ops)
    assert set(before.annotations) <= set(again.annotations)
    assert {mark.name for mark in before.bookmarks} <= {mark.name for mark in again.bookmarks}
    assert not any(char in after.decode() for char in "\x1b\x07\0\x08")


class Shape(HTMLParser):
    """The elements and attributes of a page, without its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[tuple[str, str]] = set()
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add((tag, ""))
        for name, value in attrs:
            self.found.add((tag, name))
            if name in ("href", "src", "xlink:href"):
                self.links.add(value or "")


@pytest.fixture
def good(evil: Path) -> Path:
    """The same trace with strings that nobody minds, and as many notes."""
    path = evil.parent / "good.json"
    path.write_text(json.dumps(trace(nasty=False)))
    from mmtui.sidecar import Sidecar

    side = Sidecar.open(path)
    for number in range(6):
        side.add("mark", name=f"m{number}", op=number % 5, transition=0)
        side.add("note", text="t", about="page[8]", author="a", op=number % 5, transition=1)
    return path


@pytest.mark.parametrize("about", [True, False])
def test_html_has_no_element_that_a_harmless_trace_has_not(evil: Path, good: Path, said: Said, about: bool) -> None:
    evil.write_text(json.dumps(trace(about=about)))
    found = exported(said, evil, ".html").decode()
    bad, fine = Shape(found), Shape(exported(said, good, ".html").decode())
    markdown = {"h1", "h2", "ul", "li", "a", "code", "pre", "em", "strong", "p", "hr", "ol", "blockquote", "br"}
    more = {tag for tag in bad.found - fine.found if not (about and tag[0] in markdown)}

    assert {tag for tag in more if tag[1] not in ("title", "start")} == set()
    assert not any(link.startswith(("javascript:", "data:")) for link in bad.links)
    assert_harmless(found)


def test_markdown_has_no_markup_that_a_harmless_trace_has_not(evil: Path, good: Path, said: Said) -> None:
    evil.write_text(json.dumps(trace(about=False)))
    found = exported(said, evil, ".md").decode()
    bad, fine = (
        Shape(MarkdownIt("commonmark").enable("table").render(text))
        for text in (found, exported(said, good, ".md").decode())
    )

    assert bad.found - fine.found == set()
    assert bad.links == fine.links
    assert_harmless(found)


def test_svg_is_well_formed_and_harmless(evil: Path, said: Said) -> None:
    found = exported(said, evil, ".svg").decode()
    tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(found).iter()}

    assert tags <= {"svg", "style", "defs", "clipPath", "rect", "g", "text", "circle", "title", "tspan", "path"}
    assert_harmless(found)


def test_perfetto_is_json_without_a_control_character(evil: Path, said: Said) -> None:
    found = exported(said, evil, ".perfetto.json")

    assert json.loads(found)["traceEvents"]
    assert_harmless(found.decode())


def test_a_recording_is_printed_and_exported_as_text(evil: Path, said: Said) -> None:
    path = evil.with_name("r\x1b.mmrec")
    path.write_bytes(recording())
    keep_nasty_notes(path)
    for args in (("run", path), ("run", path, "--format", "jsonl", "--state"), ("check", path, "--never", "leak")):
        assert said(*args)
    for what in ("vm", "vtop", "kmem", "ledger"):
        said("show", what, path, "--at", "end")
    said("step", path, "--plain", stdin="n 3\ne\nvm\npt\nframes\nlog\n'\nc\ne\nwhy page[0]\n")
    for ending in (".html", ".md", ".svg", ".perfetto.json"):
        assert_harmless(exported(said, path, ending).decode())


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
@pytest.mark.parametrize("name", ["evil", "recording"])
async def test_the_screen_shows_them_as_text(evil: Path, size: tuple[int, int], name: str) -> None:
    if name == "recording":
        evil.write_bytes(recording())
    seen = ""
    async with walking(evil.parent, trace=evil.name, size=size) as walk:
        for keys in ("n", "n", "n", "n", "n", "n", "n", "e", "escape", "c", "e", "escape", "1", "2", "3", "4", "5", "6",
                     "?", "escape", "apostrophe", "escape", "B", "escape", "slash", "escape", "i", "escape", "E",
                     "escape", "K", "escape", "L", "colon", "escape", "y", "C", "z", "z", "V", "R", "o"):  # fmt: skip
            await walk.press(keys)
            seen += walk.text()
            assert_harmless(walk.text())
            for strip in walk.app._stage._strips:
                for segment in strip:
                    assert not segment.control
                    assert segment.style is None or (segment.style.link is None and not segment.style.meta)

    assert "[bold red]" in seen or "\\e[" in seen
