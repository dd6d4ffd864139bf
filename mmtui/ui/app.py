"""The stepper as a program: start, loading without freezing, keys to commands, signals, the end."""

from __future__ import annotations

import gc
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from rich.style import Style
from textual.app import App, ComposeResult

from mmtui.engine.errors import DiskFullError, LimitError, MmtuiError
from mmtui.sidecar import Sidecar
from mmtui.ui import config
from mmtui.ui.growing import PAUSE, Growing, open_trace
from mmtui.ui.opening import Opening, opening_of
from mmtui.ui.paint import Canvas, Lines
from mmtui.ui.screen import Stage
from mmtui.ui.startup import keep_fault, one_line, painter_for, start_position

if TYPE_CHECKING:
    from textual.timer import Timer

    from mmtui.engine.timeline import Timeline
    from mmtui.ui.desk import Desk

PATIENCE: Final = 0.1
"""Seconds of loading before the screen says so."""
POLLS: Final = 200
"""How often to look, in a session, whether the other kernels have run."""
EARLY: Final = 100
"""Keys that are kept while the trace is being read."""
DRAFTS: Final = 0.4
"""Seconds after which what is being typed is on the disk."""
SWITCH: Final = 0.0005
"""Seconds after which a thread that runs another kernel gives way to a key."""
AHEAD: Final = 0.01
"""Seconds without a key until the next steps are made ready."""
BETWEEN: Final = 0.001
"""Seconds between two of them, for keys."""
TURNING: Final = 0.08
"""Seconds until those on the way back are made ready too: who holds a key down does not turn."""
ALWAYS: Final = ("cancel", "quit", "suspend", "screen.redraw", "interrupt")
"""Commands whose keys work while one types."""


Made = TypeVar("Made")


class Loading:
    """Something being made in a thread. `cancel` forgets it: the thread ends by itself and nobody listens."""

    def __init__(self, what: str, then: Callable[[Any], None]) -> None:
        self.what = what
        self.then = then
        self.shown = False
        self.cancelled = False


