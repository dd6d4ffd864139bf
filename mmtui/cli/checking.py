"""One trace checked on one kernel; what came of it, and as JUnit's XML. Runs in a worker of `check -j` too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from mmtui.trace.errors import printable

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline


@dataclass(frozen=True)
class Asked:
    """What every trace is checked for. `golden`: summaries by key, None if none is expected."""

    never: tuple[str, ...] = ()
    always: tuple[str, ...] = ()
    golden: dict[str, Any] | None = None
    update: bool = False
    rerun: bool = False


@dataclass(frozen=True)
class Failure:
    """Something that should not be: what was asked, where it happened (`6.12`; "" for the whole run), in words."""

    asked: str
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.asked}: {'at ' + self.place + ': ' if self.place else ''}{self.text}"


@dataclass
class Checked:
    """What came of one trace on one kernel. `error`: it could not be read. `summary`: what --expect compares."""

    trace: str
    kernel: str
    failures: list[Failure] = field(default_factory=list)
    error: str = ""
    summary: dict[str, Any] | None = None

    @property
    def key(self) -> str:
        """Its name in a file of expectations: it holds wherever the traces lie."""
        return f"{Path(self.trace).name} on {self.kernel}"

    def record(self) -> dict[str, Any]:
        """As `--format json` prints it."""
        failures = [{"asked": f.asked, "place": f.place, "text": f.text} for f in self.failures]
        result = "error" if self.error else "fail" if self.failures else "ok"
        return {"trace": self.trace, "kernel": self.kernel, "result": result, "failures": failures, "error": self.error}


def check_one(trace: str, kernel: str | None, asked: Asked) -> Checked:
    """Load, run and check one trace; whatever is wrong with it is in the result."""
    import mmtui
    from mmtui.engine.errors import MmtuiError

    try:
        scenario = check_scenario(trace, kernel)
        if scenario is not None:
            return scenario
        timeline = mmtui.load(trace, kernel=kernel)
        checked = Checked(trace, timeline.kernel)
        checked.failures += _queries(timeline, asked)
        if asked.golden is not None:
            checked.summary = summary(timeline)
            if not asked.update:
                checked.failures += _differences(asked.golden.get(checked.key), checked.summary)
        if asked.rerun:
            checked.failures += _rerun(timeline)
    except MmtuiError as e:
        return Checked(trace, kernel or "?", error=str(e))
    return checked


def check_scenario(trace: str, kernel: str | None) -> Checked | None:
    """Compare a file of operations and observed states with the model of today's kernel; None if it is no such file."""
    from mmtui.trace.errors import Problem, TraceError
    from mmtui.trace.source import read_bytes

    if not Path(trace).is_file():  # a pipe can be read only once
        return None
    data = read_bytes(trace)
    if b'"oplist"' not in data:
        return None
    from mmtui.live import scenario

    if not scenario.is_scenario(data):
        return None
    if kernel not in (None, scenario.KERNEL):
        reason = f"a scenario shows what today's kernel did: only the model {scenario.KERNEL} compares with it"
        raise TraceError(trace, [Problem("kernel", reason)])
    checked = Checked(trace, scenario.KERNEL)
    found = scenario.check(data, trace)
    if found is not None:
        checked.failures.append(Failure("scenario", f"step {found.step}", f"{found.op}: {found.text}"))
    return checked


def _queries(timeline: Timeline, asked: Asked) -> Iterator[Failure]:
    from mmtui.cli.queries import compiled, opposite, stop_at

    queries = [(f"never {text}", compiled(text, "--never")) for text in asked.never]
    queries += [(f"always {text}", opposite(text, "--always")) for text in asked.always]
    for name, query in queries:
        hits = query.hits(timeline)
        if len(hits):
            stop = stop_at(timeline, int(hits[0]), query.text)
            more = f"  (and {len(hits) - 1} more)" if len(hits) > 1 else ""
            yield Failure(name, stop.place, f"{stop.what}  {stop.why}".rstrip() + more)


def summary(timeline: Timeline) -> dict[str, Any]:
    """What a run comes to: enough to see that it changed, and where."""
    events: dict[str, list[str]] = {}
    for event in timeline.events():
        events.setdefault(event.kind, []).append(timeline.place_name(event.position))
    here = timeline.position
    timeline.seek(len(timeline))
    digest = timeline.digest()
    timeline.seek(here)
    results = [timeline.result(number) for number in range(timeline.op_count)]
    return {"changes": len(timeline), "digest": digest, "results": results, "events": events}


def _differences(expected: dict[str, Any] | None, got: dict[str, Any], asked: str = "expect") -> Iterator[Failure]:
    """The first difference of each kind, the telling ones first."""
    if expected is None:
        yield Failure("expect", "", "nothing is expected of it yet (--update writes it)")
        return
    results, before = got["results"], expected.get("results", [])
    for number in range(max(len(results), len(before))):
        new, old = (values[number] if number < len(values) else "not reached" for values in (results, before))
        if new != old:
            yield Failure(asked, f"op:{number}", f"result {new}, expected {old}")
            return
    for kind in sorted({*got["events"], *expected.get("events", {})}):
        places, were = got["events"].get(kind, []), expected.get("events", {}).get(kind, [])
        if places != were:
            yield Failure(asked, "", f"{kind} at {_list(places)}, expected at {_list(were)}")
            return
    for name in ("changes", "digest"):
        if got[name] != expected.get(name):
            yield Failure(asked, "", f"{name} {got[name]}, expected {expected.get(name)}")
            return


def _list(places: list[str]) -> str:
    return ", ".join(places[:6]) + (f" and {len(places) - 6} more" if len(places) > 6 else "") if places else "no place"


def _rerun(timeline: Timeline) -> Iterator[Failure]:
    """Compares the log that a file brings with a fresh run of its operations."""
    import msgspec

    import mmtui
    from mmtui.trace import codec

    trace = timeline.trace
    if trace.log is None:
        yield Failure("rerun", "", "no log was exported into it: nothing to compare")
    elif timeline.kernel != trace.kernel:
        yield Failure("rerun", "", f"its log is of {trace.kernel}: there is none of {timeline.kernel} to compare")
    else:
        bare = msgspec.structs.replace(trace, log=None)
        fresh = mmtui.load(json.loads(codec.encode(bare)), kernel=timeline.kernel)
        yield from _differences(summary(timeline), summary(fresh), "rerun")


def junit(results: list[Checked]) -> str:
    """All of it as one JUnit test suite."""
    failed, errors = sum(bool(r.failures) for r in results), sum(bool(r.error) for r in results)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    lines.append(f'<testsuite name="mmtui check" tests="{len(results)}" failures="{failed}" errors="{errors}">')
    for result in results:
        name = quoteattr(printable(f"{result.trace} on {result.kernel}"))
        inner = [_element("error", result.error)] if result.error else []
        inner += [_element("failure", str(failure)) for failure in result.failures]
        case = f'  <testcase classname="mmtui" name={name}'
        lines += [case + ">", *inner, "  </testcase>"] if inner else [case + "/>"]
    return "\n".join([*lines, "</testsuite>"])


def _element(tag: str, text: str) -> str:
    safe = "\n".join(printable(line) for line in text.split("\n"))
    return f"    <{tag} message={quoteattr(safe.partition(chr(10))[0])}>{escape(safe)}</{tag}>"
