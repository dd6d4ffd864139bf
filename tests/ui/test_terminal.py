"""What arrives at a terminal: piece by piece it is the screen that a whole repaint would show."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

pyte = pytest.importorskip("pyte")
pty = pytest.importorskip("pty")

TRACES = Path(__file__).parents[2] / "traces"
REDRAW = b"\x0c"
ROWS, COLUMNS = 40, 120


class Terminal:
    """The stepper in a terminal of its own, and what is on it."""

    def __init__(self, path: Path) -> None:
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self.screen)
        self._pid, self._file = pty.fork()
        if not self._pid:
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", COLUMNS=str(COLUMNS), LINES=str(ROWS))
            os.execv(sys.executable, [sys.executable, "-m", "mmtui", str(path)])
        os.set_blocking(self._file, False)

    def look(self, quiet: float = 0.4, until: str = "") -> list[list[tuple[str, ...]]]:
        """Every cell with its looks, when nothing more is painted; `until`: not before this is on the screen."""
        last, end = time.monotonic(), time.monotonic() + 30
        while time.monotonic() < end:
            try:
                self._stream.feed(os.read(self._file, 1 << 16))
                last = time.monotonic()
            except BlockingIOError:
                time.sleep(0.02)
            if time.monotonic() - last > quiet and until in "\n".join(self.screen.display):
                break
        return [[tuple(self.screen.buffer[y][x]) for x in range(COLUMNS)] for y in range(ROWS)]

    def press(self, keys: bytes) -> None:
        os.write(self._file, keys)

    def close(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._file)


def test_pieces_add_up_to_the_whole_screen(tmp_path: Path) -> None:
    shutil.copy(TRACES / "fork-cow.json", tmp_path)
    terminal = Terminal(tmp_path / "fork-cow.json")
    try:
        terminal.look(until="VMAs")
        for keys in (b"nnnn", b"sss", b"c", b"S", b"\t", b"jj", b"o", b"3z", b"z", b"N"):
            for key in keys:
                terminal.press(bytes([key]))
            pieces = terminal.look()
            terminal.press(REDRAW)

            assert pieces[:-1] == terminal.look()[:-1]  # a message in the footer goes with the next key
    finally:
        terminal.close()