class StepperApp(App[int], inherit_bindings=False):
    """The Textual application: one widget, the desk behind it. Textual binds no key: all of them are commands."""

    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    CSS = "Screen { layers: base; background: transparent; } Stage { background: transparent; }"

    def __init__(self, path: str, kernel: str | None, at: str | None, settings: config.Settings) -> None:
        # Styles are made here to the last colour: Textual must not translate them.
        super().__init__(ansi_color=True)
        self.settings = settings
        self.trace_path = path
        self.kernel = kernel
        self.at = at
        self.painter = painter_for(settings, settings["ui.theme"])
        self.desk: Desk | None = None
        self.opening: Opening | None = None
        self.loading: Loading | None = None
        self.growing: Growing | None = None
        self.failure = ""
        self.error: Exception | None = None
        self._stage = Stage(self)
        self._timer: Timer | None = None
        self._ahead: Timer | None = None
        self._polling, self._polls = False, 0
        self._drafting = False
        self._early: list[tuple[str, str, str | None]] = []
        self.animation_level = "none"

    # Looks

    @property
    def ground(self) -> Style:
        """The style of an empty place."""
        return self.painter.theme.style("text")

    def use_theme(self, name: str) -> None:
        """Other colours."""
        self.painter = painter_for(self.settings, name)
        if self.desk is not None:
            self.desk.painter = self.painter
        self.repaint(everything=True)

    def compose(self) -> ComposeResult:
        """One widget is the whole screen."""
        yield self._stage

    def on_mount(self) -> None:
        """Paint what the trace begins with, then run it."""
        self._stage.focus()
        self.opening = opening_of(self.trace_path, self.kernel, self.at, self.settings, self.painter)
        self.repaint()
        self._watch_signals()
        self.call_after_refresh(self._read)

    def _read(self) -> None:
        """Run the trace; the first screen is on the terminal by now, and importing the engine takes no time from it."""
        whole = self.at is not None or self.settings["open.at"] != "start"
        text = self.opening.text if self.opening is not None else None

        def make() -> Timeline:
            import mmtui.ui.desk  # noqa: F401  # here, where nobody waits for it

            return open_trace(self.trace_path, self.kernel, whole, text)

        self.fetch(f"reading {Path(self.trace_path).name}", make, self._opened)

    def _opened(self, timeline: Timeline) -> None:
        from mmtui.ui.desk import Desk

        sidecar = Sidecar.open(Path(self.trace_path), config.state_dir())
        desk = Desk(timeline, self.settings, sidecar, self.painter, self)
        try:
            position = start_position(desk, self.at)
        except ValueError as error:
            self.failure = f"--at {self.at}: {error}"
            self.exit(2)
            return
        desk.use_timeline(timeline, position)
        if self.settings["ui.layout"]:
            desk.run("layout", f"use {self.settings['ui.layout']}")
        self.desk, self.opening = desk, None
        if timeline.growing:
            self.growing = Growing(timeline, desk)
            self._grow()
        for early in self._early[:EARLY]:
            self._press(desk, *early)
        self.repaint(everything=True)
        if not gc.isenabled():  # the command that opened this disabled it
            gc.freeze()
            gc.enable()

    def _grow(self) -> None:
        """Run a long trace on for a moment, then let keys and the screen have theirs."""
        growing = self.growing
        if growing is None:
            return
        try:
            news = growing.slice()
        except (DiskFullError, LimitError) as error:  # what ran until then is there
            growing.stop()
            growing.desk.say(one_line(error))
            self.growing, news = None, True
        except MmtuiError as error:
            self.error = error
            self.exit(2)
            return
        if growing.timeline.growing:
            self.set_timer(PAUSE, self._grow)
        elif self.growing is not None:
            self.growing = None
            growing.desk.say(growing.end())
        if news:
            began = time.monotonic()
            self.repaint()
            growing.painted(time.monotonic() - began)

    def repaint(self, everything: bool = False) -> None:
        """Compose the lines of the screen and show what changed."""
        width, height = self.size
        if width <= 0 or height <= 0:
            return
        if self.desk is not None and self.loading is not None and self.loading.shown:
            self.desk.say(f"{self.loading.what} ... Esc cancels")
        elif self.growing is not None:
            self.growing.tell()
        strips = self.desk.compose(width, height) if self.desk is not None else self._opening(width, height)
        self._stage.show(strips, everything)
        if self.desk is not None and self._polls < POLLS and not self._polling and self.desk.others_running():
            self._polling = True
            self.set_timer(0.2, self._poll)

    def _poll(self) -> None:
        """Other kernels run in a thread for the foot of Why: paint those that are done, while nobody presses a key."""
        self._polling = False
        self._polls += 1
        self.repaint()

    def _opening(self, width: int, height: int) -> Lines:
        """The screen before the trace has run: what it begins with, or what takes so long."""
        waiting = self.loading is not None and self.loading.shown
        if self.opening is not None:
            self.opening.message = f"{self.loading.what} ... Esc cancels" if self.loading and waiting else ""
            return self.opening.compose(width, height)
        canvas = Canvas(self.painter, width, height)
        if self.loading is not None and waiting and height > 2:
            canvas.line(0, [(" mmtui", "bright")])
            canvas.line(2, [(f" {self.loading.what} ...   ", "text"), ("Esc", "text+bold"), (" cancels", "dim")])
        return canvas.strips()

    # Input

    def press(self, name: str, key: str, character: str | None) -> None:
        """A key: to help, to the drawer, else to its command."""
        if self.growing is not None:
            self.growing.desk.grown()
        if self.loading is not None and (name in ("ctrl+c", "ctrl+q") or (name == "escape" and self.loading.shown)):
            self._cancel_loading()
        elif self.desk is None:
            if name == "q":
                self.exit(0)
            self._early.append((name, key, character))
        elif self.growing is not None and name == "escape" and self.desk.help is None and self.desk.drawer is None:
            self.desk.say(self.growing.stop())
            self.growing = None
        else:
            self._press(self.desk, name, key, character)
        self.repaint()
        self._plan_ahead(AHEAD)

    def _plan_ahead(self, wait: float, done: int = 0) -> None:
        """While a person looks at a step, the next ones in its direction are made ready, one after the other."""
        if self._ahead is not None:
            self._ahead.stop()
        self._ahead = self.set_timer(wait, lambda: self._look_ahead(done))

    def _look_ahead(self, done: int) -> None:
        desk = self.desk
        if desk is None or self.growing is not None or self.loading is not None or _is_covered(desk):
            return
        moves = desk.next_moves()
        desk.make_ready(moves[done])
        if done + 1 < len(moves):
            self._plan_ahead(TURNING if done == 1 else BETWEEN, done + 1)

    def _press(self, desk: Desk, name: str, key: str, character: str | None) -> None:
        desk.say("")
        typing = desk.help or desk.drawer
        if typing is not None and name != "escape" and typing.press(key, character):
            self._draft_soon(desk)
            return
        command = self.settings.keymap.get(name) or self.settings.keymap.get(key)
        if command is None:
            if character and character.isprintable():
                desk.say(f"{name} does nothing; {desk.key_of('help')} shows the keys")
            return
        if command not in ALWAYS and name != "f1" and _is_typing(desk):
            return
        desk.run(command)

    def paste(self, text: str) -> None:
        """Pasted text."""
        if self.desk is not None and self.desk.drawer is not None:
            self.desk.drawer.paste(text)
            self._draft_soon(self.desk)
            self.repaint()

    def _draft_soon(self, desk: Desk) -> None:
        """Once for all keys of the next moment: each write waits for the disk."""
        if not self._drafting and desk.drawer is not None and desk.drawer.precious:
            self._drafting = True
            self.set_timer(DRAFTS, self._keep_draft)

    def _keep_draft(self) -> None:
        self._drafting = False
        if self.desk is not None:
            self.desk.actions.keep_draft()
            self.repaint()

    def click(self, x: int, y: int, twice: bool) -> None:
        """A click."""
        from mmtui.ui import mouse

        if self.desk is not None and self.settings["ui.mouse"]:
            self.desk.say("")
            mouse.click(self.desk, x, y, twice)
            self.repaint()

    def wheel(self, x: int, y: int, lines: int) -> None:
        """The wheel."""
        from mmtui.ui import mouse

        if self.desk is not None and self.settings["ui.mouse"]:
            mouse.wheel(self.desk, x, y, lines)
            self.repaint()

    # What only the program can do (desk.Host)

    def fetch(self, what: str, make: Callable[[], Made], then: Callable[[Made], None]) -> None:
        """Make something in a thread; `then` runs here when it is there, unless it was cancelled."""
        loading = self.loading = Loading(what, then)

        def work() -> None:
            try:
                made = make()
            except Exception as error:  # whatever it is becomes one line for the person
                self._deliver(loading, None, error)
            else:
                self._deliver(loading, made, None)

        threading.Thread(target=work, name="load", daemon=True).start()
        self.set_timer(PATIENCE, lambda: self._still(loading))

    def _still(self, loading: Loading) -> None:
        if self.loading is loading:
            loading.shown = True
            self.repaint()

    def _deliver(self, loading: Loading, made: object, error: Exception | None) -> None:
        """From the thread to the screen's own; the screen may be gone by now."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(lambda: self.call_next(self._arrive, loading, made, error))

    def _arrive(self, loading: Loading, made: object, error: Exception | None) -> None:
        if loading.cancelled or self.loading is not loading:
            return
        self.loading = None
        if self.desk is not None:
            self.desk.say("")
        if error is None:
            loading.then(made)
        elif self.desk is not None:
            self.desk.say(one_line(error))
        else:
            self.error = error
            self.exit(2)
            return
        self.repaint()

    def _cancel_loading(self) -> None:
        assert self.loading is not None
        self.loading.cancelled = True
        self.loading = None
        if self.desk is None:
            self.exit(0)
        else:
            self.desk.say("cancelled")

    def leave(self) -> None:
        """End."""
        self.exit(0)

    def suspend_to_shell(self) -> None:
        """ctrl+z."""
        self.action_suspend_process()
        self.repaint(everything=True)

    def copy_text(self, text: str) -> None:
        """To the terminal's clipboard (OSC 52)."""
        self.copy_to_clipboard(text)

    def picture(self) -> str:
        """The screen as SVG, without the drawer that asked for it."""
        self.repaint(everything=True)
        return self.export_screenshot(title=f"mmtui {Path(self.trace_path).name}")

    def redraw(self) -> None:
        """Every cell again."""
        self.repaint(everything=True)
        self.refresh(repaint=True, layout=True)

    def play(self, ops_per_second: float | None) -> None:
        """Start, change or stop the clock."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if ops_per_second is not None:
            self._timer = self.set_interval(1 / ops_per_second, self._tick)

    def _tick(self) -> None:
        if self.desk is not None and self.desk.playing and self.loading is None:
            self.desk.actions.tick()
            self.repaint()

    def _watch_signals(self) -> None:
        """SIGTERM and SIGHUP end the program as q does: the terminal is restored, the place kept."""
        if threading.current_thread() is not threading.main_thread() or self.is_headless or self._loop is None:
            return
        for number in (signal.SIGTERM, signal.SIGHUP):
            self._loop.add_signal_handler(number, self._end)

    def _fatal_error(self) -> None:
        """A fault of mmtui itself: `run` says so in one line, the details go to a file."""
        self.bell()
        self._close_messages_no_wait()

    def _end(self) -> None:
        if self.desk is not None:
            self.desk.actions.close_drawer()
            self.desk.keep_place()
        self.exit(0)


def _is_covered(desk: Desk) -> bool:
    """Something lies over the panes, or a second kernel stands beside them."""
    return desk.help is not None or desk.drawer is not None or desk.view.other is not None


def _is_typing(desk: Desk) -> bool:
    """A help screen or a drawer with a line keeps its keys to itself; Explain lets the time keys through."""
    return desk.help is not None or (desk.drawer is not None and desk.drawer.edit is not None)


def run(path: str, kernel: str | None = None, at: str | None = None, **flags: Any) -> int:
    """Open the stepper. `flags`: settings by name, `ui.theme` and so on. Returns the exit status.

    Raises MmtuiError for a trace that cannot be read, when the terminal is as it was.
    """
    try:
        settings = config.load(flags)
    except config.ConfigError as error:
        sys.stderr.write("".join(f"mmtui: {problem}\n" for problem in error.problems))
        return 2
    sys.setswitchinterval(SWITCH)
    app = StepperApp(path, kernel, at, settings)
    status = app.run(mouse=settings["ui.mouse"])
    if isinstance(app.error, MmtuiError):
        raise app.error
    fault = app.error or app._exception
    if fault is not None:
        app.failure = keep_fault(fault)
    if app.failure:
        sys.stderr.write(f"mmtui: {app.failure}\n")
        return 2
    return status if isinstance(status, int) else 0
