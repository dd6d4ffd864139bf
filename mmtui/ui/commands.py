"""Every command of the stepper, in one table.

Keys, the palette, the `:` line, `?` help, the footer and `mmtui keys` all read it; `[keys]` of a configuration rebinds
by id. Ids are stable. `handler` names a method of `mmtui.ui.actions.Actions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

CATEGORIES: Final = ("time", "look", "find and keep", "general")
PRESETS: Final = ("gdb", "vi", "ide")


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that the stepper can do.

    `word`: its label in footer and help. `keys`: Textual key names or characters, the defaults of preset gdb;
    `vi` and `ide` replace them in those presets. `arg`: what the `:` line takes after the name, `""` for nothing.
    `given`: handed to the handler instead, for commands that share one. `back`: the same in the other direction.
    """

    id: str
    category: str
    word: str
    title: str
    handler: str
    keys: tuple[str, ...] = ()
    arg: str = ""
    given: str = ""
    back: str = ""
    vi: tuple[str, ...] | None = None
    ide: tuple[str, ...] | None = None

    def defaults(self, preset: str) -> tuple[str, ...]:
        """The keys of this command in a preset."""
        own = {"vi": self.vi, "ide": self.ide}.get(preset)
        return self.keys if own is None else own


Two = tuple[tuple[str, ...], tuple[str, ...]]


def _move(name: str, word: str, title: str, keys: Two, arg: str = "", vi: Two | None = None) -> tuple[Command, Command]:
    """A move through time and its way back, `time.op` and `time.op-back`. IDE keys: the function keys come first."""
    there, back = f"time.{name}", f"time.{name}-back"
    forward, backward = title.split(" | ")

    def one(i: int, id: str, given: str, text: str, twin: str) -> Command:
        ide = tuple(sorted(keys[i], key=len, reverse=True))
        return Command(id, "time", word, text, "move", keys[i], arg, given, twin, vi[i] if vi else None, ide)

    return one(0, there, name, forward, back), one(1, back, f"{name}-back", backward, there)


def _pane(number: int, name: str, word: str, title: str, *more: str) -> Command:
    return Command(f"pane.{name}", "look", word, title, "pane", (str(number), *more), given=name)


def _cursor(name: str, title: str, *keys: str) -> Command:
    return Command(f"cursor.{name}", "look", name.replace("-", " "), title, "cursor", keys, given=name)


TIME: Final = (
    *_move(
        "op",
        "op",
        "to the end of the operation: over | back to the start of the operation",
        (("n", "f10"), ("N", "shift+f10")),
        "count",
        (("s", "f10"), ("S", "shift+f10")),
    ),
    *_move(
        "transition",
        "step",
        "one single change of a flag, count or pte: into | one single change back",
        (("s", "f11"), ("S", "shift+f11")),
        "count",
        ((".", "f11"), (",", "shift+f11")),
    ),
    *_move(
        "call",
        "call",
        "to the end of the innermost call, then of its caller: out | to the start of the innermost call",
        (("f",), ("F",)),
        "count",
    ),
    *_move(
        "stop",
        "stop",
        "run to the next stop | run back to the previous stop",
        (("c", "f5"), ("C", "shift+f5")),
        "count",
    ),
    *_move(
        "change",
        "change",
        "the next change of the thing under the cursor | who last changed the thing under the cursor",
        (("w",), ("W",)),
        "count",
    ),
    *_move("alert", "alert", "the checker's next alert | the checker's previous alert", (("a",), ("A",)), "count"),
    *_move("mark", "mark or note", "the next mark or note | the previous mark or note", (("}",), ("{",))),
    *_move(
        "hit",
        "hit",
        "the next hit of the last search | the previous hit of the last search",
        (("]",), ("[",)),
        "",
        (("n", "]"), ("N", "[")),
    ),
    *_move("history", "places visited", "forward in places visited | back in places visited", ((")",), ("(",))),
    *_move("end", "end, start", "the end of the trace | the start of the trace", ((">",), ("<",))),
    Command("time.play", "time", "play", "play and pause; stops at stops", "play", ("space",)),
    Command("play.faster", "time", "faster", "play more operations a second", "pace", ("+", "="), given="2"),
    Command("play.slower", "time", "slower", "play fewer operations a second", "pace", ("-",), given="0.5"),
    Command(
        "time.goto", "time", "go to", "go to a place: op:6.12, 120, 50%, +100, @mark, leak", "goto", ("g",), "place"
    ),
)

