"""Every command there is: its module in `mmtui.cli`, and the line that `mmtui --help` shows.

The module has a `click.Command` named `command`. Grouped as the help shows them.
"""

from __future__ import annotations

from typing import Final

GROUPS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "Walk": {
        "open": ("open", "Open the stepper; `mmtui TRACE` does the same."),
        "step": ("step", "The stepper, with --plain on a line-by-line prompt."),
        "learn": ("learn", "Short lessons over the sample traces."),
        "examples": ("examples", "List the sample traces, or copy one."),
    },
    "Without a screen": {
        "run": ("run", "Replay: operations, events and stops."),
        "check": ("check", "For CI: fail if something ever happens, or changes."),
        "compare": ("compare", "Where do two kernels part?"),
        "show": ("show", "The state at a place as text: vm, vtop, kmem, ledger."),
        "export": ("export", "Write .json, .html, .md, .svg or .perfetto.json."),
    },
    "Trace files": {
        "fmt": ("fmt", "Write a trace in its canonical form."),
        "lint": ("lint", "Find what a trace probably did not mean."),
        "cut": ("cut", "Keep some operations of a trace."),
        "shrink": ("shrink", "The smallest trace that still does it."),
        "schema": ("schema", "Print the JSON Schema of a trace file."),
    },
    "Kernel models": {
        "kernels": ("kernels", "List the kernel models."),
        "blame": ("blame", "Which release each function of a kernel is from."),
        "flat": ("flat", "A whole kernel model as one text."),
    },
    "A live kernel": {
        "record": ("record", "Run a program and record what the kernel does to its pages."),
        "import": ("import_", "Turn ftrace or perf text into a trace."),
    },
    "This program": {
        "info": ("info", "Versions, limits and every path that is used."),
        "keys": ("keys", "What a key arrives as, and what it does."),
    },
}

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    name: entry for group in GROUPS.values() for name, entry in group.items()
}
DEFAULT: Final = "open"
