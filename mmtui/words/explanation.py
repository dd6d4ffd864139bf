"""What a step means, in two or three sentences, for somebody who never saw the function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmtui.words.changes import callers, clause, transition_text
from mmtui.words.functions import FUNCTIONS, IN_KERNEL
from mmtui.words.refusals import refusal_text
from mmtui.words.text import plain

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline, Transition


def explain(timeline: Timeline, position: int) -> str:
    """The function that made the step to `position`, this step of it, and the commit that made it so."""
    if position <= 0:
        return "Nothing has happened yet: this is the machine as boot leaves it."
    change = timeline.transition(position - 1)
    if change.table == "trace":
        return _about_operation(timeline, change)
    around = callers(timeline, change)
    function = next((name for name in (change.function, *around) if name in FUNCTIONS), "")
    sentences = [FUNCTIONS[function]] if function else []
    here = clause(timeline, change)
    if here:
        said = transition_text(timeline, position - 1)
        sentences.append(f"In this step {said.subject} {said.change}: {here}.")
    kernel = IN_KERNEL.get((function, timeline.kernel))
    if kernel:
        sentences.append(kernel)
    else:
        sentences.append(_commit(timeline, function))
    if not any(sentences):
        said = transition_text(timeline, position - 1)
        return f"{said.subject}: {said.change}."
    return " ".join(sentence for sentence in sentences if sentence)


def _about_operation(timeline: Timeline, change: Transition) -> str:
    if change.column == "op":
        note = timeline.op(change.new).note
        said = f"Operation {change.new} begins" + (f": {plain(note)}" if note else "")
        return said if said.endswith((".", "?")) else f"{said}."
    if change.column == "message":
        return "The kernel writes this to its log and goes on."
    result = timeline.string(change.new)
    why = refusal_text(timeline, change.row)
    return f"Operation {change.row} ends: {plain(result)}." + (f" {why}" if why else "")


def _commit(timeline: Timeline, function: str) -> str:
    """`This is b5810039a54e of 2.6.15-rc1, "core remove PageReserved".` for a function that a release restated."""
    source = timeline.source(function) if function else None
    if source is None or not source.commit:
        return ""
    subject = f', "{source.subject}"' if source.subject else ""
    return f"It is so since {source.release}: {source.commit}{subject}."