LOOK: Final = (
    _pane(1, "vmas", "VMAs", "the processes and their VMAs"),
    _pane(2, "tables", "Tables", "the page tables"),
    _pane(3, "frames", "Frames", "the frame map"),
    _pane(4, "log", "Log", "the log of all changes"),
    _pane(5, "why", "Why", "who holds the page, and why"),
    _pane(6, "notes", "Notes", "marks and notes", "I"),
    _pane(7, "source", "Source", "the model's source at this change"),
    Command("pane.next", "look", "next pane", "focus the next pane", "pane_step", ("tab",), given="1"),
    Command(
        "pane.previous", "look", "previous pane", "focus the previous pane", "pane_step", ("shift+tab",), given="-1"
    ),
    Command("pane.zoom", "look", "zoom", "the focused pane on the full screen", "zoom", ("z",)),
    _cursor("up", "the cursor one row up", "up", "k"),
    _cursor("down", "the cursor one row down", "down", "j"),
    _cursor("left", "one to the left; in the log to the caller", "left", "h"),
    _cursor("right", "one to the right; in the log into the call", "right", "l"),
    _cursor("page-up", "one page up", "pageup", "ctrl+u"),
    _cursor("page-down", "one page down", "pagedown", "ctrl+d"),
    _cursor("first", "the first row; in the log the start of the trace", "home"),
    _cursor("last", "the last row; in the log the end of the trace", "end"),
    _cursor("op-left", "ten operations back", "shift+left"),
    _cursor("op-right", "ten operations on", "shift+right"),
    Command("cursor.follow", "look", "follow", "follow: VMA, its ptes, the frame, its holders", "follow", ("enter",)),
    Command("cursor.back", "look", "back", "back to the place before", "back", ("backspace",)),
    Command("view.fold", "look", "fold", "fold or unfold what is under the cursor", "fold", ("Z",)),
    Command(
        "view.everything", "look", "everything",
        "of a recording everything, or start-up, libraries and vdso folded", "everything", ("X",),
    ),
    Command(
        "proc.next",
        "look",
        "process",
        "the next process in view; time stays",
        "proc",
        ("p",),
        "pid",
        "1",
        "proc.previous",
    ),
    Command(
        "proc.previous", "look", "process", "the process before it in view", "proc", ("P",), "", "previous", "proc.next"
    ),
    Command("proc.all", "look", "all processes", "all processes, or the one in view", "proc_all", ("x",)),
    Command("view.overlay", "look", "frame overlay", "frames by state, count, age, holder", "overlay", ("o",), "name"),
    Command("view.numbers", "look", "hex, decimal", "numbers in hex, decimal, decoded", "numbers", ("v",), "base"),
    Command("view.follow", "look", "following", "panes follow what changes, or stay", "following", ("T",)),
    Command(
        "view.hide", "look", "hide function", "hide a function in the log, or show it again", "hide", ("H",), "function"
    ),
    Command("layout.next", "look", "next layout", "the next saved layout", "layout_next", ("L",)),
    Command(
        "layout", "look", "layout", "save a layout, use it, or reset", "layout", (), "save NAME, use NAME or reset"
    ),
    Command("frame.up", "look", "caller", "up the call chain in the source", "frame", ("u",), given="1"),
    Command("frame.down", "look", "callee", "down the call chain in the source", "frame", ("d",), given="-1"),
    Command("source.next", "look", "next kernel", "the same function as the next kernel restates it", "beside", ("V",)),
    Command("theme", "look", "theme", "dark, light, cvd, mono or ansi", "theme_use", (), "name"),
)

KEEP: Final = (
    Command("find", "find and keep", "find", "search all of time", "find", ("/",), arg="query"),
    Command(
        "stop.toggle",
        "find and keep",
        "stop here",
        "a stop on this operation or function",
        "stop_toggle",
        ("b",),
        arg="query",
    ),
    Command("stop.list", "find and keep", "stops", "all stops, with their hits", "stop_list", ("B",)),
    Command("stop.watch", "find and keep", "watch", "stop when this cell changes", "watch", ("t",), arg="condition"),
    Command("mark.set", "find and keep", "mark", "a mark here; :mark NAME names it", "mark_set", ("m",), arg="name"),
    Command("mark.list", "find and keep", "marks", "all marks", "mark_list", ("'",)),
    Command(
        "note.edit", "find and keep", "note", "a note at this position about this thing", "note", ("i",), arg="text"
    ),
    Command(
        "entry.delete",
        "find and keep",
        "delete",
        "delete the mark or note under the cursor",
        "entry_delete",
        ("delete",),
    ),
    Command("explain", "find and keep", "explain", "explain this step", "explain", ("e",)),
    Command(
        "model", "find and keep", "other kernel", "another kernel, the same operation", "model", ("K",), arg="kernel"
    ),
    Command(
        "diff",
        "find and keep",
        "compare",
        "compare with another kernel, or another moment",
        "diff",
        ("D",),
        arg="kernel or place",
    ),
    Command("copy", "find and keep", "copy", "copy what is under the cursor", "copy", ("y",)),
    Command("export", "find and keep", "export", "write the annotated trace or a report", "export", ("E",), arg="file"),
)

