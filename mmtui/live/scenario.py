"""Scenario files: a list of operations, and what a real kernel's memory looked like after each, normalised.

Frames are named F1, F2 ... in the order in which they were first seen, addresses are a page of a named region (`A+3`).
`check` runs the operations on the model 6.x and compares after each.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from mmtui.live.scenario_compare import Comparison
from mmtui.live.scenario_machine import Machine, ScenarioError
from mmtui.trace.errors import Problem, TraceError, printable

KERNEL: Final = "6.x"
Text = Annotated[str, Meta(max_length=4096)]


class Process(msgspec.Struct, frozen=True):
    """A process after a step: its vmas `[start, pages, perms, VmFlags]` and its ptes, by region and page."""

    vmas: tuple[tuple[Text, int, Text, Text], ...] = ()
    ptes: dict[str, Text] = {}


class Step(msgspec.Struct, frozen=True):
    """What one operation did: user faults, signals, what the system call returned, and the memory after it."""

    i: int
    by: Text
    op: Text
    faults: tuple[Text, ...] = ()
    signals: tuple[Any, ...] = ()
    ret: tuple[int | str | None, ...] = ()
    procs: dict[str, Process] = {}
    frames: dict[str, tuple[int, tuple[Text, ...]]] = {}


class Scenario(msgspec.Struct, frozen=True):
    """A whole file."""

    oplist: tuple[Text, ...]
    steps: tuple[Step, ...]
    name: Text = ""
    kernel: Text = ""
    note: str = ""
    regions: dict[str, int] = {}


class Difference(msgspec.Struct, frozen=True):
    """Where the model and the observation part: the step's number, its operation, and how."""

    step: int
    op: str
    text: str


def is_scenario(data: bytes) -> bool:
    """Is this the content of a scenario file? (A trace has `ops`, a recording is lines.)"""
    return data.lstrip()[:1] == b"{" and b'"oplist"' in data and b'"steps"' in data


def decode(data: bytes, name: str) -> Scenario:
    """The scenario that `data` holds. Raises TraceError with the first fault."""
    try:
        scenario = msgspec.json.decode(data, type=Scenario)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        text = str(error)
        raise TraceError(name, [Problem("", text[:1].lower() + text[1:])]) from None
    if any(page < 0 or page > 1 << 20 for page in scenario.regions.values()):
        raise TraceError(name, [Problem("regions", "a region has more pages than a process can map")])
    return scenario


def check(data: bytes, name: str) -> Difference | None:
    """Run a scenario on the model; the first difference from what was observed, None if there is none.

    Raises TraceError for a file that is no scenario or names what does not exist. An operation that the model does not
    know is taken to change nothing.
    """
    scenario = decode(data, name)
    machine = Machine(scenario.regions)
    comparison = Comparison(machine)
    before: Step | None = None
    for step in scenario.steps:
        if step.i >= 0:
            try:
                done = machine.run(step.by, step.op, comparison.copied(before, step), comparison.passed_over(step))
            except ScenarioError as problem:
                raise TraceError(name, [Problem(f"steps[{step.i + 1}].op", str(problem))]) from None
            text = comparison.difference(step, done)
            if text:
                return Difference(step.i, printable(f"{step.by} {step.op}"), printable(text))
        before = step
    return None
