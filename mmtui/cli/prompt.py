"""The stepper on a line-by-line prompt: the same letters as on the screen, one line of words for each answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from mmtui import words
from mmtui.cli import views
from mmtui.engine.errors import MmtuiError
from mmtui.ui.rows import Target

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline
    from mmtui.ui.stepper import Move, Stepper

Say = Callable[[str], None]

MOVES: Final = {
    "n": "op", "s": "transition", "f": "call", "c": "stop", "a": "alert", "}": "mark", "]": "hit", ")": "history",
    ">": "end",
}  # fmt: skip
BACK: Final = {"n": "N", "s": "S", "f": "F", "c": "C", "a": "A", "}": "{", "]": "[", ")": "(", ">": "<", "w": "W"}
MOST_STEPS: Final = 1_000_000

HELP: Final = (
    ("n N", "next / previous operation; with a number that many, as in n 5"),
    ("s S", "one change on / back"),
    ("f F", "to the end / the start of the innermost call, then of its caller"),
    ("c C", "to the next / previous stop"),
    ("w W [SUBJECT]", "next / previous change of a thing, page[8].count; without it of the thing in view"),
    ("a A   } {   ] [   ) (   > <", "alerts, marks and notes, hits of /, places visited, the ends"),
    ("g PLACE", "go to op:6.12, 120, 50%, +100, @mark, leak, pid:3, pfn:1f3, 0xb7f02000"),
    ("/ QUERY", "search all of time; / alone lists the hits again"),
    ("b [QUERY]", "a stop where the query hits; b alone lists the stops, b - QUERY switches one off"),
    ("t SUBJECT [OP VALUE]", "a stop when it changes, or comes to be so: t page[8].count < 1"),
    ("m [NAME]   i TEXT", "a mark here; a note here about the thing in view. ' lists both"),
    ("about SUBJECT", "the thing in view: page[8], pte[2:0x10000000], vma[2:0x10000000], mm[2], task[2]"),
    ("info", "where one is"),
    ("vm [PID]   pt [PID]", "vmas and page tables; p P choose the process, x all of them"),
    ("frame [PFN]   frames", "one page frame and who holds it; all frames in use"),
    ("why [SUBJECT]", "the causal chain, newest first"),
    ("log [N]   bt   src   V", "the changes around here, the open calls, the source; V: as the next kernel has it"),
    ("e", "explain this step"),
    ("K KERNEL", "another kernel, the same operation; K alone lists them"),
    ("D KERNEL", "where another kernel parts from this one, and which commit did it"),
    ("E FILE   R", "write the annotated trace or a report; read the trace again"),
    ("?   q", "this list; leave"),
)


class CommandError(Exception):
    """A command that cannot be carried out; its text says why."""


@dataclass
class Prompt:
    """One person at a prompt. `say` prints a line."""

    stepper: Stepper
    say: Say
    about: str = ""
    pid: int | None = None
    wrong: int = 0
    last: str = ""

    @property
    def timeline(self) -> Timeline:
        """The timeline that is walked now; K gives another."""
        return self.stepper.timeline

    def begin(self, at: str | None) -> None:
        """Say what is open and stand where the person wants to begin. PlaceError: no such place."""
        timeline = self.timeline
        position = self.stepper.place(at) if at is not None else views.stored_position(self.stepper)
        title = timeline.trace.title or timeline.source_name
        self.say(words.plain(title))
        self.say(
            f"kernel {timeline.kernel}, {words.count_text(timeline.op_count, 'operation')}, "
            f"{words.count_text(len(timeline), 'change')}. ? lists the commands."
        )
        self.stepper.arrive(position)
        self.where()

    def loop(self, lines: Iterable[str]) -> int:
        """Carry out one command a line until q or the end; 2 if one was wrong and nobody was there to see it."""
        for line in lines:
            if line.strip() in ("q", "quit"):
                break
            self.run(line)
        self.stepper.sidecar.put("position", self.stepper.place_of(self.timeline.position))
        return 2 if self.wrong else 0

    def run(self, line: str) -> None:
        """One command. An empty line is the last one again."""
        line = line.strip() or self.last
        if not line:
            return
        self.last = line
        name, argument = _split(line)
        try:
            self._command(name, argument)
        except (CommandError, ValueError, MmtuiError) as error:
            self._refuse(str(error))
        except click.ClickException as error:
            self._refuse(error.format_message())

    def _refuse(self, reason: str) -> None:
        self.wrong += 1
        self.say(f"? {words.plain(reason)}")

    def _command(self, name: str, argument: str) -> None:
        lower = next((low for low, up in BACK.items() if name == up), name)
        if lower == "w":
            self._change(name != lower, argument)
        elif lower in MOVES:
            self._move(MOVES[lower] + ("-back" if name != lower else ""), argument)
        elif name in COMMANDS:
            COMMANDS[name](self, argument)
        else:
            known = [*BACK, *BACK.values(), *COMMANDS]
            raise CommandError(f'no command "{name}".{views.near(name, known)} ? lists them')

    # Moving

    def _move(self, kind: str, argument: str) -> None:
        for moved in range(_times(argument)):
            move = self.stepper.move(kind)
            if move.position is None:
                self._report(move, moved)
                return
            self._arrive(kind, move)
        self.where()

    def _arrive(self, kind: str, move: Move) -> None:
        assert move.position is not None
        if kind.startswith("history"):
            self.stepper.arrive(move.position, visited=False)
            self.stepper.revisit(kind.endswith("-back"))
        else:
            self.stepper.arrive(move.position)

    def _report(self, move: Move, moved: int) -> None:
        if moved:
            self.where()
        self.say(f"{move.reason}.")

    def _change(self, back: bool, argument: str) -> None:
        subject = argument or self.about or views.changed_subject(self.timeline)
        if not subject:
            raise CommandError("nothing has changed yet: name a thing, as in w page[8].count")
        move = self.stepper.move("change-back" if back else "change", Target("cell", subject))
        if move.position is None:
            self.say(f"{move.reason}.")
            return
        if argument:
            self.about = argument
        self.stepper.arrive(move.position)
        self.where()

    def where(self) -> None:
        """Say where one is, what changed in the step that led here, and whether it is a stop."""
        for line in views.here(self.stepper):
            self.say(line)

    def goto(self, argument: str) -> None:
        """g PLACE."""
        if not argument:
            raise CommandError("g takes a place: op:6.12, 120, 50%, +100, @mark, leak")
        self.stepper.arrive(self.stepper.place(argument))
        self.where()

    # Searching, stops, marks, notes

    def search(self, argument: str) -> None:
        """/ QUERY: the hits, with the first ones listed."""
        if argument:
            self.stepper.search(argument)
        if self.stepper.hits is None:
            raise CommandError("/ takes a query: leak, pfn 8 and page.count < 1, call do_wp_page")
        for line in views.hits(self.timeline, self.stepper.query, self.stepper.hits):
            self.say(line)

    def stop(self, argument: str) -> None:
        """b QUERY, b - QUERY, b."""
        if not argument:
            for line in views.stops(self.stepper):
                self.say(line)
            return
        expr = argument.removeprefix("-").strip() if argument.startswith("-") else argument
        count = self.stepper.set_stop(expr, not argument.startswith("-"))
        word = "off" if argument.startswith("-") else "on"
        self.say(f"stop {word}: {words.plain(expr)}, {words.count_text(count, 'hit')}")
        self._kept()

    def watch(self, argument: str) -> None:
        """t SUBJECT [OP VALUE]: a stop on one cell."""
        expr = argument or self.about or views.changed_subject(self.timeline)
        if not expr:
            raise CommandError("t takes a thing: page[8].count, or page[8].count < 1")
        self.stop(expr)

    def mark(self, argument: str) -> None:
        """m [NAME]."""
        name = argument or f"mark{len(self.stepper.marks()) + 1}"
        self.stepper.add_mark(name)
        self.say(f"mark @{words.plain(name)} at {self.timeline.place_name(self.timeline.position)}")
        self._kept()

    def note(self, argument: str) -> None:
        """i TEXT."""
        if not argument:
            raise CommandError("i takes the note's text")
        about = self.about or views.changed_subject(self.timeline)
        self.stepper.add_note(argument, about)
        self.say(f"note at {self.timeline.place_name(self.timeline.position)}" + (f" about {about}" if about else ""))
        self._kept()

    def _kept(self) -> None:
        if self.stepper.sidecar.trouble:
            self.say(f"! {words.plain(self.stepper.sidecar.trouble)}")

    def notes(self, argument: str) -> None:
        """' lists marks and notes."""
        for line in views.notes(self.stepper):
            self.say(line)

    # Looking

    def look(self, argument: str) -> None:
        """about SUBJECT: the thing in view."""
        if argument:
            self.about = self.timeline.subject(argument).text
        self.say(f"in view: {self.about or 'what the step changed'}")

    def show(self, view: Callable[[Timeline, str, str], list[str]], argument: str) -> None:
        """Print a view of the machine at this position."""
        for line in view(self.timeline, argument, self.about):
            self.say(line)

    def process(self, step: int) -> None:
        """p, P: the next or previous process in view; time stays. x (0): all of them."""
        pids = [process.pid for process in self.timeline.processes()]
        if not pids or step == 0:
            self.pid = None
        else:
            at = pids.index(self.pid) + step if self.pid in pids else min(step, 0)
            self.pid = pids[at % len(pids)]
        self.say(f"in view: {'all processes' if self.pid is None else f'pid {self.pid}'}")

    def of_process(self, view: Callable[[Timeline, str, str], list[str]], argument: str) -> None:
        """A view of one process: the one that was asked for, else the one in view."""
        there = self.pid is not None and any(process.pid == self.pid for process in self.timeline.processes())
        self.show(view, argument or (str(self.pid) if there else ""))

    def explain(self, argument: str) -> None:
        """e: the step in sentences."""
        self.say(words.explain(self.timeline, self.timeline.position))

    def kernel(self, argument: str) -> None:
        """K KERNEL: the same operation under another model."""
        for line in views.other_kernel(self.stepper, argument):
            self.say(line)
        if argument:
            self.where()

    def reload(self, argument: str) -> None:
        """R: the trace from its file again."""
        for line in views.reloaded(self.stepper):
            self.say(line)
        self.where()

    def part(self, argument: str) -> None:
        """D KERNEL."""
        for line in views.parting(self.stepper, argument):
            self.say(line)

    def export(self, argument: str) -> None:
        """E FILE."""
        for line in views.exported(self.stepper, argument):
            self.say(line)

    def help(self, argument: str) -> None:
        """?: every command."""
        width = max(len(keys) for keys, _ in HELP)
        for keys, text in HELP:
            self.say(f"{keys.ljust(width)}  {text}")