GENERAL: Final = (
    Command("help", "general", "help", "all keys; type to filter", "help", ("?", "f1")),
    Command("command", "general", "command", "the command line", "command", (":",)),
    Command("palette", "general", "palette", "every command, by any part of its name", "palette", ("ctrl+p",)),
    Command("file.reload", "general", "reload", "read the trace again, keep position and notes", "reload", ("R",)),
    Command("cancel", "general", "back", "leave a drawer, help, zoom or comparison", "cancel", ("escape",)),
    Command("screen.redraw", "general", "redraw", "draw the screen again", "redraw", ("ctrl+l",)),
    Command("suspend", "general", "suspend", "suspend to the shell", "suspend", ("ctrl+z",)),
    Command("interrupt", "general", "hint", "says how to quit", "interrupt", ("ctrl+c",)),
    Command("quit", "general", "quit", "leave; everything is kept", "quit", ("q", "ctrl+q")),
)

COMMANDS: Final[dict[str, Command]] = {c.id: c for c in (*TIME, *LOOK, *KEEP, *GENERAL)}

ALIASES: Final = {
    "n": "time.op",
    "s": "time.transition",
    "f": "time.call",
    "c": "time.stop",
    "w": "time.change",
    "q": "quit",
    "quit": "quit",
    "goto": "time.goto",
    "watch": "stop.watch",
    "break": "stop.toggle",
    "mark": "mark.set",
    "note": "note.edit",
    "kernel": "model",
    "compare": "diff",
    "reload": "file.reload",
    "hide": "view.hide",
}
"""Short names on the `:` line, beside the ids."""

# What the footer offers, best first, by the focused pane; `help` is always last and never dropped.
FOOTER: Final[dict[str, tuple[str, ...]]] = {
    "log": ("time.op", "time.transition", "time.call", "time.stop", "time.change"),
    "vmas": ("time.op", "time.transition", "time.stop", "time.change", "cursor.follow"),
    "tables": ("time.op", "time.transition", "time.stop", "time.change", "cursor.follow"),
    "frames": ("time.op", "time.transition", "time.stop", "time.change", "view.overlay"),
    "why": ("time.op", "time.transition", "time.stop", "time.change", "cursor.follow"),
    "notes": ("time.mark", "note.edit", "mark.set", "cursor.follow", "entry.delete"),
    "source": ("frame.up", "frame.down", "source.next", "time.transition", "time.op"),
    "compare": ("time.op", "time.transition", "time.hit", "time.stop", "cancel"),
}

# Words of the footer where a key means something more exact in a comparison.
COMPARE_WORDS: Final = {"time.hit": "difference", "cancel": "one kernel"}


def find_command(name: str) -> Command | None:
    """The command of this id or short name."""
    return COMMANDS.get(ALIASES.get(name, name))


def nearest(name: str, names: list[str]) -> str | None:
    """The name that was probably meant."""
    close = get_close_matches(name, names, 1, 0.5)
    return close[0] if close else None


def matching(text: str) -> list[Command]:
    """Commands whose id, word or title contains the letters of `text` in order; best first."""
    if not text:
        return list(COMMANDS.values())
    scored = [(score, command) for command in COMMANDS.values() if (score := _score(text.lower(), command)) is not None]
    return [command for _, command in sorted(scored, key=lambda pair: pair[0])]


def _score(text: str, command: Command) -> int | None:
    """Lower is better; None: no match. A whole part beats scattered letters, the id beats the title."""
    for rank, place in enumerate((command.id, command.word.lower(), command.title.lower())):
        at = place.find(text)
        if at >= 0:
            return rank * 100 + at
    return 1000 if _scattered(text, command.id) else None


def _scattered(text: str, place: str) -> bool:
    letters = iter(place)
    return all(letter in letters for letter in text)
