"""Everything that reads what a person or a file says, as targets of `fuzz`."""

from __future__ import annotations

import contextlib
import functools
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import mmtui
from mmtui.engine.ops import OPS
from mmtui.engine.places import EVENTS, PlaceError, parse_subject
from mmtui.engine.query import QueryError
from mmtui.engine.query import compile as compile_query
from mmtui.engine.query_lang import COMPARE, MAX_TEXT, MESSAGES, PTE_BITS, REASONS, TERMS, completions
from mmtui.engine.timeline import Timeline
from mmtui.sidecar import SUFFIX, Sidecar
from mmtui.trace.kernels import KERNELS
from mmtui.ui import config
from mmtui.ui.commands import ALIASES, COMMANDS
from mmtui.ui.desk import Desk
from mmtui.ui.paint import Painter
from mmtui.ui.stepper import Stepper
from mmtui.ui.theme import theme
from tests.hostile import files
from tests.hostile.files import shown_well
from tests.hostile.fuzz import Target

TRACES = Path(__file__).parents[2] / "traces"


def rarely(data: bytes, one_in: int) -> bool:
    """For what takes long: true for some inputs, always the same ones."""
    return zlib.crc32(data) % one_in == 0


def text_of(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


@functools.cache
def timeline() -> Timeline:
    return mmtui.load(TRACES / "nopage-leak-small.json", kernel="2.6.15-rc2")


# The query language

QUERIES = (
    "leak", "free and page.count > 0", "page[8].count < 1", "pte[2:0x10000000].val has RW", "vma.VM_IO or not fault",
    'leak.why == "orphan" and pid 2', "call zap_pte_range and (op munmap or op exit)", "vma[2:0x10000000].vm_flags",
    'task.name == "aplay"', "vma.vm_flags has VM_RESERVED and addr 0x10000000", "pte.pfn == 8", "task.state == exiting",
)  # fmt: skip
QUERY_WORDS = [
    word.encode()
    for word in (
        *TERMS, *EVENTS, *MESSAGES, *COMPARE, *REASONS, *PTE_BITS, *OPS, "and", "or", "not", "(", ")", "[", "]", ".",
        "why", "zap_pte_range", "do_wp_page", "vma.VM_IO", "page.count", "page[8]", "pte.val", "vma.vm_flags", "1",
        "mm[2]", "task.name", "sys.nr_mapped", "page.flags has reserved", "trace.result", '"aplay"', "pfn 8", "pid 2",
        ":", "0x10000000", "-1", "&", "|", "!", "not not", "((",
    )
]  # fmt: skip


def query(data: bytes) -> str:
    text = text_of(data)
    offered = completions(text)
    if not all(isinstance(word, str) and word for word in offered):
        return "a completion that is no word"
    try:
        compile_query(text)
    except QueryError as error:
        if not 1 <= error.column <= max(len(text), MAX_TEXT) + 1:
            return f"column {error.column} of {len(text)}"
        return shown_well(str(error))
    if rarely(data, 10):
        hits = timeline().find(text)
        if len(hits) and not (0 < hits[0] <= hits[-1] <= len(timeline())):
            return "a hit outside of the log"
    return ""


# Places and subjects

PLACES = ("120", "op:6", "op:6.12", "50%", "+100", "-1", "start", "@mark", "leak", "pid:2", "pfn:1f3", "0x10000000")
SUBJECTS = ("page[8].count", "vma[2:0x10000000]", "pte[2:0x10000000].val", "mm[2].anon_rss", "task[2]", "page[0x8]")
PLACE_WORDS = [*(word.encode() for word in (*PLACES, *SUBJECTS, "op:", "page[", "].", "%", "@", "pfn:", "pid:", "0x"))]


def place(data: bytes) -> str:
    text = text_of(data)
    for read in (timeline().place, parse_subject, timeline().subject):
        try:
            read(text)
        except PlaceError as error:
            if problem := shown_well(str(error)):
                return problem
    return ""


# Settings

SETTINGS = (
    b'[ui]\ntheme = "dark"\nglyphs = "ascii"\nmouse = false\noverlay = "count"\nnumbers = "decimal"\n',
    b'[keys]\npreset = "gdb"\ntime.op = "n,f10"\n"time.transition" = "ctrl+n"\nhelp = "comma"\n',
    b'[play]\nops_per_second = 4\n[open]\nat = "first-alert"\n[log]\nhide = ["get_page", "put_page"]\n',
    b'[notes]\nauthor = "J. Doe"\n# a comment\n[ui]\nfollow = true\nlayout = "mine"\n',
)
SETTING_WORDS = [
    *(name.encode() for name in config.SETTINGS), *(f"[{name}]".encode() for name in config.SECTIONS),
    *(f"{name} = ".encode() for name in COMMANDS), *(name.encode() for name in COMMANDS),
    b'"dark"', b'"n,f10"', b'"ctrl+i"', b'"ctrl+shift+alt+x"', b'""', b"true", b"2.0", b"inf", b"nan", b"1979-05-27",
    b"[[", b"]]", b"'''", b'"""', b"0x1f", b"theme = ", b"mouse = ", b"preset = ", b"\n", b"\n", b"\n", b" = ", b".",
    b"hide = [", b'"get_page",', b"]\n", b"{a = 1}", b"[keys.time]\n", b"ops_per_second = ", b"at = ", b'"last"',
]  # fmt: skip


def settings(data: bytes) -> str:
    """The file, or (rarely) the environment, says it."""
    environ: dict[str, str] = {}
    if rarely(data, 7):
        text = text_of(data).replace("\0", "")
        environ = {setting.env: text for setting in config.SETTINGS.values() if setting.env}
    path = config.config_dir() / "config.toml"
    path.write_bytes(b"" if environ else data)
    try:
        found = config.load({}, environ)
    except config.ConfigError as error:
        return next((problem for line in error.problems if (problem := shown_well(line))), "")
    if not all(command in COMMANDS for command in found.keymap.values()):
        return "a key for no command"
    with contextlib.suppress(AttributeError):
        config.author(found)
    return ""


# The sidecar

JOURNAL = (
    {"kind": "mark", "id": "mark:a", "name": "a", "op": 3, "transition": 2},
    {"kind": "note", "id": "f00", "text": "see", "about": "page[8]", "author": "me", "kernel": "2.6.15", "op": 4},
    {"kind": "stop", "id": "stop:leak", "expr": "leak", "on": False},
    {"kind": "set", "id": "set:position", "value": {"op": 6, "transition": 1}},
    {"kind": "set", "id": "set:layouts", "value": {"mine": {"slots": {"left": "vmas"}, "zoomed": "log"}}},
    {"kind": "set", "id": "set:drafts", "value": {"note": "half a"}},
    {"kind": "drop", "id": "mark:a"},
)
LINES = [json.dumps(record).encode() + b"\n" for record in JOURNAL]
SIDECAR_WORDS = [
    *LINES, b'"kind":"mark"', b'"kind":"note"', b'"kind":"stop"', b'"kind":"set"', b'"kind":"drop"', b'"id":"x"',
    b'"id":1', b'"kind":[]', b'"kind":{}', b'"expr":"leak"', b'"expr":null', b'"op":-1', b'"op":99999', b'"op":true',
    b'"transition":1e9', b'"text":"\\u001b[2J"', b'"name":["a"]', b'"value":"abc"', b'"value":[[1]]', b'"value":7',
    b'"id":"set:drafts"', b'"id":"set:layouts"', b'"id":"set:position"', b'"on":"no"', b"{", b"}", b"},\n{", b"\n",
    b'{"kind":"set","id":"set:drafts","value":', b'{"kind":"set","id":"set:layouts","value":',
    b'{"kind":"note","id":"n","op":', b'"\xff"', b",", b'"x"', b"[" * 2000, b'{"a":' * 1500,
]  # fmt: skip


class NoHost:
    """A program that does nothing, for a desk without a screen."""

    def leave(self) -> None: ...
    def suspend_to_shell(self) -> None: ...
    def copy_text(self, text: str) -> None: ...
    def redraw(self) -> None: ...
    def play(self, ops_per_second: float | None) -> None: ...
    def use_theme(self, name: str) -> None: ...

    def picture(self) -> str:
        return "<svg/>"

    def fetch(self, what: str, make: Callable[[], Timeline], then: Callable[[Timeline], None]) -> None:
        try:
            then(make())
        except mmtui.MmtuiError as error:
            assert shown_well(str(error)) == ""


def desk_over(sidecar: Sidecar) -> Desk:
    found = Desk(timeline(), config.load({}, {}), sidecar, Painter(theme("dark", None), False), NoHost())
    found.use_timeline(timeline(), 0)
    return found


def screen_of(desk: Desk) -> str:
    """What is wrong with what is painted, "" if nothing."""
    lines = [strip.text for strip in desk.compose(100, 30)]
    return next((f"on the screen: {line!r}" for line in lines if not line.isprintable()), "")


def sidecar(data: bytes) -> str:
    """A journal that others wrote is read, added to and read again; what stands in it stays."""
    trace = Path("t.json")
    path = Path("t.json" + SUFFIX)
    path.write_bytes(data)
    side = Sidecar.open(trace)
    stepper = Stepper(timeline(), side)
    if not all(0 <= note.position <= len(timeline()) for note in stepper.notes()):
        return "a note outside of the log"
    stepper.stops()
    stepper.marks()
    stepper.add_note("kept", "page[8]")
    if side.trouble:
        return side.trouble
    after = path.read_bytes()
    if not after.startswith(data) and len(data.splitlines()) < 200:
        return "what stood there was changed"
    if Sidecar.open(trace).records != side.records:
        return "it is read in two ways"
    return _opened(side) if rarely(data, 200) else ""


def _opened(side: Sidecar) -> str:
    from mmtui.formats.annotated import annotated_json, with_added
    from mmtui.trace import codec

    desk = desk_over(side)
    desk.stepper.stop_positions()
    for name, arg in (("layout.next", ""), ("stop.list", ""), ("mark.list", ""), ("note.edit", ""), ("cancel", "")):
        desk.run(name, arg)
        if problem := screen_of(desk):
            return problem
    desk.timeline.seek(0)
    codec.decode(annotated_json(desk.timeline, with_added(desk.timeline, side, 0)))
    return ""


# What a person types

_SLASHES = (b"/",)


def _harmless(data: bytes) -> str:
    """Typed text: it may name files, but only in the folder of the test."""
    for word in _SLASHES:
        data = data[:1] + data[1:].replace(word, b"_")
    return data.decode("utf-8", "backslashreplace").replace("\0", "_")


TYPED = (*QUERIES, *PLACES, *SUBJECTS)
LINE_WORDS = [
    *(name.encode() for name in (*COMMANDS, *ALIASES, *KERNELS, *TYPED)), b"save a", b"use a", b"reset", b"dark",
    b"x.json", b"x.html", b"x.md", b"x.perfetto.json", b"x.svg", b"x.txt", b"..", b"100",
]  # fmt: skip


@functools.cache
def _desk() -> Desk:
    return desk_over(Sidecar(None))


def command_line(data: bytes) -> str:
    """The `:` line, with what opens from it, painted."""
    desk = _desk()
    text = _harmless(data)
    desk.run("command")
    assert desk.drawer is not None
    desk.drawer.paste(text)
    desk.drawer.press("enter", None)
    problem = screen_of(desk) if rarely(data, 4) else ""
    for _ in range(4):
        desk.run("cancel")
    if desk.view.timeline is not timeline() or rarely(data, 500):
        _desk.cache_clear()
        for path in Path().iterdir():
            path.unlink()
    return problem


PROMPT_WORDS = [
    *(word.encode() for word in (
        "n", "N", "s 5", "f", "F", "c", "C", "w", "W", "a", "}", "{", "]", "[", ")", "(", ">", "<", "g", "/", "b",
        "b -", "t", "m", "i", "'", "about", "e", "K", "D", "E", "R", "?", "info", "p", "P", "x", "vm", "pt",
        "V", "frame", "frames", "why", "log", "bt", "src", "zap_pte_range", "log 5", "quit", *TYPED, *KERNELS,
    )), b"x.md", b"9999999999", b"x.json",
]  # fmt: skip


def prompt(data: bytes) -> str:
    """`step --plain`, a line of it at a time, in the order in which they come."""
    from mmtui.cli.prompt import Prompt

    said: list[str] = []
    found = mmtui.load(TRACES / "nopage-leak-small.json") if rarely(data, 50) else timeline()
    person = Prompt(Stepper(found, Sidecar(None)), said.append)
    for line in _harmless(data).split("\n")[:5]:
        person.run(line)
    found.seek(0)
    for path in Path().iterdir():
        path.unlink()
    return next((problem for line in said if line and (problem := _plain(line))), "")


def _plain(text: str) -> str:
    lines = text.split("\n")
    return next((f"not printable: {line!r}" for line in lines if not line.isprintable()), "")


def _encoded(texts: tuple[str, ...]) -> Callable[[], list[bytes]]:
    return lambda: [text.encode() for text in texts]


TARGETS = {
    target.name: target
    for target in (
        Target("query", _encoded(QUERIES), QUERY_WORDS, query),
        Target("place", _encoded((*PLACES, *SUBJECTS)), PLACE_WORDS, place, b""),
        Target("settings", lambda: list(SETTINGS), SETTING_WORDS, settings, b""),
        Target("sidecar", lambda: [b"".join(LINES), *LINES], SIDECAR_WORDS, sidecar, b""),
        *files.TARGETS,
        Target("command_line", _encoded(tuple(f"goto {p}" for p in PLACES)), LINE_WORDS, command_line),
        Target("prompt", _encoded(("n\ns 5\nc", "/ leak\n]", "g op:6\ne", "b leak\nc\nwhy")), PROMPT_WORDS, prompt),
    )
}

__all__ = ["TARGETS", "TRACES", "desk_over", "screen_of", "timeline"]
