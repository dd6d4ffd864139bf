"""What came of a trace under each kernel, in the words of a bug report, and where two kernels part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mmtui.compare import Parting, first_parting
from mmtui.engine.flags import vm_flag_names
from mmtui.engine.inspect import pte_ref
from mmtui.words import op_text, plain, stop_text, transition_text

if TYPE_CHECKING:
    from mmtui.engine.events import Event
    from mmtui.engine.source import Source
    from mmtui.engine.timeline import Timeline, Transition

PREMATURE: Final = ("free_unpaged", "free_mapped", "free_owned")
_NAMES: Final = {
    "leak": "leak", **dict.fromkeys(PREMATURE, "premature free"), "bad_page": "Bad page state", "bad_pte": "bad pte",
    "stray_put": "stray put",
}  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """What came of one kernel's run: its findings in words, each with its first place; empty: ok."""

    kernel: str
    operations: int
    changes: int
    findings: dict[str, tuple[str, str]]

    @property
    def text(self) -> str:
        """`leak, -EINVAL`, or `ok`."""
        return ", ".join(self.findings) or "ok"

    def record(self) -> dict[str, Any]:
        """As JSON."""
        found = [{"verdict": name, "place": place, "text": text} for name, (place, text) in self.findings.items()]
        return {
            "kernel": self.kernel, "verdict": self.text, "operations": self.operations, "changes": self.changes,
            "findings": found,
        }  # fmt: skip


def verdict_of(timeline: Timeline) -> Verdict:
    """What came of a run."""
    findings: dict[str, tuple[str, str]] = {}
    for kind in (*_NAMES, "bug", "refused"):
        for event in timeline.events(kind):
            name = _name(timeline, event)
            if name not in findings:
                what, why = stop_text(timeline, event)
                findings[name] = (timeline.place_name(event.position), f"{what} {why}".strip())
    return Verdict(timeline.kernel, timeline.op_count, len(timeline), findings)


def _name(timeline: Timeline, event: Event) -> str:
    return _NAMES.get(event.kind) or plain(timeline.result(event.op))


@dataclass(frozen=True)
class Side:
    """What one kernel does where two part: place, change in words, innermost call; "" for nothing."""

    place: str = ""
    change: str = ""
    function: str = ""


@dataclass(frozen=True)
class Difference:
    """Where two kernels part: the operation, what each does there, and the function and commit behind it."""

    first: str
    second: str
    op: int
    op_line: str
    sides: tuple[Side, Side]
    function: str
    release: str
    commit: str
    subject: str

    def record(self) -> dict[str, Any]:
        """As JSON."""
        sides = [{"place": side.place, "change": side.change, "function": side.function} for side in self.sides]
        return {
            "kernels": [self.first, self.second], "op": self.op, "operation": self.op_line, "sides": sides,
            "function": self.function, "release": self.release, "commit": self.commit, "subject": self.subject,
        }  # fmt: skip


def difference_of(first: Timeline, second: Timeline) -> Difference | None:
    """Where two runs of one trace part first; None if they do the same to the end."""
    found = first_parting(first, second)
    if found is None:
        return None
    name, source = _responsible(first, second, found)
    since = (source.release, source.commit, source.subject) if source else ("", "", "")
    sides = (_side(first, found.first), _side(second, found.second))
    return Difference(
        first.kernel, second.kernel, found.op, op_text(first if found.op < first.op_count else second, found.op), sides,
        name, *since,
    )  # fmt: skip


def _side(timeline: Timeline, transition: int | None) -> Side:
    if transition is None:
        return Side()
    said = transition_text(timeline, transition)
    names = [call.name for call in timeline.calls_at(transition + 1)]
    text = f"{said.subject}: {said.change}{_more(timeline, timeline.transition(transition))}"
    return Side(timeline.place_name(transition + 1), text, plain(names[-1]) if names else "")


def _more(timeline: Timeline, change: Transition) -> str:
    """What the numbers do not show: whether an entry has a reference, which flags a vma gets and loses."""
    if change.name == "pte.val":
        return {"+1": ", managed, with a reference", "~": ", not managed"}.get(pte_ref(change.new), "")
    if change.name == "vma.vm_flags":
        gets = [f"+{name}" for name in vm_flag_names(change.new & ~change.old, timeline.kernel)]
        loses = [f"-{name}" for name in vm_flag_names(change.old & ~change.new, timeline.kernel)]
        return "  " + " ".join([*gets, *loses])
    return ""


def _responsible(first: Timeline, second: Timeline, found: Parting) -> tuple[str, Source | None]:
    """The innermost function at the parting that the two kernels have differently, as the one that has it newer."""
    for name in _functions(first, second, found):
        ours, theirs = first.source(name), second.source(name)
        if ours is None and theirs is None:
            continue
        if ours is None or theirs is None or ours.lines != theirs.lines:
            return plain(name), theirs or ours
    return "", None


def _functions(first: Timeline, second: Timeline, found: Parting) -> Iterator[str]:
    """The functions around both changes, innermost first, each once."""
    names: dict[str, None] = {}
    for timeline, transition in ((second, found.second), (first, found.first)):
        if transition is not None:
            names[timeline.transition(transition).function] = None
            names |= dict.fromkeys(call.name for call in reversed(timeline.calls_at(transition + 1)))
    return iter(names)
