"""Start, sizes, the mouse, errors, signals, the end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import random
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest
from textual.geometry import Region

from mmtui import loading
from mmtui.engine.errors import MmtuiError
from mmtui.ui import app as app_module
from mmtui.ui import config, direct
from mmtui.ui.app import StepperApp
from tests.ui.stepping import SIZES, TRACES, walking

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("size", [*SIZES, (60, 16), (80, 50), (160, 48), (300, 100)])
@pytest.mark.parametrize("glyphs", ["unicode", "ascii"])
async def test_every_line_is_exactly_as_wide_as_the_screen(tmp_path: Path, size: tuple[int, int], glyphs: str) -> None:
    async with walking(tmp_path, size=size, ui__glyphs=glyphs) as walk:
        for keys in ((), ("c",), ("S",), ("/",), ("escape", "?")):
            await walk.press(*keys)
            strips = walk.app._stage._strips
            assert len(strips) == size[1]
            assert {strip.cell_length for strip in strips} == {size[0]}
            if glyphs == "ascii":
                assert walk.text().isascii()


@pytest.mark.parametrize("size", SIZES)
async def test_the_screen_says_where_when_and_what(tmp_path: Path, size: tuple[int, int]) -> None:
    async with walking(tmp_path, size=size) as walk:
        await walk.press("c")

        assert "exit" in walk.screen[0]
        assert "2.6.15-rc2" in walk.screen[0]
        assert "!" in walk.screen[2 if size[0] == 200 else 1]
        assert "STOP leak" in walk.screen[3 if size[0] == 200 else 2]
        assert walk.screen[-1].endswith("? help")
        for title in ("1 VMAs", "3 Frames", "4 Log", "5 Why"):
            assert title in walk.text()


async def test_a_step_back_says_undone_and_exchanges_old_and_new(tmp_path: Path) -> None:
    async with walking(tmp_path, at="leak") as walk:
        await walk.press("S")

        assert "none -> 008 P RW A" in walk.screen[2]
        assert "undone" in walk.screen[2]


async def test_below_the_smallest_size_it_says_what_it_needs(tmp_path: Path) -> None:
    async with walking(tmp_path, size=(50, 12)) as walk:
        assert walk.screen[:2] == ["This terminal has 50x12.", "mmtui needs 60x16;"]


async def test_a_thousand_sizes(tmp_path: Path) -> None:
    rng = random.Random(7)
    async with walking(tmp_path, at="leak") as walk:
        desk = walk.desk
        for n in range(1000):
            width, height = rng.randint(1, 160), rng.randint(1, 50)
            if n % 50 == 0:
                await walk.press(*rng.choice((("/",), ("escape",), ("z",), ("?", "escape"), ("2",), ("i", "escape"))))
            strips = desk.compose(width, height)
            assert len(strips) == height
            assert {strip.cell_length for strip in strips} == {width}


async def test_a_running_terminal_may_change_its_size(tmp_path: Path) -> None:
    async with walking(tmp_path, at="leak") as walk:
        for size in ((80, 24), (20, 5), (200, 60), (60, 16), (120, 40)):
            await walk.pilot.resize_terminal(*size)
            await walk.settle()
            assert len(walk.screen) == size[1]


async def test_no_color_leaves_only_attributes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with walking(tmp_path) as walk:
        await walk.press("c")
        styles = {segment.style for strip in walk.app._stage._strips for segment in strip if segment.style}

    assert all(style.color is None and style.bgcolor is None for style in styles)
    assert any(style.reverse for style in styles)


@pytest.mark.parametrize("name", ["dark", "light", "cvd", "mono", "ansi"])
async def test_themes_change_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("COLORTERM", "truecolor")
    async with walking(tmp_path, at="leak") as walk:
        walk.desk.run("theme", name)

        assert walk.app.painter.theme.name == name
        assert "STOP leak" in walk.screen[2]


@pytest.mark.parametrize(
    ("said", "name"), [("15;0", "dark"), ("0;15", "light"), ("0;default;15", "light"), ("", "dark")]
)
async def test_the_theme_fits_what_the_terminal_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, name: str
) -> None:
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("COLORFGBG", said)
    async with walking(tmp_path) as walk:
        assert walk.app.painter.theme.name == name


async def test_only_what_changed_is_painted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with walking(tmp_path, at="leak") as walk:
        painted: list[object] = []
        monkeypatch.setattr(walk.app, "_display", lambda _, update: painted.extend(update.pieces))
        walk.app.repaint()
        assert painted == []
        walk.desk.go(walk.position + 1)
        walk.app.repaint()

        assert 0 < len(painted) < 60


@pytest.mark.parametrize("lost", ["_display", "CompositorUpdate", "a batch"])
async def test_where_textual_cannot_write_pieces_it_paints_the_regions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    async with walking(tmp_path, at="leak") as walk:
        regions: list[Region] = []
        monkeypatch.setattr(walk.app._stage, "refresh", lambda *found: regions.extend(found))
        walk.desk.go(walk.position + 1)
        with monkeypatch.context() as without:
            if lost == "CompositorUpdate":
                without.setattr(direct, lost, None)
            elif lost == "a batch":
                without.setattr(walk.app, "_batch_count", 1)
            else:
                without.setattr(walk.app, lost, None)
            walk.app.repaint()

        assert 0 < len(regions) < 60


async def test_clicks_focus_select_and_travel(tmp_path: Path) -> None:
    async with walking(tmp_path, at="leak") as walk:
        cell = walk.desk.layout.cell_of("frames")
        assert cell is not None
        await walk.pilot.click(offset=(cell.x + 6 + 2, cell.y + 1))
        target = walk.desk.cursor_target("frames")
        assert (walk.desk.focused, target and target.subject) == ("frames", "page[1]")
        await walk.pilot.click(offset=(1, 1))
        assert walk.position == 0
        await walk.pilot.click(offset=(2, walk.desk.layout.footer_row))

        assert walk.position == walk.desk.timeline.op_end(0)


async def test_the_wheel_scrolls_and_leaves_the_cursor(tmp_path: Path) -> None:
    async with walking(tmp_path, at="leak") as walk:
        before, position = walk.desk.tops["log", 0], walk.position
        walk.app.wheel(5, 30, 3)

        assert walk.desk.tops["log", 0] == before + 3
        assert walk.position == position


async def test_without_a_mouse_clicks_do_nothing(tmp_path: Path) -> None:
    async with walking(tmp_path, at="leak", ui__mouse=False) as walk:
        await walk.pilot.click(offset=(1, 1))

        assert walk.position > 0


async def test_a_wrong_at_ends_with_a_sentence(tmp_path: Path) -> None:
    async with walking(tmp_path, at="op:999") as walk:
        assert walk.app.desk is None

    assert walk.app.failure.startswith("--at op:999: there is no op:999")


@pytest.mark.parametrize(("setting", "expected"), [("start", 0), ("first-alert", "leak"), ("last", 7)])
async def test_where_a_trace_opens(tmp_path: Path, setting: str, expected: object) -> None:
    async with walking(tmp_path, at="7", open__at="last") as walk:
        await walk.press("q")
    async with walking(tmp_path, open__at=setting) as walk:
        wanted = walk.desk.stepper.alerts()[0].position if expected == "leak" else expected

        assert walk.position == wanted


async def test_a_load_that_takes_long_says_so_and_can_be_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()
    monkeypatch.setattr(loading, "load", lambda *_, **__: done.wait(20))
    settings = config.load({}, {})
    app = StepperApp(str(tmp_path / "slow.json"), None, None, settings)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(app_module.PATIENCE * 3)
        assert "reading slow.json ...   Esc cancels" in app._stage._strips[2].text
        await pilot.press("escape")
    done.set()

    assert app.return_value == 0


async def test_cancelling_another_kernel_stays_on_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with walking(tmp_path, at="leak") as walk:
        done = threading.Event()
        monkeypatch.setattr(walk.desk.timeline, "with_kernel", lambda _: done.wait(20))
        await walk.pilot.press("K", "down", "enter")
        await walk.pilot.pause(app_module.PATIENCE * 3)
        assert "Esc cancels" in walk.message
        await walk.press("escape")
        done.set()

        assert walk.message == "cancelled"
        assert walk.desk.timeline.kernel == "2.6.15-rc2"


async def test_a_trace_without_operations_can_be_looked_at(tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text('{"mmtui": 1, "ops": []}')
    async with walking(tmp_path, trace="empty.json") as walk:
        await walk.press("n", "S", "c", ">", "W", "e", "escape", "i", "x", "enter")

        assert "This trace has no operations." in walk.text()


def test_a_broken_trace_is_the_callers_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.json").write_text("{")
    monkeypatch.setattr(StepperApp, "run", lambda self, **_: _run_headless(self))

    with pytest.raises(MmtuiError, match=r"broken\.json"):
        app_module.run(str(tmp_path / "broken.json"))


def test_a_fault_of_mmtui_is_one_line_and_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("lost")

    monkeypatch.setenv("MMTUI_STATE_DIR", str(tmp_path))
    monkeypatch.setattr(loading, "load", broken)
    monkeypatch.setattr(StepperApp, "run", lambda self, **_: _run_headless(self))

    assert app_module.run("x.json") == 2
    said = capsys.readouterr().err
    assert said.startswith("mmtui: a fault in mmtui: KeyError: 'lost'")
    assert "Traceback" not in said
    assert "KeyError" in (tmp_path / "fault.txt").read_text()


def _run_headless(app: StepperApp) -> object:
    import asyncio

    async def main() -> None:
        async with app.run_test() as pilot:
            for _ in range(200):
                await pilot.pause(0.02)
                if app.error is not None:
                    return

    asyncio.run(main())
    return app.return_value


def test_wrong_settings_end_before_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MMTUI_CONFIG_DIR", str(tmp_path))
    (tmp_path / "config.toml").write_text('[ui]\nthem = "dark"\n')

    assert app_module.run("x.json") == 2
    assert "did you mean ui.theme?" in capsys.readouterr().err


class Terminal:
    """The real program on a pseudo terminal."""

    def __init__(self, trace: Path, state: Path, size: tuple[int, int] = (100, 30)) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", MMTUI_CONFIG_DIR=str(state), MMTUI_STATE_DIR=str(state))
            os.chdir(ROOT)
            os.execv(sys.executable, [sys.executable, "-m", "mmtui", str(trace)])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        os.set_blocking(self.fd, False)
        self.seen = b""

    def until(self, text: bytes, seconds: float = 30) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                self.seen += os.read(self.fd, 1 << 16)
            if text in self.seen:
                return True
            time.sleep(0.02)
        return False

    def wait(self, seconds: float = 20) -> int:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                self.seen += os.read(self.fd, 1 << 16)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                with contextlib.suppress(OSError):
                    self.seen += os.read(self.fd, 1 << 16)
                return status
            time.sleep(0.02)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise AssertionError("it did not end")


LEAVE = b"\x1b[?1049l"
"""What gives the terminal its own screen back."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_restores_the_terminal_and_keeps_notes(tmp_path: Path, number: signal.Signals) -> None:
    trace = tmp_path / "t.json"
    trace.write_bytes((TRACES / "nopage-leak-small.json").read_bytes())
    terminal = Terminal(trace, tmp_path)
    assert terminal.until(b"VMAs")
    os.write(terminal.fd, b"nm")
    assert terminal.until(b"mark a at")
    os.kill(terminal.pid, number)
    status = terminal.wait()

    assert os.waitstatus_to_exitcode(status) == 0
    assert LEAVE in terminal.seen
    assert b"Traceback" not in terminal.seen
    assert b'"mark:a"' in (tmp_path / "t.json.mmtui").read_bytes()


