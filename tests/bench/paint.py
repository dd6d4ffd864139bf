"""Times of the screen, measured through a pseudo-terminal against the smallest Textual app that paints as much.

What is "as much"? A step of the stepper changes a third of the 12,000 cells of a 200x60 screen, in a few hundred
differently coloured pieces. SMALLEST paints all 12,000 at every key, in 60 pieces of one style: it has more cells to
write and less to do for each of them than any program that shows something, and it is what the stepper is held
against. STYLED paints as many cells in 25 styled pieces a line, as a full screen of the stepper has: for comparison.
"""

from __future__ import annotations

import fcntl
import glob
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyte

WIDTH, HEIGHT = 200, 60
QUIET = 0.15
"""Seconds without output after which a screen counts as painted."""

CALM = 0.5
"""Seconds in which a program that is ready writes nothing, and has next to nothing of the processor."""

_APP = """
import sys
from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.strip import Strip
from textual.widget import Widget


class Cells(Widget, can_focus=True):
    DEFAULT_CSS = "Cells { width: 1fr; height: 1fr; }"
    turn = 0

    def render_line(self, y):
        PAINT

    def on_mount(self):
        self.focus()

    def on_key(self, event):
        self.turn += 1
        self.refresh()
        if event.key == "q":
            self.app.exit()


class Smallest(App):
    ENABLE_COMMAND_PALETTE = False

    def compose(self):
        yield Cells()


Smallest().run()
"""

SMALLEST = _APP.replace("PAINT", "return Strip([Segment(chr(65 + (self.turn + y) % 26) * self.size.width)])")

STYLED = _APP.replace(
    "PAINT",
    """text = chr(65 + (self.turn + y) % 26) * (self.size.width // 25)
        styles = [Style.parse(f"{colour} on #11151b") for colour in ("#d5dbe2", "bold #ffcb5c", "#8d98a6")]
        return Strip([Segment(text, styles[(self.turn + at) % 3]) for at in range(25)])""",
)


_ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[()].|[=>78])")
_STYLE = re.compile(rb"\x1b\[[0-9;]+m")


class Painted(NamedTuple):
    """What a key made a program do: seconds until the last thing that it painted, seconds of the processor until then,
    the cells that it wrote and in how many styled pieces."""

    seconds: float
    processor: float
    cells: int
    pieces: int

    @classmethod
    def of(cls, seconds: float, processor: float, written: bytes) -> Painted:
        """From all that was written."""
        text = _ESCAPE.sub(b"", written).decode("utf-8", "replace")
        pieces = sum(1 for style in _STYLE.findall(written) if style != b"\x1b[0m")
        return cls(seconds, processor, sum(map(str.isprintable, text)), pieces or text.count("\n") + 1)


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, arguments: list[str]) -> None:
        self.began = time.perf_counter()
        self.pid, self.file = pty.fork()
        if not self.pid:
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", COLUMNS=str(WIDTH), LINES=str(HEIGHT))
            os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
            os.execv(sys.executable, [sys.executable, *arguments])
        fcntl.ioctl(self.file, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))

    def read(self, wait: float) -> bytes:
        """What it writes within this time; empty: nothing."""
        ready, _, _ = select.select([self.file], [], [], wait)
        try:
            return os.read(self.file, 1 << 16) if ready else b""
        except OSError:
            return b""

    def until(self, mark: bytes, limit: float = 120.0) -> float:
        """Seconds from the start until it has written `mark`."""
        self.read_until(mark, limit)
        return time.perf_counter() - self.began

    def read_until(self, mark: bytes, limit: float = 120.0) -> bytes:
        """All that it writes until `mark` is among it."""
        parts, tail = [], b""
        while time.perf_counter() - self.began < limit:
            parts.append(self.read(0.5))
            tail = tail[-200:] + parts[-1]
            if mark in tail:
                return b"".join(parts)
        raise TimeoutError(f"{mark!r} was not painted")

    def settle(self, limit: float = 60.0) -> None:
        """Until it writes nothing and computes nothing, as other kernels may run in the background."""
        end, had = time.perf_counter() + limit, 0.0
        while time.perf_counter() < end and (self.read(CALM) or self.processor() - had > CALM / 50):
            had = self.processor()

    def processor(self) -> float:
        """Seconds of the processor that it has had, all threads."""
        threads = glob.glob(f"/proc/{self.pid}/task/*/schedstat")
        return sum(int(Path(thread).read_text(encoding="ascii").split()[0]) for thread in threads) / 1e9

    def press(self, key: bytes) -> Painted:
        """A key, until it has painted what it paints for it."""
        had = now = self.processor()
        written: list[bytes] = []
        began = last = time.perf_counter()
        os.write(self.file, key)
        while part := self.read(QUIET if written else 5.0):
            last, now = time.perf_counter(), self.processor()
            written.append(part)
        return Painted.of(last - began, now - had, b"".join(written))

    def chunks(self, seconds: float) -> list[tuple[float, bytes]]:
        """All that it writes within this time, each part with the moment at which it was there."""
        end, found = time.perf_counter() + seconds, []
        while (left := end - time.perf_counter()) > 0:
            if part := self.read(left):
                found.append((time.perf_counter(), part))
        return found

    def close(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.file)


def first_paint(arguments: list[str], mark: bytes) -> float:
    """Seconds from the start of a program to a mark on its screen."""
    terminal = Terminal(arguments)
    try:
        return terminal.until(mark)
    finally:
        terminal.close()


def keys_to_paint(
    programs: Sequence[tuple[list[str], bytes]], first: bytes, keys: Sequence[bytes]
) -> list[list[Painted]]:
    """What each key makes each program (arguments, and the mark that it paints when it is ready) do, in turns.

    `first`: keys that are pressed before.
    """
    terminals = [Terminal(arguments) for arguments, _ in programs]
    try:
        for terminal, (_, mark) in zip(terminals, programs, strict=True):
            terminal.until(mark)
            terminal.settle()
            os.write(terminal.file, first)
            terminal.settle()
        each = [[terminal.press(key) for terminal in terminals] for key in keys]
        return [list(painted) for painted in zip(*each, strict=True)]
    finally:
        for terminal in terminals:
            terminal.close()


def keys_while_it_grows(arguments: list[str], first: bytes, last: bytes, key: bytes, wait: float) -> list[float]:
    """Seconds from a key, pressed between two marks, to the end of the part that shows another place at the top left.

    Silence does not tell, because a growing log paints its progress: what was painted is put on a screen and looked at.
    """
    terminal, found = Terminal(arguments), []
    screen = pyte.Screen(WIDTH, HEIGHT)
    stream = pyte.ByteStream(screen)
    try:
        seen = terminal.read_until(first)
        stream.feed(seen)
        while last not in seen:
            place = screen.display[0].split()[0]
            pressed = time.perf_counter()
            os.write(terminal.file, key)
            moved = 0.0
            seen = b""
            for moment, part in terminal.chunks(wait):
                stream.feed(part)
                seen += part
                if not moved and screen.display[0].split()[0] != place:
                    moved = moment
            if moved and last not in seen:
                found.append(moved - pressed)
        return found
    finally:
        terminal.close()