def _split(line: str) -> tuple[str, str]:
    """A command and its argument: `n 5`, `n5`, `/leak`, `g op:6`."""
    if line[0].isalpha():
        end = 0
        while end < len(line) and (line[end].isalpha() or line[end] == "_"):
            end += 1
        return line[:end], line[end:].strip()
    return line[0], line[1:].strip()


def _times(argument: str) -> int:
    if not argument:
        return 1
    if not argument.isdecimal() or not 0 < int(argument) <= MOST_STEPS:
        raise CommandError(f'"{argument}" is not a number of steps: 1 to {MOST_STEPS}')
    return int(argument)


COMMANDS: Final[dict[str, Callable[[Prompt, str], None]]] = {
    "g": Prompt.goto,
    "/": Prompt.search,
    "b": Prompt.stop,
    "B": Prompt.stop,
    "t": Prompt.watch,
    "m": Prompt.mark,
    "i": Prompt.note,
    "'": Prompt.notes,
    "notes": Prompt.notes,
    "about": Prompt.look,
    "e": Prompt.explain,
    "K": Prompt.kernel,
    "R": Prompt.reload,
    "?": Prompt.help,
    "help": Prompt.help,
    "info": lambda prompt, argument: prompt.where(),
    "D": Prompt.part,
    "E": Prompt.export,
    "p": lambda prompt, argument: prompt.process(1),
    "P": lambda prompt, argument: prompt.process(-1),
    "x": lambda prompt, argument: prompt.process(0),
    "vm": lambda prompt, argument: prompt.of_process(views.vmas, argument),
    "pt": lambda prompt, argument: prompt.of_process(views.tables, argument),
    "V": lambda prompt, argument: prompt.show(views.next_source, argument),
    "frame": lambda prompt, argument: prompt.show(views.frame, argument),
    "frames": lambda prompt, argument: prompt.show(views.frames, argument),
    "why": lambda prompt, argument: prompt.show(views.why, argument),
    "log": lambda prompt, argument: prompt.show(views.log, argument),
    "bt": lambda prompt, argument: prompt.show(views.backtrace, argument),
    "src": lambda prompt, argument: prompt.show(views.source, argument),
}
"""The commands that do not move; the moving ones are MOVES and w."""