def test_ctrl_z_gives_the_terminal_back_and_fg_comes_back(tmp_path: Path) -> None:
    trace = tmp_path / "t.json"
    trace.write_bytes((TRACES / "nopage-leak-small.json").read_bytes())
    terminal = Terminal(trace, tmp_path)
    assert terminal.until(b"VMAs")
    os.write(terminal.fd, b"\x1a")
    deadline = time.monotonic() + 20
    stopped = False
    while time.monotonic() < deadline and not stopped:
        with contextlib.suppress(OSError):
            terminal.seen += os.read(terminal.fd, 1 << 16)
        pid, status = os.waitpid(terminal.pid, os.WNOHANG | os.WUNTRACED)
        stopped = bool(pid) and os.WIFSTOPPED(status)
        time.sleep(0.02)
    assert stopped
    assert LEAVE in terminal.seen
    terminal.seen = b""
    os.kill(terminal.pid, signal.SIGCONT)
    assert terminal.until(b"VMAs")
    os.write(terminal.fd, b"q")

    assert os.waitstatus_to_exitcode(terminal.wait()) == 0


def test_the_table_of_keys_in_the_docs_is_the_registrys(tmp_path: Path) -> None:
    env = {**os.environ, "MMTUI_CONFIG_DIR": str(tmp_path)}
    said = subprocess.run(
        [sys.executable, "-m", "mmtui", "keys", "--markdown"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=env,
        check=True,
    ).stdout

    assert (ROOT / "docs" / "KEYS.md").read_text().endswith(said)


def test_the_readme_names_only_keys_that_there_are() -> None:
    """Rows of the README's table of keys, `| `n` `N` | ... | time.op |`, are those of the registry."""
    from mmtui.ui.commands import COMMANDS
    from mmtui.ui.keymap import build, keys_of, shown

    readme = ROOT / "README.md"
    if not readme.exists():
        pytest.skip("there is no README yet")
    keymap = build()
    for line in readme.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[2].strip("`") in COMMANDS:
            command = COMMANDS[cells[2].strip("`")]
            known = {shown(key) for id_ in (command.id, command.back) if id_ for key in keys_of(keymap, id_)}
            assert {part.strip("`") for part in cells[0].split()} <= known
