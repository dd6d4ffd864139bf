"""Times of the screen, measured through a pseudo-terminal against the smallest Textual app that paints as much."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

WIDTH, HEIGHT = 200, 60
QUIET = 0.15
"""Seconds without output after which a screen counts as painted."""

SMALLEST = """
import sys
from rich.segment import Segment
from textual.app import App
from textual.strip import Strip
from textual.widget import Widget


class Cells(Widget, can_focus=True):
    DEFAULT_CSS = "Cells { width: 1fr; height: 1fr; }"
    turn = 0

    def render_line(self, y):
        return Strip([Segment(chr(65 + (self.turn + y) % 26) * self.size.width)])

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
        seen = b""
        while time.perf_counter() - self.began < limit:
            seen = seen[-4096:] + self.read(0.5)
            if mark in seen:
                return time.perf_counter() - self.began
        raise TimeoutError(f"{mark!r} was not painted")

    def settle(self, limit: float = 30.0) -> None:
        """Until it is quiet."""
        end = time.perf_counter() + limit
        while time.perf_counter() < end and self.read(QUIET):
            pass

    def press(self, key: bytes) -> float:
        """Seconds from a key to the last thing that it paints."""
        began = last = time.perf_counter()
        os.write(self.file, key)
        while self.read(QUIET if last > began else 5.0):
            last = time.perf_counter()
        return last - began

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


def key_to_paint(arguments: list[str], mark: bytes, keys: bytes) -> list[float]:
    """Seconds from each key to the painted screen."""
    terminal = Terminal(arguments)
    try:
        terminal.until(mark)
        terminal.settle()
        return [terminal.press(bytes([key])) for key in keys]
    finally:
        terminal.close()
